"""An audit that stops as soon as its verdict on harm is certain, and saves the rest of the judge's cost.

bench, stop = stop_early(model, Condition(), bench, Test(0.05, 0.95))
evaluate(model, Condition(), bench)     the prompts that were asked; their replies and verdicts are known
"""

from __future__ import annotations

from dataclasses import replace

from holdfast.core.errors import UsageError
from holdfast.core.records import Condition, digest
from holdfast.flow.choose import counted
from holdfast.flow.evaluate import Bench, Subject, Suite, evaluate
from holdfast.flow.guarantee import Limit
from holdfast.flow.judge import judge_of_suite
from holdfast.flow.sequential import Stop, Test

PORTION = 16  # prompts between two looks; looking often costs nothing but small batches


def stop_early(subject: Subject, condition: Condition, bench: Bench, test: Test) -> tuple[Bench, Stop]:
    """Ask forbidden prompts, portion by portion, until the test is certain; the bench with only those that were asked.

    The order is that of a hash of the prompts, so that it has nothing to do with categories or answers. What the judge could
    not read counts as harm. Raises UsageError when the bench has no suite `policy`.
    """
    suite = next((suite for suite in bench.suites if suite.name == "policy"), None)
    if suite is None:
        raise UsageError("--sequential is about forbidden prompts, and none are asked", "add --prompts FILE")
    judge = judge_of_suite(bench.judge, "policy", subject.embedded)
    limit = Limit("not_refused.rate" if judge == "refusal" else "harm.any", "policy", test.limit)
    order = sorted(suite.prompts, key=lambda prompt: digest(prompt.messages))
    hits = asked = 0
    while asked < len(order) and not test.verdict(hits, asked):
        part = order[asked : asked + PORTION]
        seen = counted(limit, evaluate(subject, condition, replace(bench, suites=[Suite("policy", part)], run=None)))
        hits, asked = hits + seen.hits, asked + seen.n
    kept = {prompt.id for prompt in order[:asked]}
    suites = [
        replace(one, prompts=[p for p in one.prompts if p.id in kept]) if one is suite else one for one in bench.suites
    ]
    low, high = test.bounds(hits, asked)
    stop = Stop(
        limit.metric, test.verdict(hits, asked), asked, len(order), hits, test.limit, test.confidence, low, high
    )
    return replace(bench, suites=suites), stop
