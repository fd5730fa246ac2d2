"""The strengths of a repair's calibration as tasks of a Ray cluster: each repair at each of its strengths is a unit.

Workers send figures and the labels of verdicts back, which certificates count; no replies. Each strength is kept in the
run's folder as soon as it is there, so a killed driver goes on where it was. Choosing, reporting and writing stay with
the driver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.api.repair_settings import RepairSettings
from holdfast.api.repair_stage import load_subject, open_splits
from holdfast.core.cluster import Cluster, Unit, opened_once, spread
from holdfast.core.contracts import Repair
from holdfast.core.progress import Progress, Silent
from holdfast.core.records import Condition, Metric, Verdict, digest
from holdfast.core.runs import Run, append_jsonl, read_jsonl
from holdfast.evaluation.bench import Bench, Evaluation
from holdfast.evaluation.evaluate import evaluate
from holdfast.repairing.choose import Curve, measure_curve
from holdfast.repairing.measure import Order, Subject, condition_at, open_trial, usable
from holdfast.stats.judge_error import MeasuredError


@dataclass(frozen=True)
class Given:
    """What a worker is given for a strength: the command, and its place among the repairs and their strengths."""

    settings: RepairSettings
    repair: int
    strength: float
    error: MeasuredError | None


@dataclass(frozen=True)
class Lab:
    """A worker's models, repairs and calibration split."""

    order: Order
    subject: Subject
    repairs: list[Repair]
    bench: Bench


def lab_of(given: Given) -> Lab:
    """The laboratory of a command, opened once in a process."""
    return opened_once(digest(["repair", given.settings.record()]), lambda: open_lab(given.settings, given.error))


def open_lab(settings: RepairSettings, error: MeasuredError | None) -> Lab:
    order, silent = settings.order(), Silent()
    subject = load_subject(settings, order.repairs, silent)
    world = subject.base.world
    choosing, _ = open_splits(settings, world, silent.warn)
    return Lab(order, subject, usable(order, subject, silent), Bench(choosing, error=error, **settings.asking(world)))


def key_of(repair: Repair, strength: float) -> str:
    return f"{repair.spec} at {strength:g}"


def at_strength(given: Given, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """On a worker: one repair at one strength on the calibration split, by the code of one process."""
    lab = lab_of(given)
    repair = lab.repairs[given.repair]
    with open_trial(repair, lab.order, lab.subject).sweep as sweep:
        found = evaluate(sweep.at(given.strength), condition_at(repair, given.strength), lab.bench)
        yield (
            keys[0],
            {
                "key": keys[0],
                "model": found.model,
                "condition": found.condition.to_dict(),
                "metrics": [metric.to_dict() for metric in found.metrics],
                "verdicts": {
                    suite: [{**asdict(verdict), "why": ""} for verdict in verdicts]
                    for suite, verdicts in found.verdicts.items()
                },
                "judges": found.judges,
                "groups": found.groups,
                "changed": sweep.changed(given.strength),
            },
        )


def evaluation_from(record: dict[str, Any], error: MeasuredError | None) -> Evaluation:
    """An evaluation from its record, with its verdicts' labels."""
    return Evaluation(
        record["model"],
        Condition(**record["condition"]),
        [Metric.of(metric) for metric in record["metrics"]],
        {suite: [Verdict(**verdict) for verdict in found] for suite, found in record["verdicts"].items()},
        record["judges"],
        error,
        groups=record["groups"],
    )


def curves_on(cluster: Cluster, settings: RepairSettings, lab: Lab, run: Run, progress: Progress) -> list[Curve]:
    """Every repair at each of its strengths, as `repairing.measure.sweep_all` gives them."""
    progress.say("the base on the calibration split")
    base = evaluate(lab.subject.base, Condition(), lab.bench).metrics
    progress.finish()
    kept = run.path / "cache" / "strengths.jsonl"
    records = {record["key"]: record for record in read_jsonl(kept)}
    units = [
        Unit((key,), Given(settings, place, strength, lab.bench.error))
        for place, repair in enumerate(lab.repairs)
        for strength in lab.order.strengths(repair)
        if (key := key_of(repair, strength)) not in records
    ]
    progress.say(f"{len(units)} strengths as tasks on {cluster.address}")
    for key, record in spread(units, at_strength, cluster, progress.warn):
        records[key] = record
        append_jsonl(kept, [record])
        progress.say(f"done: {key}")
        progress.finish()
    curves = []
    for repair in lab.repairs:
        strengths = lab.order.strengths(repair)
        found = {one: evaluation_from(records[key_of(repair, one)], lab.bench.error) for one in strengths}
        curves.append(measure_curve(repair, strengths, found.__getitem__, base))
        if not any(records[key_of(repair, one)]["changed"] for one in strengths) and len(strengths) > 1:
            progress.warn(f"{repair.spec} changed nothing at any strength")
    return curves
