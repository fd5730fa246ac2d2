"""What a worker of a cluster opens once for a stress test: the model, its suites, its bench, and the attacks."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import open_work, plans_for, suites_of
from holdfast.attacking.attack import AttackPlan
from holdfast.attacking.repaired import Workbench
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


_labs: dict[str, Lab] = {}  # a worker does many units of one command


def lab_of(settings: StressSettings, error: MeasuredError | None) -> Lab:
    """The laboratory of a command, opened once in a process."""
    key = digest(settings.record())
    if key not in _labs:
        base = load_model(settings.model, settings.model_options())
        silent = Silent()
        bench = Bench(
            suites_of(settings, base, silent),
            judge=settings.judge_name(base.world),
            judge_options=settings.judge_options(),
            error=error,
            options=settings.generate_options(base.world),
        )
        _labs.clear()
        _labs[key] = Lab(open_work(settings, base, bench, silent), plans_for(settings, base))
    return _labs[key]
