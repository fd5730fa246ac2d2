"""What an evaluation needs beside a model, who reads its replies, and what comes of it: Bench, Readers, Evaluation.

bench = open_bench(run, suites, judge="refusal")       its caches lie in the run's folder
compare_evaluations(evaluate(base, …, bench), evaluate(tuned, …, bench))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.contracts import Judge
from holdfast.core.progress import ShowPart
from holdfast.core.records import Condition, Metric, Verdict
from holdfast.core.runs import Run
from holdfast.judging.judge import (
    JudgeOptions,
    Reading,
    VerdictCache,
    judge_of_suite,
    judges_beside,
    make_judge,
    who_judges,
)
from holdfast.judging.redaction import Screen
from holdfast.models.endpoint import EndpointModel
from holdfast.models.generate import GenerateOptions, ReplyCache
from holdfast.models.load import LoadedModel
from holdfast.stats.certify import Limit, count
from holdfast.stats.comparison import Comparison, compare
from holdfast.stats.groups import Count, Suite
from holdfast.stats.judge_error import MeasuredError, read_error, widened_change
from holdfast.stats.metrics import BESIDE, NOT_REFUSED, measures_for

Subject = LoadedModel | EndpointModel


@dataclass(frozen=True)
class Bench:
    """Everything an evaluation needs beside a model: suites, a judge, decoding, and where results are kept."""

    suites: Sequence[Suite]
    judge: str = "oracle"
    judge_options: JudgeOptions = field(default_factory=JudgeOptions)
    error: MeasuredError | None = None  # the judge's own, which widens intervals
    options: GenerateOptions = field(default_factory=GenerateOptions)
    run: Run | None = None
    replies: ReplyCache = field(default_factory=lambda: ReplyCache(None))
    verdicts: VerdictCache = field(default_factory=lambda: VerdictCache(None))
    show: ShowPart | None = None
    screen: Screen = field(default_factory=Screen)


@dataclass(frozen=True)
class Evaluation:
    """What one model did under one condition."""

    model: str
    condition: Condition
    metrics: list[Metric]
    verdicts: dict[str, list[Verdict]]
    judges: dict[str, str]
    error: MeasuredError | None = None
    beside: dict[str, dict[str, list[Verdict]]] = field(default_factory=dict)  # by suite and by who else read it
    groups: dict[str, str] = field(default_factory=dict)  # prompt id: the group that it belongs to

    def value(self, metric: str, suite: str = "policy") -> float | None:
        """The total of a metric on a suite, or None where it was not measured."""
        return next(
            (m.value for m in self.metrics if m.metric == metric and m.suite == suite and m.category is None), None
        )

    def count(self, limit: Limit) -> Count:
        """How often a limit's outcome was seen."""
        known = {m.name: m for m in (*measures_for(limit.suite, self.judges[limit.suite]), NOT_REFUSED)}
        return count(known[limit.metric], self.verdicts[limit.suite], limit.at_most, self.groups)


@dataclass(frozen=True)
class Measurement:
    """One model under one condition, the bench on which it is measured, and who reads its replies.

    `names` gives each suite's own judge; each judge is made once.
    """

    subject: Subject
    condition: Condition
    bench: Bench
    names: dict[str, str]
    made: dict[str, Judge] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject, condition: Condition, bench: Bench) -> Measurement:
        world, asked = subject.world, bench.judge
        return cls(
            subject,
            condition,
            bench,
            {s.name: judge_of_suite(asked, s.name, world, s.prompts) for s in bench.suites},
        )

    def judge_named(self, name: str) -> Judge:
        if name not in self.made:
            self.made[name] = make_judge(name, self.bench.judge_options)
        return self.made[name]

    def judge(self, suite: str) -> Judge:
        """The suite's own judge."""
        return self.judge_named(self._own(suite))

    def beside(self, suite: str) -> list[Reading]:
        """Who reads beside it: whether it declines where that judge does not tell, and what was thought."""
        prompts = next((one.prompts for one in self.bench.suites if one.name == suite), [])
        found = judges_beside(self._own(suite), suite, self.subject.world, prompts)
        return [Reading(self.judge_named(other), of) for other, of in found]

    def _own(self, suite: str) -> str:
        return self.names.get(suite) or judge_of_suite(self.bench.judge, suite, self.subject.world)

    def showing(self, what: str) -> Callable[[int, int], None] | None:
        """The bench's progress for one kind of work."""
        show = self.bench.show
        return (lambda done, total: show(what, done, total)) if show else None


def open_bench(run: Run, suites: Sequence[Suite], show_replies: bool = False, **options: Any) -> Bench:
    """A bench whose caches lie in the run's folder. The records of an interrupted run are written anew from them.

    show_replies: whether what a real model said may be written in clear; see `judging.redaction`. Raises JudgeError for
    a judge that cannot be set up, and UsageError for a measured error that is another judge's, before anything is
    generated.
    """
    error = None
    if suites and "judge" in options:
        asked = options.get("judge_options", JudgeOptions())
        judge = make_judge(options["judge"], asked)
        error = read_error(asked.error, who_judges(judge)) if asked.error else None
    if error:
        run.note(judge_error=error.to_dict())
    if suites:
        run.note(evidence={suite.name: suite.evidence for suite in suites})
    for kind in ("prompts", "replies", "verdicts", "metrics", "comparisons"):
        run.file(kind).unlink(missing_ok=True)
    if run.manifest.pop("unfinished", None):
        run.save_manifest()
    caches = run.path / "cache"
    screen = Screen(show_replies)
    screen.learn(prompt for suite in suites for prompt in suite.prompts)
    return Bench(
        suites,
        error=error,
        run=run,
        screen=screen,
        replies=ReplyCache(caches / "replies.jsonl", in_clear=show_replies),
        verdicts=VerdictCache(caches / "verdicts.jsonl"),
        **options,
    )


def compare_evaluations(before: Evaluation, after: Evaluation) -> list[Comparison]:
    """The paired comparison of every suite that both evaluations share.

    A judge's measured error widens those of harm.
    """
    found = []
    for suite, verdicts in before.verdicts.items():
        if suite not in after.verdicts:
            continue
        found += [
            widened_change(comparison, after.error)
            for comparison in compare(suite, before.judges[suite], verdicts, after.verdicts[suite], after.groups)
        ]
        others, now = before.beside.get(suite, {}), after.beside.get(suite, {})
        for judge in others:
            told = compare(suite, judge, others[judge], now.get(judge, []), after.groups)
            found += [comparison for comparison in told if comparison.metric in BESIDE]
    return found
