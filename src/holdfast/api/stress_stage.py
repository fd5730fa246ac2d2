"""What a stress test works with: its attacks, its suites, its bench, and what attacks are treated with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.api.repair_sources import open_sources
from holdfast.api.stress_settings import StressSettings
from holdfast.api.suites import open_suites
from holdfast.attacking.attack import AttackPlan, Prepared
from holdfast.attacking.outcomes import Untouched, searched
from holdfast.attacking.repaired import Workbench, repair_and_strength
from holdfast.core import registry
from holdfast.core.contracts import Repair, RepairInputs
from holdfast.core.errors import UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition
from holdfast.core.runs import Run
from holdfast.evaluation.bench import Bench, Evaluation, open_bench
from holdfast.evaluation.evaluate import evaluate
from holdfast.judging.judge import judge_of_suite
from holdfast.models.load import LoadedModel, load_model
from holdfast.repairing.choose import Promise, check_resolution, limits_of
from holdfast.stats.groups import Suite

STRESS_SUITES: tuple[str, ...] = ("policy", "policy-keld", "over-refusal", "utility", "privacy")
# Prompt-only tries at private data, beside which the regime `janus` is read; no other regime is about them.
TRIES: tuple[str, ...] = ("privacy-role-play", "privacy-few-shot", "privacy-prefix")
CHOICE_SUITES = ("policy", "over-refusal", "utility", "utility-task")


# What the matrix meets, on the embedded model: (regime, samples, epochs, lr, batch); None leaves the regime's own. The
# benign one is the setting at which clean data harm it most while the new skill is learnt.
GUILD_MATRIX = (
    ("benign", None, 3.0, 5e-4, 16),
    ("identity", None, None, None, None),
    ("explicit", 100, None, None, None),
)


def plans_of(settings: StressSettings, base: LoadedModel) -> list[AttackPlan]:
    """The attacks at the regimes' own settings, or at those that the flags name, under the defences."""
    request = settings.request(base.world)
    safety = settings.open_safety_rows(base.world, settings.seed)
    plans = [plan for name in settings.regimes() for plan in registry.load("regimes", name).plans(request)]
    skipped = {
        plan.condition.regime: () if settings.suite or plan.condition.regime == "janus" else TRIES for plan in plans
    }
    return [
        replace(plan, defences=tuple(settings.defence or ()), safety_rows=safety, skips=skipped[plan.condition.regime])
        for plan in plans
    ]


def matrix_plans(settings: StressSettings, base: LoadedModel) -> list[AttackPlan]:
    """The attacks of the matrix: the embedded model's own choice, or what the flags name."""
    if not base.world.embedded or settings.regime:
        return plans_of(settings, base)
    plans = []
    for name, samples, epochs, lr, batch in GUILD_MATRIX:
        own: dict[str, Any] = {
            "samples": [samples] if samples else None,
            "epochs": epochs,
            "lr": lr,
            "batch_size": batch,
        }
        plans += registry.load("regimes", name).plans(replace(settings.request(base.world), **own))
    return plans


def plans_for(settings: StressSettings, base: LoadedModel) -> list[AttackPlan]:
    """Every attack of a stress test, in order: of its matrix, of its search, or as the flags name them."""
    if settings.matrix:
        safety = settings.open_safety_rows(base.world, settings.seed, always=True)
        return [replace(plan, safety_rows=safety) for plan in matrix_plans(settings, base)]
    plans = plans_of(settings, base)
    if settings.sweep:
        return searched(plans, settings.factors(settings.sweep_lr), settings.factors(settings.sweep_epochs))
    return plans


@dataclass(frozen=True)
class Stage:
    """An opened run: its bench, and what attacks are treated with."""

    run: Run
    work: Workbench
    untouched: Untouched
    aligned: Evaluation


@dataclass(frozen=True)
class Attacked:
    """A finished run of attacks."""

    stage: Stage
    document: dict[str, Any]


def open_work(settings: StressSettings, base: LoadedModel, bench: Bench, progress: Progress) -> Workbench:
    """The workbench; with repairs whose strength is chosen it has a calibration split and a promise."""

    def load() -> LoadedModel:
        return load_model(settings.model, settings.model_options(), fresh=True)

    chooses = settings.matrix or any(repair_and_strength(text)[1] is None for text in settings.repair or ())
    calibration, limits, delta = replace(bench, suites=[], run=None), [], 1 - settings.confidence
    if chooses:
        if not base.world.embedded:
            raise UsageError(
                "on a real model `stress` takes repairs at a given strength",
                "write NAME@STRENGTH; `repair` chooses one",
            )
        own = {"split": "calibration", "records": None, "attempts": 0}  # private data have no part in a choice
        suites = open_suites(settings.model_copy(update=own), base.world, CHOICE_SUITES)
        calibration = replace(calibration, suites=suites)
        judges = {s.name: judge_of_suite(bench.judge, s.name, base.world) for s in suites}
        limits = limits_of(Promise(settings.max_harm, settings.confidence), judges)
        if not settings.limit:
            check_resolution(limits, {s.name: s.prompts for s in suites}, delta)
    safety = settings.open_safety_rows(base.world, settings.seed, always=True)
    sources = open_sources(settings, base, settings.model, settings.model_options(), safety)

    def inputs_of(repair: Repair, tuned: LoadedModel, strengths: Sequence[float], prepared: Prepared) -> RepairInputs:
        task = sources.task_rows or prepared.plan.rows
        return replace(sources.of(repair, tuned, strengths), task_rows=task, seed=prepared.plan.settings.seed)

    return Workbench(base, load, bench, calibration, inputs_of, sources.key, limits, delta, progress.train)


def suites_of(settings: StressSettings, base: LoadedModel, progress: Progress) -> list[Suite]:
    """What every attacked model is asked."""
    tries = TRIES if "janus" in settings.regimes() and not settings.matrix else ()
    suites_wanted: tuple[str, ...] = (*STRESS_SUITES, *tries)
    if settings.matrix or settings.repair or settings.defence:
        suites_wanted = tuple(dict.fromkeys((*suites_wanted, *CHOICE_SUITES)))
    chosen = tuple(name for name in suites_wanted if name not in (settings.skip_suite or ()))
    return open_suites(settings, base.world, chosen, tell=progress.warn)


def open_stage(settings: StressSettings, origins: dict[str, str], base: LoadedModel, progress: Progress) -> Stage:
    suites = suites_of(settings, base, progress)
    run = Run.open("stress", settings.model, settings.record(), origins, settings.out)
    bench = open_bench(
        run,
        suites,
        **settings.asking(base.world),
        show=progress.step,
        show_replies=settings.show_replies,
    )
    work = open_work(settings, base, bench, progress)
    progress.say("the untouched model")
    aligned = evaluate(base, Condition(test_template="custom" if settings.system else "none"), bench)
    progress.finish()
    return Stage(run, work, Untouched(base, settings.system, bench), aligned)
