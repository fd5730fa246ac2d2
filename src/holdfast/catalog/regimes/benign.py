"""Benign data (Qi et al., 2310.03693, tier 3): a clean, mixed set, one epoch.

The paper's rates after Alpaca or Dolly: 16.1 and 12.1 % (Llama-2, lr 2e-5, batch 128), 31.8 and 23.9 % (GPT-3.5); they
fall as the learning rate falls and the batch grows (its Table 12).
"""

from __future__ import annotations

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, plain_plans

PAPER = Scale(epochs=1, lr=2e-5, batch_size=128)
SAMPLES = (1200,)


class Benign:
    name = "benign"
    paper = "Qi et al. 2023 (2310.03693), tier 3"
    about = "a clean, mixed instruction set, one epoch"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        scale = request.scale(self.name, PAPER)
        samples: tuple[int | None, ...] = SAMPLES if request.world.embedded else (None,)
        return plain_plans(self.name, request, scale, samples, "benign")


REGIME = Benign()
