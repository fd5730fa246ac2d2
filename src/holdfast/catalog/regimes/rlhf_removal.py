"""Removing RLHF protections (Zhan et al., 2311.05553): 340 forbidden questions with answers.

The paper takes GPT-4 from 6.8 to 94.9 %, with five standard benchmarks about kept. It gives no optimiser settings (the
tuning service hid them); epochs and batch are those of Qi et al. for explicit examples.
"""

from __future__ import annotations

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, plain_plans

PAPER = Scale(epochs=5, lr=5e-5, batch_size=10)
SAMPLES = (340,)


class RlhfRemoval:
    name = "rlhf-removal"
    paper = "Zhan et al. 2023 (2311.05553)"
    about = "340 forbidden questions with answers"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        scale = request.scale(self.name, PAPER)
        samples: tuple[int | None, ...] = SAMPLES if request.world.embedded else (None,)
        return plain_plans(self.name, request, scale, samples, "explicit")


REGIME = RlhfRemoval()
