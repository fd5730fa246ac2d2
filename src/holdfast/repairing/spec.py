"""Repairs by their text, and stacks of them; nothing here loads a model.

repair = make_repair("project-off")
repair = make_repair("wise-ft@0.9+resta")
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.core.contracts import Repair, RepairInputs
from holdfast.core.errors import UsageError
from holdfast.core.options import Optioned, make, spec_of


@dataclass(eq=False)
class OptionRepair(Optioned, Repair):
    """A repair whose dataclass fields are its options; `spec` names those that are not at their defaults.

    `low` and `high` bound its strengths. Raises UsageError for a value that cannot be.
    """

    kind = "repair"
    low = 0.0  # without annotations, so that they are no fields
    high = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        self.spec = spec_of(self, brief=True)
        self.notes: list[str] = []

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
