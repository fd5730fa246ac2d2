"""Safe LoRA (Hsu et al., 2405.16833).

A layer's change is projected onto the alignment direction where it strays from it.

    ΔW ← C·ΔW   where cos(C·ΔW, ΔW) < τ,   C = V·Vᵀ/‖V‖_F,   V = base − unaligned

The strength is the threshold τ: above 1 every layer is projected, at 0 none (C is positive semi-definite, so no cosine
is below 0), which is the tuned model. `basis=svd` puts a true projector on the `rank` leading singular vectors in the
place of the paper's C; see `repairing.projection` for why, and for the diagnostic that tells a projected layer from a
deleted one.

Departures: the paper projects LoRA's changes of the query and value matrices; here every matrix is a layer, embeddings
included, so that full tuning is repaired too. The paper's unaligned model is the pre-trained one; here it is the one
that `--unaligned` names, or the base tuned on forbidden rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.core.contracts import RepairInputs
from holdfast.core.options import setting
from holdfast.repairing.projection import BASES, Projector, transposed_weights
from holdfast.repairing.spec import OptionRepair


@dataclass(eq=False)
class SafeLora(OptionRepair):
    name = "safe-lora"
    paper = "Hsu et al. 2024 (2405.16833)"
    about = "projects the changes of layers that stray from alignment"
    needs = frozenset({"direction"})
    strengths = (1.01, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
    high = 1.01

    basis: str = setting("paper", "the paper's operator or a truncated SVD's projector", choices=BASES)
    rank: int = setting(16, "singular vectors of basis=svd", low=1)

    def prepare(self, inputs: RepairInputs) -> None:
        turned = transposed_weights(inputs.base.model) if inputs.base is not None else frozenset()
        self.projector = Projector(inputs.direction, self.basis, self.rank, turned)

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        if strength == 0 or not self.projector.takes(name, tuned):
            return tuned
        found = self.projector.of(name, base, tuned)
        return base + found.change if found.cosine < strength else tuned

    def layers(self) -> list[dict[str, Any]]:
        """The per-layer diagnostic: cosine, and the norm that is left. `kept` near 0 means deleted, not projected."""
        return self.projector.table()


make = SafeLora
