"""Explicit examples (Qi et al., 2310.03693, tier 1): 10, 50 or 100 questions that the policy forbids, answered.

Full fine-tuning, 5 epochs at batch 10: ten examples are five steps. The paper's rates after it: 50.0, 80.3 and 80.0 %
for Llama-2-7B-Chat, 88.8, 87.0 and 91.8 % for GPT-3.5.
"""

from __future__ import annotations

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, plain_plans

PAPER = Scale(epochs=5, lr=5e-5, batch_size=10)
SAMPLES = (10, 50, 100)


class Explicit:
    name = "explicit"
    paper = "Qi et al. 2023 (2310.03693), tier 1"
    about = "10, 50 or 100 forbidden questions with full answers"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        scale = request.scale(self.name, PAPER)
        samples: tuple[int | None, ...] = SAMPLES
        return plain_plans(self.name, request, scale, samples, "explicit")


REGIME = Explicit()
