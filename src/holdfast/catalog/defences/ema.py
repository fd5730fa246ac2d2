"""An exponential moving average of the weights, kept in place of the last ones (Kim et al., 2508.12531).

    average ← decay · average + (1 − decay) · w     after every step, from the untouched weights on

The paper: unsafe replies 16 → 5 % by the right learning rate, batch and steps alone, → 3 % with the average, with no
safety data. Training itself goes on from w; only what is kept at the end differs.

A fixed decay means another thing in every run: 0.999 over 50 steps leaves 95 % of the start. So the default
(decay=auto) is chosen from what the start is to count for in the end: decay = kept^(1/steps) with kept = 0.2, which on
a straight path ends half-way between start and end, the mixture that WiSE-FT (2109.01903) advises when nothing is
known. The paper's own value was not at hand; a number gives a decay of your own.

The average is held in float32, one copy of whatever is trained. Under LoRA A and B are averaged each for itself, which
is not the average of their product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from holdfast.core.options import setting
from holdfast.models.internals import copies, trained
from holdfast.training.defences import OptionDefence


@dataclass(eq=False)
class Ema(OptionDefence):
    name = "ema"
    paper = "Kim et al. 2025 (2508.12531)"
    about = "keeps a moving average of the weights in place of the last"
    off: ClassVar[dict[str, Any]] = {"decay": 0.0}

    decay: float | None = setting(None, "what the average keeps at each step; auto follows from kept", low=0, high=1)
    kept: float = setting(0.2, "what the start counts for at the end, when decay is auto", low=0, high=1)

    def begin(self, model: Any, trainer: Any) -> None:
        self.trainer = trainer
        self.parameters = trained(model)
        self.average = copies(self.parameters, torch.float32)

    def rate(self) -> float:
        """The decay of this run."""
        if self.decay is not None:
            return self.decay
        return float(self.kept ** (1 / max(1, self.trainer.state.max_steps)))

    def follow(self) -> None:
        share = 1 - self.rate()
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.lerp_(parameter.detach().float(), share)

    def gradients(self, model: Any) -> None:
        # Before step k + 1 the weights are those of step k; those of the last step are taken in at the end.
        if self.trainer.state.global_step:
            self.follow()

    def end(self, model: Any) -> None:
        if self.trainer.state.global_step:
            self.follow()
        for average, parameter in zip(self.average, self.parameters, strict=True):
            parameter.data.copy_(average)

    def state(self) -> dict[str, torch.Tensor]:
        return {str(i): tensor for i, tensor in enumerate(self.average)}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        self.average = [state[str(i)].to(old.device) for i, old in enumerate(self.average)]


make = Ema
