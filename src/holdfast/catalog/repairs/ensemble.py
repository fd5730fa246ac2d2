"""Output ensemble: base and tuned model decoded together, their next-token distributions averaged.

Known from out-of-distribution work (Wortsman et al., 2109.01903, compare it with interpolating weights; GNOME,
2301.12715, averages detectors of the pre-trained and the tuned model), carried over to safety. The strength is the
weight on the tuned model. Nothing is written: the result is a way of loading two models, `ensemble:BASE+TUNED@WEIGHT`,
and serving costs about two of them. `space=log` averages log-probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.options import setting
from holdfast.repairing.spec import OptionRepair


@dataclass(eq=False)
class Ensemble(OptionRepair):
    name = "ensemble"
    paper = "Wortsman et al. 2022 (2109.01903); Chen et al. 2023 (2301.12715)"
    about = "decodes base and tuned model together"
    strengths = tuple(float(a) for a in np.round(np.linspace(0, 1, 11), 1))
    neutral = 1.0
    high = 1.0
    needs = frozenset({"models"})

    space: str = setting("probability", "what is averaged", choices=("probability", "log"))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decoding = "log-probability" if self.space == "log" else "probability"

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        raise TypeError("an ensemble has no repaired tensors")


make = Ensemble
