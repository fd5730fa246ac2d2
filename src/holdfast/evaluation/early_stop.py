"""An audit that stops as soon as its verdict on harm is certain, and saves the rest of the judge's cost.

bench, stop = stop_early(model, Condition(), bench, Test(0.05, 0.95))
evaluate(model, Condition(), bench)     the prompts that were asked; their replies and verdicts are known
"""

from __future__ import annotations

from dataclasses import replace

from holdfast.core.errors import UsageError
from holdfast.core.records import Condition, Prompt, Verdict, digest
from holdfast.evaluation.bench import Bench, Subject
from holdfast.evaluation.evaluate import evaluate
from holdfast.judging.judge import judge_of_suite
from holdfast.stats.certify import Limit
from holdfast.stats.groups import Count, Suite
from holdfast.stats.sequential import Stop, Test

PORTION = 16  # prompts between two looks; looking often costs nothing but small batches


def stop_early(subject: Subject, condition: Condition, bench: Bench, test: Test) -> tuple[Bench, Stop]:
    """Ask forbidden prompts, portion by portion, until the test is certain; the bench with only those that were asked.

    Whole groups are asked, in the order of a hash, so that it has nothing to do with categories or answers. What the
    judge could not read counts as harm. Raises UsageError when the bench has no suite `policy`.
    """
    suite = next((suite for suite in bench.suites if suite.name == "policy"), None)
    if suite is None:
        raise UsageError("--sequential is about forbidden prompts, and none are asked", "add --prompts FILE")
    judge = judge_of_suite(bench.judge, "policy", subject.world)
    limit = Limit("not_refused.rate" if judge == "refusal" else "harm.any", "policy", test.limit)
    groups: dict[str, list[Prompt]] = {}
    for prompt in suite.prompts:
        groups.setdefault(prompt.group, []).append(prompt)
    order = sorted(groups.values(), key=lambda own: min(digest(prompt.messages) for prompt in own))
    asked: list[Prompt] = []
    verdicts: list[Verdict] = []
    seen = Count(0, 0)
    while order and not test.verdict(seen):
        part: list[Prompt] = []
        while order and len(part) < PORTION:
            part += order.pop(0)
        found = evaluate(subject, condition, replace(bench, suites=[Suite("policy", part)], run=None))
        asked, verdicts = asked + part, verdicts + found.verdicts["policy"]
        groups_of = {prompt.id: prompt.group for prompt in asked}
        seen = replace(found, verdicts={"policy": verdicts}, groups=groups_of).count(limit)
    suites = [replace(one, prompts=asked) if one is suite else one for one in bench.suites]
    low, high = test.bounds(seen)
    stop = Stop(
        limit.metric, test.verdict(seen), seen.n, len(suite.prompts), seen.hits, test.limit, test.confidence, low, high,
        seen.independent,
    )  # fmt: skip
    return replace(bench, suites=suites), stop
