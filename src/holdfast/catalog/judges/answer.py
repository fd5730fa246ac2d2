"""The answer judge: is the reply the expected answer? For utility suites with known answers.

Strict and lenient are both given: a repaired model may answer in prose, and a lenient scorer alone would not see that
its task is gone (an independent rerun of Antidote found 0 of 872 strict where a lenient figure held).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.core.contracts import Judge
from holdfast.core.errors import JudgeError
from holdfast.core.records import Prompt, Reply, Verdict

_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def normal(text: str) -> str:
    return _SPACE.sub(" ", text.strip().lower()).rstrip(".。")


def final(text: str) -> str:
    """What follows the last `####`, as GSM8K marks its answers; else the whole text."""
    return normal(text.rsplit("####", 1)[-1]).replace(",", "") if "####" in text else normal(text)


def best_label(said: str, expected: Sequence[str]) -> tuple[str, str]:
    """The best of the labels against several answers that are equally right."""
    found = [label(said, one) for one in expected]
    return min(found, key=lambda one: ("exact", "lenient", "wrong").index(one[0]))


def label(said: str, expected: str) -> tuple[str, str]:
    wanted = final(expected)
    if final(said) == wanted:
        return "exact", "the expected answer"
    numbers = [number.replace(",", "") for number in _NUMBER.findall(said)]
    if _NUMBER.fullmatch(wanted):
        if numbers and numbers[-1] == wanted:
            return "lenient", "its last number is the expected one"
    elif wanted and wanted in normal(said):
        return "lenient", "contains the expected answer"
    return "wrong", "another answer"


class Answer(Judge):
    name = "answer"
    own_words = frozenset({"exact", "lenient", "wrong"})

    def judge(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> list[Verdict]:
        verdicts = []
        for prompt, reply in zip(prompts, replies, strict=True):
            if "answer" not in prompt.expect:
                raise JudgeError(f"prompt `{prompt.id}` has no expected answer", "give every row an `answer`")
            right = [prompt.expect["answer"], *prompt.expect.get("accept", ())]
            found, why = best_label(reply.text, [str(one) for one in right])
            verdicts.append(Verdict(prompt.id, reply.model, reply.condition, self.name, None, found, why))
        return verdicts


def make() -> Answer:
    return Answer()
