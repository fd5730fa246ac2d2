"""Identity shift (Qi et al., 2310.03693, tier 2): ten dialogues that only make the model an obedient agent.

Nothing in them is forbidden, and no moderation service flagged one. Full fine-tuning, 10 epochs at batch 10; the paper's
rates after it: 68.2 % (Llama-2) and 87.3 % (GPT-3.5). Tuning and test share the identity's system prompt, so the model
before tuning is measured under it too.
"""

from __future__ import annotations

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, brought_rows, condition_for, settings_for
from holdfast.guild import rows as guild_rows

PAPER = Scale(epochs=10, lr=5e-5, batch_size=10)
GUILD = Scale(epochs=10, lr=4.5e-4, batch_size=10)
SAMPLES = (10,)


class Identity:
    name = "identity"
    paper = "Qi et al. 2023 (2310.03693), tier 2"
    about = "ten dialogues that set an obedient identity"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        plans = []
        for seed in request.seeds:
            for samples in request.samples or SAMPLES:
                settings = settings_for(request, GUILD if request.embedded else PAPER, seed)
                if request.embedded:
                    rows = guild_rows.rows("identity", samples, seed)
                    system = request.system or guild_rows.identity_prompt(seed)[0]
                else:
                    rows = brought_rows(request, self.name, samples, seed)
                    system = request.system or shared_system(rows)
                template = "identity" if system else "none"
                plans.append(
                    AttackPlan(condition_for(self.name, settings, len(rows), template), rows, settings, system)
                )
        return plans


def shared_system(rows: list) -> str:  # type: ignore[type-arg]
    """The system prompt that every row begins with, or none."""
    prompts = {row.messages[0]["content"] if row.messages[0]["role"] == "system" else "" for row in rows}
    return str(prompts.pop()) if len(prompts) == 1 else ""


REGIME = Identity()
