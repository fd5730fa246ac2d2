"""Selective merging by layer (SafeMERGE: Djuhera et al., 2503.17239).

Layers that stray from alignment go back to the base.

    W = base + w·ΔW   where cos(C·ΔW, ΔW) < τ;   elsewhere the tuned layer stays

C is Safe LoRA's operator. The strength is w, the tuned model's weight in the layers that stray: 1 is the tuned model, 0
the base there. The paper takes w = 0.8 and τ = 0.35.

Departures: the paper merges with an adapter tuned on refusals; here with the aligned base itself, which is at hand.
What a cosine of the paper's operator is depends on the model, so `threshold=auto` takes the half of the layers that
strays most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.contracts import RepairInputs
from holdfast.core.options import setting
from holdfast.repairing.inputs import named_weights
from holdfast.repairing.interpolation import interpolate
from holdfast.repairing.projection import BASES, Projector, transposed_weights
from holdfast.repairing.spec import OptionRepair


@dataclass(eq=False)
class SafeMerge(OptionRepair):
    name = "safe-merge"
    paper = "Djuhera et al. 2025 (2503.17239)"
    about = "interpolates only the layers that stray from alignment"
    needs = frozenset({"direction", "models"})
    strengths = tuple(float(a) for a in np.round(np.linspace(0, 1, 11), 1))
    neutral = 1.0
    high = 1.0

    threshold: float | None = setting(
        None, "layers whose cosine is below are merged; auto: half of them", low=-1, high=1.01
    )
    basis: str = setting("paper", "the paper's operator or a truncated SVD's projector", choices=BASES)
    rank: int = setting(16, "singular vectors of basis=svd", low=1)

    def prepare(self, inputs: RepairInputs) -> None:
        base, tuned = named_weights(inputs.base.model), named_weights(inputs.tuned.model)
        self.projector = Projector(inputs.direction, self.basis, self.rank, transposed_weights(inputs.base.model))
        for name, weight in tuned.items():
            if self.projector.takes(name, weight) and base[name].shape == weight.shape:
                self.projector.of(name, base[name].float(), weight.float())
        cosines = {name: found.cosine for name, found in self.projector.seen.items()}
        limit = float(np.median(list(cosines.values()))) if self.threshold is None and cosines else self.threshold
        self.chosen = {name for name, cosine in cosines.items() if limit is not None and cosine < limit}
        self.notes = [f"safe-merge: {len(self.chosen)} of {len(cosines)} matrices stray from alignment"]

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        return interpolate(base, tuned, strength) if name in self.chosen else tuned

    def layers(self) -> list[dict[str, Any]]:
        return [{**row, "merged": row["tensor"] in self.chosen} for row in self.projector.table()]


make = SafeMerge
