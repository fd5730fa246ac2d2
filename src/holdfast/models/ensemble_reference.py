"""References to an ensemble, `ensemble:BASE+TUNED@WEIGHT`, and whether its two models can be joined. No torch.

parse_reference("ensemble:guild+my-adapter@0.5", is_model)  -> EnsembleReference("guild", "my-adapter", 0.5)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdfast.core.errors import ModelError

PREFIX = "ensemble:"
SPACES = ("probability", "log-probability")
FORM = "write ensemble:BASE+TUNED@WEIGHT, such as ensemble:guild+my-adapter@0.5, or @0.5,log for log-probabilities"


@dataclass(frozen=True)
class EnsembleReference:
    """What an `ensemble:` reference names: two model references, the weight on the tuned one, the space."""

    base: str
    tuned: str
    weight: float = 0.5
    space: str = "probability"

    def __str__(self) -> str:
        return f"{PREFIX}{self.base}+{self.tuned}@{self.weight}{',log' if self.space == 'log-probability' else ''}"


def check_weight(weight: float) -> float:
    """The weight itself. Raises ModelError unless it lies in [0, 1]."""
    if not 0 <= weight <= 1:
        raise ModelError(f"the weight of an ensemble lies between 0 and 1, not at {weight:g}", "0 is base, 1 is tuned")
    return float(weight)


def _strength(text: str) -> tuple[float, str]:
    """`0.5` or `0.5,log` as weight and space. Raises ModelError when it is neither."""
    number, _, space = text.partition(",")
    names = {"": "probability", "log": "log-probability", **{name: name for name in SPACES}}
    try:
        weight = float(number)
    except ValueError:
        raise ModelError(f"`{number}` is not a weight", FORM) from None
    if space.strip() not in names:
        raise ModelError(f"`{space}` is not a space to average in", f"known: log, {', '.join(SPACES)}")
    return check_weight(weight), names[space.strip()]


def parse_reference(reference: str, is_model: Callable[[str], bool]) -> EnsembleReference:
    """What `ensemble:BASE+TUNED@WEIGHT` names; `is_model` says whether a text names a model that can be found.

    A path may hold `+` and `@`: the last `+` with a model on either side counts, and an `@` in front of a `/` is the
    path's own. Raises ModelError when a weight, a space or one of the models is not there.
    """
    names = reference.removeprefix(PREFIX)
    asked = re.search(r"@([^@/+]*)$", names)
    weight, space = _strength(asked[1]) if asked else (0.5, "probability")
    names = names[: asked.start()] if asked else names
    splits = [(names[: plus.start()], names[plus.end() :]) for plus in re.finditer(r"\+", names)]
    for base, tuned in reversed(splits):
        if base and tuned and is_model(base) and is_model(tuned):
            return EnsembleReference(base, tuned, weight, space)
    if not any(base and tuned for base, tuned in splits):
        raise ModelError(f"`{reference}` does not name two models", FORM)
    missing = [name for name in splits[-1] if not is_model(name)]
    raise ModelError(f"`{reference}`: there is no model `{missing[0] if missing else names}`", FORM)


def check_vocabularies(base: Any, tuned: Any) -> None:
    """Raise ModelError unless each token of the base tokenizer has the same id in the tuned one; that may have more."""
    known = tuned.get_vocab()
    differing = sorted((i, token) for token, i in base.get_vocab().items() if known.get(token) != i)
    if differing:
        i, token = differing[0]
        raise ModelError(
            f"base and tuned model do not share a vocabulary: {len(differing)} tokens differ, the first is {token!r} "
            f"({i} in the base, {known.get(token, 'unknown')} in the tuned)",
            "an ensemble averages token by token: use a model tuned from this base, with its tokenizer",
        )
