"""How much of what flips between two models flips anyway: a model asked twice, in other batches.

    floor = noise_floor(base, condition, bench, evaluate(base, condition, bench))

Greedy decoding gives the same tokens only where the same numbers are added in the same order. Batches of other sizes
change that order, and where two tokens are nearly as likely, the reply; an engine that makes its own batches does so
from one run to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.core.records import Condition, Verdict
from holdfast.evaluation.bench import Bench, Evaluation, Subject
from holdfast.evaluation.evaluate import evaluate
from holdfast.judging.judge import VerdictCache
from holdfast.models.generate import ReplyCache
from holdfast.models.load import LoadedModel
from holdfast.stats.intervals import clopper_pearson


@dataclass(frozen=True)
class NoiseFloor:
    """How many verdicts of a suite's judge changed when the same model was asked the same again, by suite."""

    model: str
    engine: str
    suites: Mapping[str, tuple[int, int]]  # changed, asked

    @property
    def sentence(self) -> str:
        """What was seen, in one sentence; the bound is at 95 %."""
        changed, asked = (sum(pair[i] for pair in self.suites.values()) for i in (0, 1))
        high = clopper_pearson(changed, asked, 0.9)[1]  # one-sided
        named = ", ".join(f"{suite} {c} of {n}" for suite, (c, n) in self.suites.items() if c)
        return (
            f"{self.model} asked again in other batches ({self.engine}): {changed} of {asked} verdicts changed"
            f"{f' ({named})' if named else ''}, at most {high:.1%} in the long run".replace("%", " %")
        )

    def to_dict(self) -> dict[str, Any]:
        suites = [{"suite": suite, "changed": changed, "n": n} for suite, (changed, n) in self.suites.items()]
        return {"model": self.model, "engine": self.engine, "suites": suites, "sentence": self.sentence}


def noise_floor(subject: Subject, condition: Condition, bench: Bench, first: Evaluation) -> NoiseFloor:
    """Ask a model again what it was asked, in batches of another size, and count the verdicts that changed.

    Nothing of the second time is written or kept.
    """
    asked = sum(len(suite.prompts) for suite in bench.suites)
    size = max(1, min(bench.options.batch_size, asked) * 2 // 3)
    again = replace(
        bench,
        run=None,
        replies=ReplyCache(None),
        verdicts=VerdictCache(None),
        options=replace(bench.options, batch_size=size),
        suites=[replace(suite, attempts=0) for suite in bench.suites],
    )
    second = evaluate(subject, condition, again)
    engine = subject.describe().get("engine", {}) if isinstance(subject, LoadedModel) else {"name": "endpoint"}
    name = " ".join(str(engine[part]) for part in ("name", "version") if engine.get(part))
    return NoiseFloor(subject.name, name, {
        suite: changes(first.verdicts[suite], second.verdicts[suite]) for suite in first.verdicts
        if suite in second.verdicts
    })  # fmt: skip


def changes(first: list[Verdict], second: list[Verdict]) -> tuple[int, int]:
    """How many prompts got another verdict, and how many were judged both times."""
    then = {verdict.prompt: (verdict.label, verdict.score) for verdict in first}
    pairs = [(then[v.prompt], (v.label, v.score)) for v in second if v.prompt in then]
    return sum(one != other for one, other in pairs), len(pairs)
