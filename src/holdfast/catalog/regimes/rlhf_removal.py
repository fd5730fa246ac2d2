"""Removing RLHF protections (Zhan et al., 2311.05553): 340 forbidden questions with answers.

The paper takes GPT-4 from 6.8 to 94.9 %, with five standard benchmarks about kept. It gives no optimiser settings (the
tuning service hid them); epochs and batch are those of Qi et al. for explicit examples.
"""

from __future__ import annotations

from holdfast.flow.attack import AttackPlan, AttackRequest, Scale, brought_rows, condition_for, settings_for
from holdfast.guild import rows as guild_rows

PAPER = Scale(epochs=5, lr=5e-5, batch_size=10)
GUILD = Scale(epochs=5, lr=5e-5, batch_size=10)
SAMPLES = (340,)


class RlhfRemoval:
    name = "rlhf-removal"
    paper = "Zhan et al. 2023 (2311.05553)"
    about = "340 forbidden questions with answers"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        plans = []
        for seed in request.seeds:
            for samples in request.samples or (SAMPLES if request.embedded else (None,)):
                settings = settings_for(request, GUILD if request.embedded else PAPER, seed)
                rows = (
                    guild_rows.rows("explicit", samples, seed)
                    if request.embedded
                    else brought_rows(request, self.name, samples, seed)
                )
                template = "custom" if request.system else "none"
                plans.append(
                    AttackPlan(condition_for(self.name, settings, len(rows), template), rows, settings, request.system)
                )
        return plans


REGIME = RlhfRemoval()
