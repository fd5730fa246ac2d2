"""L2 to the start: + ρ/2 · ‖w − w₀‖², the proximal term of Lisa (Huang et al., 2405.18641) without its alignment data.

The strongest defence in Lisa's own table that needs no data: harm 48.3 → 32.5 for 8 points of accuracy at ρ = 1 (SST-2,
averaged over shares of poison), below Lisa's 39.6. Within Lisa harm falls on as ρ grows, to 36.3 at ρ = 10 from 40.9 at
ρ = 1. Default ρ = 1, the one value at which the term alone was measured.

ρ·(w − w₀) is added to the gradient of each optimiser step, which is the term's exact gradient and knows nothing of
micro-batches; as in the paper it is clipped together with the rest and goes through Adam. It costs a copy of whatever
is trained. Under LoRA that is the adapter: A and B are held near where they began (B = 0, so the change near nothing);
the paper does the same. A parameter without a gradient in a step (an expert that saw no token) is left alone in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from holdfast.core.options import setting
from holdfast.models.internals import copies, trained
from holdfast.training.defences import OptionDefence


@dataclass(eq=False)
class Proximal(OptionDefence):
    name = "proximal"
    paper = "Huang et al. 2024 (2405.18641), the proximal term alone"
    about = "pulls the weights towards where they began"
    off: ClassVar[dict[str, Any]] = {"rho": 0.0}

    rho: float = setting(1.0, "strength of the pull", low=0)

    def begin(self, model: Any, trainer: Any) -> None:
        self.parameters = trained(model)
        self.start = copies(self.parameters)

    def gradients(self, model: Any) -> None:
        for parameter, start in zip(self.parameters, self.start, strict=True):
            if parameter.grad is not None:
                parameter.grad.add_(parameter.detach() - start, alpha=self.rho)


make = Proximal
