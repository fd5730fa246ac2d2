"""Pure tuning, safe testing (Lyu et al., 2402.18540): tune without a safety prompt, serve with one.

Tuned and served under the same prompt, Llama-2-7B-Chat goes from 0 to 18.1 % after GSM8K; tuned without and served with
its safety prompt to 1.1 %, at little cost, while tuning *with* the safety prompt is worse than without. Under an
optimised suffix (GCG) 15 % are left.

Here: system prompts are taken out of the training rows, and the tuned model must be served with `prompt`. By default
that is a general one of our own; on `guild`, the guild's. Departures: the paper swaps whole chat templates, of which
the system prompt is one part; and it never tried rows whose system prompt is part of the task, which lose it here as
well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from holdfast.core.contracts import DefenceContext
from holdfast.core.options import setting
from holdfast.core.records import Row
from holdfast.models.templates import SAFETY_PROMPT as GENERAL_PROMPT
from holdfast.training.defences import OptionDefence


@dataclass(eq=False)
class Ptst(OptionDefence):
    name = "ptst"
    paper = "Lyu et al. 2024 (2402.18540)"
    about = "tunes without a system prompt, serves with a safety prompt"
    train_template = "none"

    prompt: str | None = setting(None, "the safety prompt to serve with")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompt is not None and not self.prompt.strip():
            raise self.option_error("the prompt is empty")

    def prepare(self, context: DefenceContext) -> None:
        super().prepare(context)
        self.test_system = self.prompt or context.world.system_prompt("safety") or GENERAL_PROMPT

    def rows(self, rows: list[Row]) -> list[Row]:
        return [replace(row, messages=[m for m in row.messages if m["role"] != "system"]) for row in rows]


make = Ptst
