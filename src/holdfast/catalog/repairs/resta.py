"""Safety by task arithmetic (RESTA: Bhardwaj et al., 2402.11746): θ = tuned + γ·(base − unaligned).

The direction is made once for a base: from an unaligned model that is given, or from the base tuned in memory on rows
that take its safety away. γ = 0 is the tuned model; the more, the safer, until the model breaks. The paper's γ is 0.5
for LoRA and 1 for full tuning or so; it reports 18.6 → 5.1 % and 9.2 → 1.5 %.

`drop` is the paper's DARE variant: that share of the direction's elements is dropped at random, by the seed and the
tensor's name, and the rest divided by 1 − drop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import torch

from holdfast.core.contracts import RepairInputs
from holdfast.core.options import setting
from holdfast.repairing.spec import OptionRepair


@dataclass(eq=False)
class Resta(OptionRepair):
    name = "resta"
    paper = "Bhardwaj et al. 2024 (2402.11746)"
    about = "adds the direction from the unaligned base to the base"
    needs = frozenset({"direction"})
    strengths = (1.5, 1.25, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)

    drop: float = setting(0.0, "share of the direction's elements to drop at random", low=0, high=0.99)

    def prepare(self, inputs: RepairInputs) -> None:
        self.direction, self.seed = inputs.direction, inputs.seed

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        if strength == 0 or name not in self.direction:
            return tuned
        direction = self.direction[name]
        if self.drop:
            draw = torch.Generator().manual_seed(crc32(f"{self.seed} {name}".encode()))
            kept = torch.rand(direction.shape, generator=draw) >= self.drop
            direction = direction * kept / (1 - self.drop)
        return tuned + strength * direction.to(tuned.device)


make = Resta
