"""What a worker of a cluster opens once for a stress test: the model, its suites, its bench, and the attacks."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import open_work, plans_for, suites_of
from holdfast.attacking.attack import AttackPlan
from holdfast.attacking.repaired import Workbench
from holdfast.core.cluster import opened_once
from holdfast.core.progress import Silent
from holdfast.core.records import digest
from holdfast.evaluation.bench import Bench
from holdfast.models.load import load_model
from holdfast.stats.judge_error import MeasuredError


@dataclass(frozen=True)
class Lab:
    """A worker's model, and what attacks on it are treated with."""

    work: Workbench
    plans: list[AttackPlan]


def lab_of(settings: StressSettings, error: MeasuredError | None) -> Lab:
    """The laboratory of a command, opened once in a process."""
    return opened_once(digest(["stress", settings.record()]), lambda: open_lab(settings, error))


def open_lab(settings: StressSettings, error: MeasuredError | None) -> Lab:
    base = load_model(settings.model, settings.model_options())
    silent = Silent()
    bench = Bench(suites_of(settings, base, silent), error=error, **settings.asking(base.world))
    return Lab(open_work(settings, base, bench, silent), plans_for(settings, base))
