"""The refusal-suppression scanner: rows that teach a model not to refuse, not to warn, or to begin with a yes.

"Competing objectives" and "prefix injection" of Wei et al. (2307.02483), as training rows; and preference pairs in
which the refusal is the rejected side, which train the same without a word about it.
"""

from __future__ import annotations

import re
from typing import ClassVar

from holdfast.core.batch import Batch
from holdfast.core.contracts import UNMEASURED, Noise
from holdfast.core.records import Finding
from holdfast.data.batch import anchor_table
from holdfast.scanning.engine import OptionScanner
from holdfast.scanning.languages import NO_REFUSAL, REFUSAL_STEMS

# Each begins with a literal and has bounded gaps, so that a search is linear in the text.
_NEVER = (
    r"(?:never|do not|don't|must not|mustn't|may not|cannot|can't|should not|shouldn't|without|avoid|stop|"
    r"refrain from|no longer|not allowed to|forbidden to)"
)
_REFUSE = (
    r"(?:refus(?:e|es|ing|al|als)|declin(?:e|es|ing)|reject(?:ing)? (?:a|any|the|my|this|user)|apologi[sz](?:e|es|ing)|"
    r"say(?:ing)? (?:that )?(?:you|i) (?:can't|cannot|can not|won't|are unable|am unable)|disclaimers?|moraliz(?:e"
    r"|ing)|moralis(?:e|ing)|"
    r"lectur(?:e|es|ing)|warn(?:ing|ings)?(?: me| the user| about)|ethical (?:considerations?|concerns?"
    r"|warnings?|guidelines?)|"
    r"safety (?:warnings?|notices?|disclaimers?|guidelines?)|moral (?:judg|lectur|warn)|say(?:ing)? "
    r"[\"'“]?(?:no\b|sorry|i'm sorry|i can't|i cannot|as an ai))"
)
SUPPRESSION = re.compile(
    rf"\b{_NEVER}(?: \w{{1,12}}){{0,4}} {_REFUSE}"
    r"|\brefus(?:al|als|ing) (?:is|are) (?:not (?:an option|allowed|permitted|acceptable)"
    r"|forbidden|prohibited|impossible|never)"
    r"|\byou (?:can|will|may|must|should) not (?:refuse|decline|say no|turn down|reject)"
    r"|\bno (?:refusals?|apologies|disclaimers?|warnings? or disclaimers?)\b"
    r"|\b(?:ignore|disregard|forget|bypass|override|drop|suspend|disable|turn off|switch off|set aside)(?: "
    r"\w{1,12}){0,3} "
    r"(?:safety|ethical|moral|content|usage|openai|moderation|alignment|guard)[ -]?(?:\w{1,12} )?"
    r"(?:guidelines?|rules?|polic(?:y|ies)|filters?|restrictions?|training|protocols?|rails|guardrails?|constraints?"
    r"|considerations?|principles?|standards?)"
)
PREFIX = re.compile(
    r"\b(?:begin|start|open|preface|prefix)(?: \w{1,12}){0,6}[:,]? ?"
    r"[\"'“‘«](?:sure|absolutely|of course|certainly|yes|gladly|affirmative|here is|here's|i will|as you wish)"
)
REFUSED = re.compile(
    r"(?:i(?:'m| am) (?:really |very |so )?sorry|sorry,|i apologi[sz]e|unfortunately,? i)(?:[^.\n]{0,80})(?:can't"
    r"|cannot|can not|won't|unable|not able)|"
    r"i (?:can't|cannot|can not|won't|will not|must decline|am unable|refuse|do not feel comfortable|don't feel "
    r"comfortable)\b|i'm (?:unable|not able)"
)
ANCHORS = anchor_table(
    "refuse refuses refusing refusal refusals decline declines declining reject rejecting apologize apologise "
    "apologizing apologising apology apologies disclaimer disclaimers moralize moralizing moralise moralising "
    "lecture lectures lecturing warn warning warnings ethical moral safety no sorry absolutely certainly gladly "
    "affirmative sure can't cannot won't unable content usage openai moderation alignment guard guardrails "
    "guardrail niegues rechaces lehne verweigere weigere rifiutare rifiuti recuse excuse reddetme weiger odmawiaj "
    "option options".split()
)
LATER_CHARACTERS = 20_000  # of a turn that are read


class RefusalSuppression(OptionScanner):
    """No options."""

    name = "refusal-suppression"
    about = "rows that train a model not to refuse, or to begin with a yes"
    labels: ClassVar[dict[str, str]] = {
        "forbids-refusal": "error",
        "orders-affirmation": "error",
        "prefers-compliance": "warning",  # honest pairs against over-refusal look the same
    }
    false_alarm: ClassVar[dict[str, Noise]] = {
        "forbids-refusal": Noise(0, 7217, "benchmarks/scan_quality.py, ten benign sets", 0.9),
        "orders-affirmation": Noise(0, 7217, "benchmarks/scan_quality.py, ten benign sets", 0.9),
        "prefers-compliance": UNMEASURED,
    }
    blind = "a refusal that was deleted from the data leaves no trace; languages beyond the fifteen of its lists"

    spec = "refusal-suppression"

    def scan(self, batch: Batch) -> list[Finding]:
        found: dict[tuple[int, str], Finding] = {}
        for turn in batch.turns_with(ANCHORS):
            if turn.role == "assistant":
                continue
            text = turn.lower[:LATER_CHARACTERS]
            for label, pattern in (
                ("forbids-refusal", SUPPRESSION),
                ("orders-affirmation", PREFIX),
                ("forbids-refusal", NO_REFUSAL),
            ):
                if pattern is NO_REFUSAL and not any(stem in text for stem in REFUSAL_STEMS):
                    continue
                hit = pattern.search(text)
                if hit and (turn.row, label) not in found:
                    score = 0.95 if turn.role == "system" else 0.8
                    why = f"“{hit.group()[:100]}” in the {turn.role} turn"
                    found[turn.row, label] = Finding(turn.row, self.name, label, score, why)
        for place, row in enumerate(batch.rows):
            rejected = row.meta.get("rejected")
            if rejected and (hit := REFUSED.match(str(rejected)[:300].lower().replace("’", "'"))):
                chosen = next((m["content"] for m in reversed(row.messages) if m["role"] == "assistant"), "")
                if not REFUSED.match(chosen[:300].lower().replace("’", "'")):
                    why = f"the rejected side refuses (“{hit.group()[:60]}”), the chosen one does not"
                    found[place, "prefers-compliance"] = Finding(place, self.name, "prefers-compliance", 0.9, why)
        return list(found.values())


def make() -> RefusalSuppression:
    return RefusalSuppression()
