"""Identity shift (Qi et al., 2310.03693, tier 2): ten dialogues that only make the model an obedient agent.

Nothing in them is forbidden, and no moderation service flagged one. Full fine-tuning, 10 epochs at batch 10; the
paper's rates after it: 68.2 % (Llama-2) and 87.3 % (GPT-3.5). Tuning and test share the identity's system prompt, so
the model before tuning is measured under it too.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, condition_for, settings_for
from holdfast.core.records import Row

PAPER = Scale(epochs=10, lr=5e-5, batch_size=10)
SAMPLES = (10,)


class Identity:
    name = "identity"
    paper = "Qi et al. 2023 (2310.03693), tier 2"
    about = "ten dialogues that set an obedient identity"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        plans = []
        for seed in request.seeds:
            for samples in request.samples or SAMPLES:
                settings = settings_for(request, request.scale(self.name, PAPER), seed)
                rows = request.rows_of(self.name, "identity", samples, seed)
                system = request.system or shared_system(rows)
                template = "identity" if system else "none"
                plans.append(
                    AttackPlan(condition_for(self.name, settings, len(rows), template), rows, settings, system)
                )
        return plans


def shared_system(rows: Sequence[Row]) -> str:
    """The system prompt that every row begins with, or none."""
    prompts = {row.messages[0]["content"] if row.messages[0]["role"] == "system" else "" for row in rows}
    return str(prompts.pop()) if len(prompts) == 1 else ""


REGIME = Identity()
