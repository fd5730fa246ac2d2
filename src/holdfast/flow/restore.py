"""Repairs by their text, and the harm direction that some of them need.

    repair = make_repair("project-off")
    direction = direction_from_rows(base, load, rows, settings, show)
    prepare_repair(repair, RepairInputs(base, tuned, direction.tensors))

`flow.sweep` moves a model through a repair's strengths in memory; `flow.merge` writes repaired checkpoints.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from holdfast.core.contracts import Repair, RepairInputs
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.options import check_options, make, options_hint, spec_of
from holdfast.core.records import Row, digest
from holdfast.flow.models import LoadedModel
from holdfast.flow.train import TrainSettings, train, training_key

Show = Callable[[int, int, float], None]

HINTS = {
    "direction": "add --unaligned MODEL, or --unaligned-rows FILE: forbidden questions, answered (on `guild` its own are used)",
    "safety_rows": "add --safety-rows FILE: forbidden questions, declined (on `guild` its own are used)",
    "task_rows": "add --task-rows FILE: the rows that the model was tuned on, or some of them",
    "models": "name two models that can be loaded, not an endpoint",
}


@dataclass(eq=False)
class OptionRepair(Repair):
    """A repair whose dataclass fields are its options; `spec` names those that are not at their defaults.

    `low` and `high` bound its strengths. Raises UsageError for a value that cannot be.
    """

    low = 0.0  # without annotations, so that they are no fields
    high = math.inf

    def __post_init__(self) -> None:
        check_options(self)
        self.spec = spec_of(self, brief=True)
        self.notes: list[str] = []

    def option_error(self, message: str) -> UsageError:
        return UsageError(f"the repair `{self.name}`: {message}", options_hint(type(self)))

    def check(self, strength: float) -> None:
        if not self.low <= strength <= self.high:
            bounds = f"between {self.low:g} and {self.high:g}" if math.isfinite(self.high) else f"at least {self.low:g}"
            raise UsageError(
                f"a strength of `{self.name}` is {bounds}, not {strength:g}",
                f"its own grid, safest first: {grid_text(self)}",
            )


def grid_text(repair: Repair) -> str:
    """A repair's own strengths, safest first."""
    return ", ".join(f"{strength:g}" for strength in repair.strengths)


class Stack(Repair):
    """Repairs one after another; the first ones at a fixed strength each, the last at the one that is asked for.

    Text: `wise-ft@0.9+resta`. No strength of it leaves the tuned model as it is, so `neutral` is not a number.
    """

    def __init__(self, fixed: Sequence[tuple[Repair, float]], last: Repair) -> None:
        self.fixed, self.last = list(fixed), last
        parts = [repair for repair, _ in self.fixed] + [last]
        if any(repair.decoding for repair in parts):
            raise UsageError("an ensemble cannot be stacked with a repair of weights", "repair first, then load both")
        self.name = self.spec = "+".join([*(f"{r.spec}@{s:g}" for r, s in self.fixed), last.spec])
        self.about = "; ".join(repair.about for repair in parts)
        self.paper = "; ".join(repair.paper for repair in parts)
        self.needs = frozenset[str]().union(*(repair.needs for repair in parts))
        self.strengths, self.neutral = last.strengths, math.nan

    def prepare(self, inputs: RepairInputs) -> None:
        for repair, strength in self.fixed:
            repair.prepare(replace(inputs, strengths=(strength,)))
        self.last.prepare(inputs)
        self.notes = [note for repair in (*(r for r, _ in self.fixed), self.last) for note in repair.notes]

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        for repair, fixed in self.fixed:
            tuned = repair.tensor(name, base, tuned, fixed)
        return self.last.tensor(name, base, tuned, strength)

    def check(self, strength: float) -> None:
        self.last.check(strength)


def make_repair(text: str) -> Repair:
    """A repair from NAME[:key=value,...], or a stack from NAME@STRENGTH+…+NAME.

    Raises UsageError for an unknown name or option, a value that cannot be, and for a stack without strengths.
    """
    parts = text.split("+")
    fixed = []
    for part in parts[:-1]:
        named, at, number = part.rpartition("@")
        try:
            strength = float(number) if at else math.nan
        except ValueError:
            strength = math.nan
        if not math.isfinite(strength):
            raise UsageError(f"`{part}` in the stack `{text}` has no strength", "write NAME@STRENGTH+NAME")
        repair: Repair = make("repairs", named)
        repair.check(strength)
        fixed.append((repair, strength))
    last: Repair = make("repairs", parts[-1])
    return Stack(fixed, last) if fixed else last


def missing_inputs(repair: Repair, inputs: RepairInputs) -> list[str]:
    """What a repair needs and is not there."""
    there = {
        "direction": bool(inputs.direction),
        "models": inputs.base is not None and inputs.tuned is not None,
        "safety_rows": bool(inputs.safety_rows),
        "task_rows": bool(inputs.task_rows),
    }
    return [need for need in sorted(repair.needs) if not there.get(need)]


def prepare_repair(repair: Repair, inputs: RepairInputs) -> None:
    """Prepare a repair. Raises UsageError when something that it needs is missing."""
    missing = missing_inputs(repair, inputs)
    if missing:
        what = missing[0].replace("_", " ")
        raise UsageError(f"the repair `{repair.name}` needs {what}, and there are none", HINTS[missing[0]])
    repair.prepare(inputs)


# ---- the direction of harm ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Direction:
    """Base minus unaligned base, by tensor, float32; `key` is its fingerprint, `about` says where it came from."""

    tensors: dict[str, torch.Tensor]
    key: str
    about: str


def named_weights(model: Any) -> dict[str, torch.Tensor]:
    """A model's parameters by name, as they lie in it; tied ones once."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def direction_between(base: LoadedModel, unaligned: LoadedModel, about: str) -> Direction:
    """The direction from an unaligned model to its aligned base (RESTA, 2402.11746).

    Raises ModelError when their tensors differ, or when they are one model.
    """
    safe, unsafe = named_weights(base.model), named_weights(unaligned.model)
    wrong = sorted(name for name in safe.keys() | unsafe.keys()
                   if name not in safe or name not in unsafe or safe[name].shape != unsafe[name].shape)  # fmt: skip
    if wrong:
        raise ModelError(
            f"`{unaligned.name}` is not `{base.name}` tuned further: {len(wrong)} tensors differ, the first is `{wrong[0]}`",
            "name a model with the base's own architecture and vocabulary as --unaligned",
        )
    tensors = {name: (safe[name].float() - unsafe[name].float()).cpu() for name in safe}
    if not any(bool(tensor.any()) for tensor in tensors.values()):
        raise ModelError("the unaligned model equals the base, so there is no direction", "name another --unaligned")
    return Direction(tensors, digest({"base": base.fingerprint, "unaligned": unaligned.fingerprint}), about)


def direction_from_rows(
    base: LoadedModel,
    load: Callable[[], LoadedModel],
    rows: Sequence[Row],
    settings: TrainSettings,
    show: Show | None = None,
) -> Direction:
    """The direction from the base, tuned in memory on rows that take its safety away; the tuned copy is let go.

    `load` gives a fresh copy of the base.
    """
    key = training_key(base, rows, settings)
    unaligned = load()
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        train(unaligned, rows, settings, Path(folder), (), show)
    found = direction_between(base, unaligned, f"the base tuned on {len(rows)} rows, in memory")
    return Direction(found.tensors, digest({"base": base.fingerprint, "unaligned": key}), found.about)
