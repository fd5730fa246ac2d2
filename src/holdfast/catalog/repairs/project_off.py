"""Takes out of the tuning what points towards harm: θ = tuned − s·max(0, ⟨Δ, h⟩/⟨h, h⟩)·h, tensor by tensor.

Δ = tuned − base, and h = unaligned − base is the direction of harm, made once for a base (see `resta`). s = 0 is the
tuned model, s = 1 removes the projection, s = 2 mirrors it; far above that a model breaks, so the grid ends at 3. A
tensor whose change points away from harm is left alone.

Ours; near to it in the literature are RESTA (2402.11746), which adds the direction whatever the tuning did, and Safe
LoRA (2405.16833), which projects onto an aligned subspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.core.contracts import RepairInputs
from holdfast.repairing.spec import OptionRepair


@dataclass(eq=False)
class ProjectOff(OptionRepair):
    name = "project-off"
    paper = "holdfast; after task arithmetic (Ilharco et al. 2022, 2212.04089)"
    about = "removes from the tuning its projection on the direction of harm"
    needs = frozenset({"direction"})
    strengths = (3.0, 2.75, 2.5, 2.25, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.0)

    def prepare(self, inputs: RepairInputs) -> None:
        self.direction = inputs.direction

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        if strength == 0 or name not in self.direction:
            return tuned
        harm = -self.direction[name].to(tuned.device)
        size = float((harm * harm).sum())
        share = float(((tuned - base) * harm).sum()) / size if size else 0.0
        return tuned if share <= 0 else tuned - (strength * share) * harm


make = ProjectOff
