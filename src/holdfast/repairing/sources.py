"""What the repairs of a run draw on: the base, rows, and the direction of harm, made once when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.contracts import Repair, RepairInputs
from holdfast.core.records import Row, digest
from holdfast.models.load import LoadedModel
from holdfast.repairing.inputs import Direction, missing_inputs


@dataclass
class Sources:
    """What the repairs of a run draw on; the direction is made when the first repair asks for it."""

    base: LoadedModel
    safety_rows: Sequence[Row]
    make_direction: Callable[[], Direction] | None
    task_rows: Sequence[Row] = ()
    seed: int = 0
    direction: Direction | None = field(default=None, init=False)

    def of(self, repair: Repair, tuned: LoadedModel, strengths: Sequence[float]) -> RepairInputs:
        """The inputs of one repair of a tuned model at these strengths."""
        if "direction" in repair.needs and self.direction is None and self.make_direction:
            self.direction = self.make_direction()
        tensors = self.direction.tensors if self.direction else {}
        return RepairInputs(self.base, tuned, tensors, self.safety_rows, self.task_rows, strengths, self.seed)

    def lacks(self, repair: Repair) -> list[str]:
        """What a repair needs and cannot be had, without making anything."""
        there: Mapping[str, Any] = {"x": 0} if self.direction or self.make_direction else {}
        return missing_inputs(repair, RepairInputs(self.base, self.base, there, self.safety_rows, self.task_rows))

    def key(self, repair: Repair) -> str:
        """The fingerprint of what a repair draws on."""
        return digest(
            {
                "direction": self.direction.key if self.direction and "direction" in repair.needs else None,
                "safety": [r.messages for r in self.safety_rows] if "safety_rows" in repair.needs else None,
                "task": [r.messages for r in self.task_rows] if "task_rows" in repair.needs else None,
                "seed": self.seed,
            }
        )
