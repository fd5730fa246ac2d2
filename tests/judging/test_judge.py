"""Judges are made from what they declare: flags fill it, the judge's own text decides, anything else is refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from holdfast.core import registry
from holdfast.core.errors import UsageError
from holdfast.core.records import Prompt, Reply, Verdict
from holdfast.judging.judge import JudgeOptions, VerdictCache, judge_replies, make_judge, parse_judge, who_judges


@dataclass
class Mine:
    """A judge of another package, with options of its own and nothing else that it need not have."""

    strict: int = 1
    model: str | None = None
    name = "mine"

    def judge(self, prompts, replies):
        return [Verdict(r.prompt, r.model, r.condition, "mine", self.strict, "x", "so") for r in replies]


class Older(Mine):
    """A judge as they were before they declared their options."""

    def __init__(self, options):
        super().__init__(5, options.model)


@pytest.fixture(params=[Mine, Older])
def plugged(request, monkeypatch):
    real = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: request.param if name == "mine" else real(kind, name))
    monkeypatch.setattr(registry, "names", lambda kind: ["mine", "guard", "refusal"])
    return request.param


def test_what_flags_and_text_say_reaches_the_judge(plugged):
    text = "mine:strict=4" if plugged is Mine else "mine:timeout_s=4"
    name, options = parse_judge(text, JudgeOptions(model="m", threshold=0.2))
    judge = make_judge(name, options)
    assert (judge.strict, judge.model) == (4 if plugged is Mine else 5, "m")
    assert who_judges(judge) == {"judge": "mine", "model": "m"} | ({"strict": 4} if plugged is Mine else {})
    assert judge.own_words == frozenset()


def test_verdicts_are_cached_by_what_the_judge_was_made_with(plugged):
    prompts, replies = [Prompt("p", "policy", "c", [])], [Reply("p", "m", "c", "said")]
    cache = VerdictCache(None)
    for model in ("a", "b", "a"):
        judge_replies(make_judge("mine", JudgeOptions(model=model)), prompts, replies, cache)
    assert len(cache.known) == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("guard:polcy=x", "the judge `guard` has no option `polcy`", "did you mean `policy`"),
        ("guard:url=x", "the judge `guard` has no option `url`", "its options: model="),
        ("refusal:model=x", "the judge `refusal` has no option `model`", "it has no options"),
        ("classifier:model=m,threshold=2", "threshold must be between 0 and 1", "its options"),
        ("classifier:model=m,reads=all", "reads must be reply or pair", "its options"),
        ("classifier:model=m,batch_size=0", "batch_size must be at least 1", "its options"),
        ("llm:tries=often", "`often` is no whole number for tries", "its options"),
        ("refusl", "unknown judge `refusl`", "did you mean `refusal`"),
    ],
)
def test_what_a_judge_does_not_know_is_refused_with_the_nearest(text, message, hint):
    with pytest.raises(UsageError) as caught:
        parse_judge(text, JudgeOptions())
    assert message in str(caught.value) and hint in caught.value.hint


def test_a_flag_that_cannot_be_is_refused_by_the_judge_that_takes_it():
    with pytest.raises(UsageError, match="threshold must be between 0 and 1"):
        parse_judge("classifier:model=m", JudgeOptions(threshold=1.5))
    assert parse_judge("refusal", JudgeOptions(threshold=1.5))[0] == "refusal"
