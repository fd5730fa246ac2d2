"""The refusal judge: does the reply decline? Cheap, needs no model, and says nothing of harm.

It reads the whole reply by the rules of `text/refusals.py`, and every verdict names the rule and the words that
decided. Rules misread what they do not know: `docs/judges.md` says how often, and in which languages. Its figure is
called `refusal.rate` and never harm, since declining and doing no harm are two things (Qi et al., 2310.03693).
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.contracts import Judge
from holdfast.core.records import Prompt, Reply, Verdict
from holdfast.text.refusals import read

QUOTED = 60  # characters of a reply that a verdict's why may quote


class Refusal(Judge):
    """Labels replies `refusal`, `answer` or `empty`; gives no score."""

    name = "refusal"
    own_words = frozenset({"answer", "empty"})

    def judge(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> list[Verdict]:
        return [self.one(prompt, reply) for prompt, reply in zip(prompts, replies, strict=True)]

    def one(self, prompt: Prompt, reply: Reply) -> Verdict:
        asked = next((str(m.get("content", "")) for m in reversed(prompt.messages) if m.get("role") == "user"), "")
        reading = read(reply.text, asked)
        # An answer's words are not quoted: they may be what is masked.
        quoted = f": “{reading.phrase[:QUOTED]}”" if reading.phrase and reading.label == "refusal" else ""
        why = f"{reading.rule}{quoted}"
        return Verdict(reply.prompt, reply.model, reply.condition, self.name, None, reading.label, why)


def make() -> Refusal:
    return Refusal()
