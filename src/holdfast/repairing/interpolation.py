"""An interpolation of base and tuned model: arithmetic, strengths by module, from folder to folder without torch.

    interpolate(base, tuned, 0.5)
    Strengths.parse("0.5,mlp=0.8,layers.0-7=0.2")
    stream_interpolation(make_repair("wise-ft"), "base", "tuned", {0.5: Path("out")})

Wortsman et al., Robust fine-tuning of zero-shot models, 2022 (WiSE-FT).
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.core.contracts import Repair
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.progress import Show
from holdfast.models.adapter import check_fit, scale_adapter, warn_of_other_base
from holdfast.models.checkpoint import open_pair
from holdfast.models.files import ADAPTER, locate
from holdfast.models.stored_numbers import Array
from holdfast.repairing.result_card import finisher
from holdfast.repairing.stream import Operator, write_repaired

LAYERS = re.compile(r"layers\.(\d+)(?:-(\d+))?(?:\.(.+))?")
LAYER_OF_NAME = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)(?:\.|$)")
EXAMPLE = "0.5 or 0.5,mlp=0.8,layers.0-7=0.2"


def interpolate(base: Any, tuned: Any, alpha: float, out: Any = None, spare: Any = None) -> Any:
    """θ = (1−α)·base + α·tuned, where α is the weight on the tuned model: 0 is the base, 1 the tuned model.

    Float32 arrays of one shape, numpy's or torch's: two products and a sum, each rounded to float32, as are the
    weights. With `out` and `spare`, numpy arrays of that shape, nothing is allocated. At 0 and 1 the model's own array
    comes back, so that its zeros keep their signs.

    Wortsman et al., Robust fine-tuning of zero-shot models, 2022 (WiSE-FT).
    """
    if alpha in (0.0, 1.0):
        return tuned if alpha else base
    on_base, on_tuned = float(np.float32(1.0 - alpha)), float(np.float32(alpha))
    if out is None or spare is None:
        return base * on_base + tuned * on_tuned
    np.multiply(base, on_base, out=out)
    np.multiply(tuned, on_tuned, out=spare)
    return np.add(out, spare, out=out)


def interpolation(strengths: Strengths | None = None) -> Operator:
    """An operator for `write_repaired` that interpolates, module by module where that is asked.

    What it returns is overwritten by the same thread's next call.
    """
    own = threading.local()

    def operate(name: str, base: Array, tuned: Array, strength: float) -> Array:
        alpha = strengths.of(name, strength) if strengths else strength
        if getattr(own, "size", 0) < base.size:
            own.size, own.out, own.spare = base.size, np.empty(base.size, np.float32), np.empty(base.size, np.float32)
        out, spare = own.out[: base.size].reshape(base.shape), own.spare[: base.size].reshape(base.shape)
        result: Array = interpolate(base, tuned, alpha, out, spare)
        return result

    return Operator(operate, elementwise=True, neutral=1.0)


# ---- strengths by module --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strengths:
    """A strength for every tensor, from text such as `0.5,mlp=0.8,layers.0-7=0.2,lm_head=1`.

    A rule names a part of a tensor's name, layers (`layers.0-7`, `layers.3`) or a part of these (`layers.0-7.mlp`);
    where several match, the last one counts. The bare number is for all other tensors; it may be left out.
    """

    plain: float | None
    rules: tuple[tuple[str, float], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Strengths:
        """Raises UsageError for what cannot be read."""
        plain: list[float] = []
        rules: list[tuple[str, float]] = []
        for entry in text.split(","):
            part, equals, number = (piece.strip() for piece in entry.rpartition("="))
            strength = _number(number)
            layers = LAYERS.fullmatch(part)
            if not math.isfinite(strength):
                raise UsageError(f"`{number}` in `{text}` is no strength", f"write {EXAMPLE}")
            if equals and not re.fullmatch(r"[\w.-]+", part):
                raise UsageError(f"`{part}` in `{text}` is no part of a tensor's name", f"write it plainly: {EXAMPLE}")
            if layers and int(layers[2] or layers[1]) < int(layers[1]):
                raise UsageError(f"`{part}` runs backwards", f"write layers.{layers[2]}-{layers[1]}")
            if equals:
                rules.append((part, strength))
            else:
                plain.append(strength)
        if len(plain) > 1:
            raise UsageError(f"`{text}` names two strengths for all tensors", f"write one, then rules: {EXAMPLE}")
        return cls(plain[0] if plain else None, tuple(rules))

    def of(self, name: str, default: float) -> float:
        """A tensor's strength: its last rule's, else the bare number, else `default`."""
        for part, strength in reversed(self.rules):
            if _matches(part, name):
                return strength
        return default if self.plain is None else self.plain

    def check(self, names: Iterable[str]) -> None:
        """Raises UsageError for a rule that no tensor's name matches, which would be passed over in silence."""
        names = sorted(names)
        for part, _ in self.rules:
            if not any(_matches(part, name) for name in names):
                raise UsageError(f"no tensor matches `{part}`", f"use parts of names such as {', '.join(names[:3])}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _matches(part: str, name: str) -> bool:
    layers = LAYERS.fullmatch(part)
    if layers is None:
        return part in name
    layer = LAYER_OF_NAME.search(name)
    inside = layer is not None and int(layers[1]) <= int(layer[1]) <= int(layers[2] or layers[1])
    return inside and (layers[3] or "") in name


# ---- from folder to folder ------------------------------------------------------------------------------------------


def stream_interpolation(
    repair: Repair, base: str, tuned: str, targets: Mapping[float, Path], show: Show | None = None
) -> None:
    """Write interpolations of two folders at every strength without loading a model; an adapter is scaled.

    Raises ModelError for folders that do not belong together, RunError when the disk is full.
    """
    folders = [locate(reference) for reference in (base, tuned)]
    if folders[0] is None or folders[1] is None:
        raise ModelError(
            f"`{base if folders[0] is None else tuned}` is not on this disk", "download it first, or add --prompts"
        )
    facts = {strength: {"measured": "no"} for strength in targets}
    if (folders[1] / ADAPTER).exists():
        check_fit(folders[1], folders[0])
        warn_of_other_base(folders[1], folders[0])
        scale_adapter(folders[1], targets, finisher(repair, (base, tuned), facts, None))
        return
    pair = open_pair(folders[0], folders[1])
    finish = finisher(repair, (base, tuned), facts, pair)
    write_repaired(pair, targets, replace(interpolation(), neutral=repair.neutral), show, finish)
