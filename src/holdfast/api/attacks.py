"""The attacks of a stress test as tasks of a Ray cluster: one training and what it meets is a unit.

Workers send figures back: metrics, comparisons and whether a strength was certified; no replies. Each is a record of
the run as soon as it is there, so a killed driver goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.api.lab import lab_of
from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import Stage
from holdfast.attacking.attack import AttackPlan
from holdfast.attacking.outcomes import describe, outcomes_of
from holdfast.attacking.summary import Outcome
from holdfast.core.cluster import Cluster, Unit, spread
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Metric
from holdfast.evaluation.bench import Evaluation
from holdfast.stats.comparison import Comparison
from holdfast.stats.judge_error import MeasuredError


@dataclass(frozen=True)
class Given:
    """What a worker is given for an attack: the command, the attack's number, and what was before, by its labels."""

    settings: StressSettings
    plan: int
    before: Evaluation
    error: MeasuredError | None


@dataclass(frozen=True)
class Known:
    """The untouched model's evaluation, where a worker would ask for it."""

    before: Evaluation

    def under(self, plan: AttackPlan) -> Evaluation:
        return self.before


def labels_only(evaluation: Evaluation) -> Evaluation:
    """An evaluation without what judges wrote, which may quote a reply."""
    return replace(
        evaluation,
        verdicts={suite: [replace(v, why="") for v in found] for suite, found in evaluation.verdicts.items()},
        beside={
            suite: {judge: [replace(v, why="") for v in found] for judge, found in by.items()}
            for suite, by in evaluation.beside.items()
        },
    )


def keys_of(settings: StressSettings, plan: AttackPlan) -> tuple[str, ...]:
    """The names of what comes of an attack: the attacked model, and each repair of it."""
    return tuple(f"{plan.condition.key} | {arm}" for arm in ("attacked", *(settings.repair or ())))


def outcomes_at(given: Given, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """On a worker: one attack, and each repair of it, by the code of one process."""
    lab = lab_of(given.settings, given.error)
    plan = lab.plans[given.plan]
    found = outcomes_of(lab.work, plan, Known(given.before), given.settings.repair or ())
    for key, outcome in zip(keys_of(given.settings, plan), found, strict=True):
        if key in keys:
            yield (
                key,
                {
                    "key": key,
                    "model": outcome.after.model,
                    "condition": outcome.condition.to_dict(),
                    "metrics": [metric.to_dict() for metric in outcome.after.metrics],
                    "comparisons": [comparison.to_dict() for comparison in outcome.comparisons],
                    "certified": outcome.certified,
                },
            )


def outcome_from(record: dict[str, Any], before: Evaluation) -> Outcome:
    """An attack's outcome from its record; its verdicts stayed with the worker."""
    condition = Condition(**record["condition"])
    metrics = [Metric.of(metric) for metric in record["metrics"]]
    after = Evaluation(record["model"], condition, metrics, {}, before.judges, before.error)
    comparisons = [Comparison(**comparison) for comparison in record["comparisons"]]
    return Outcome(condition, before, after, comparisons, record["certified"])


def outcomes_on(
    cluster: Cluster, settings: StressSettings, stage: Stage, plans: Sequence[AttackPlan], progress: Progress
) -> list[Outcome]:
    """The outcomes of all attacks in their order; those that an interrupted run has are not made again."""
    records = {record["key"]: record for record in stage.run.read("outcomes")}
    before = [stage.untouched.under(plan) for plan in plans]
    units = []
    for number, plan in enumerate(plans):
        if left := tuple(key for key in keys_of(settings, plan) if key not in records):
            given = Given(settings, number, labels_only(before[number]), stage.work.bench.error)
            units.append(Unit(left, given))
    progress.total = 1 + sum(len(unit.keys) for unit in units)
    progress.say(f"{progress.total - 1} attacks and repairs as tasks on {cluster.address}")
    for key, record in spread(units, outcomes_at, cluster, progress.warn):
        records[key] = record
        stage.run.append("outcomes", [record])
        progress.say(f"done: {describe(Condition(**record['condition']))}")
        progress.finish()
    outcomes = [
        outcome_from(records[key], was)
        for plan, was in zip(plans, before, strict=True)
        for key in keys_of(settings, plan)
    ]
    stage.run.append("metrics", [metric for outcome in outcomes for metric in outcome.after.metrics])
    return outcomes
