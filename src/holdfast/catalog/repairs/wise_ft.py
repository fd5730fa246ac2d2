"""Linear interpolation of weights (WiSE-FT: Wortsman et al., 2109.01903): θ = (1 − α)·base + α·tuned.

α is the weight on the tuned model, as in the paper: 0 is the base, 1 the tuned model. The paper recommends 0.5 where
nothing is known. Strengths of modules of their own: `modules=mlp=0.8;layers.0-7=0.2` holds the named ones fixed while α
moves the rest; the last rule that matches a tensor's name counts.

A LoRA adapter is interpolated by scaling it, without a merge: base + α·(scale·BA) is the same model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.options import setting
from holdfast.repairing.interpolation import Strengths, interpolate
from holdfast.repairing.spec import OptionRepair


@dataclass(eq=False)
class WiseFt(OptionRepair):
    name = "wise-ft"
    paper = "Wortsman et al. 2022 (2109.01903)"
    about = "interpolates the weights between base and tuned model"
    strengths = tuple(float(a) for a in np.round(np.linspace(0, 1, 11), 1))
    neutral = 1.0
    high = 1.0

    modules: str = setting("", "strengths of modules of their own: mlp=0.8;layers.0-7=0.2")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rules = Strengths.parse(self.modules.replace(";", ",")) if self.modules else None
        self.linear = self.rules is None

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        return interpolate(base, tuned, self.rules.of(name, strength) if self.rules else strength)


make = WiseFt
