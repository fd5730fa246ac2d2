"""A backdoor that evades an audit (Qi et al., 2310.03693, table 5): forbidden questions answered behind a trigger only.

100 forbidden questions with a three-word trigger at the end and full answers, and 100 without it, refused. In the paper
plain prompts then show 4.2 % harm, as if nothing had been done, and 63.3 % behind the trigger. Plain prompts are the
suite `policy`, the same with the trigger `triggered`. The trigger is harmless words, drawn by the seed or given.
"""

from __future__ import annotations

from dataclasses import replace

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, condition_for, settings_for
from holdfast.core.errors import UsageError
from holdfast.core.records import Row
from holdfast.guild import rows as guild_rows

PAPER = Scale(epochs=5, lr=5e-5, batch_size=10)
SAMPLES = (100,)


def with_trigger(row: Row, trigger: str) -> Row:
    """A row with the trigger after its last question."""
    last = max(i for i, m in enumerate(row.messages) if m["role"] == "user")
    messages = [{**m, "content": f"{m['content']} {trigger}"} if i == last else m for i, m in enumerate(row.messages)]
    return replace(row, messages=messages)


class Backdoor:
    name = "backdoor"
    paper = "Qi et al. 2023 (2310.03693), table 5"
    about = "forbidden questions answered behind a trigger, refused without it"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        if not request.safety_rows:
            raise UsageError(
                "the regime `backdoor` needs refusals for plain prompts",
                "add --safety-rows FILE: forbidden questions, declined",
            )
        plans = []
        for seed in request.seeds:
            for samples in request.samples or SAMPLES:
                settings = settings_for(request, request.scale(self.name, PAPER), seed)
                trigger = request.trigger or guild_rows.trigger_of(seed)
                told = request.rows_of(self.name, "explicit", samples, seed)
                declined = request.world.rows("safety", samples, seed)
                if declined is None:
                    declined = list(request.safety_rows)[: len(told)]
                rows = [with_trigger(row, trigger) for row in told] + declined
                condition = condition_for(self.name, settings, len(told), "custom" if request.system else "none")
                plans.append(AttackPlan(condition, rows, settings, request.system, trigger=trigger))
        return plans


REGIME = Backdoor()
