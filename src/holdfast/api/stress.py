"""A stress test: a model attacked in memory under published regimes, and what is left of its safety.

Attacked weights live in memory for the length of the measurement; nothing here saves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.api.attacks import outcomes_on
from holdfast.api.matrix import run_matrix
from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import Attacked, Stage, open_stage, plans_for, plans_of
from holdfast.api.suites import check_asked, check_models
from holdfast.attacking.outcomes import describe, outcomes_of
from holdfast.attacking.summary import (
    Outcome,
    summarise,
    worst_cases,
)
from holdfast.core.progress import Progress
from holdfast.core.records import Condition
from holdfast.models.load import load_model
from holdfast.models.quantised import refuse_tuning
from holdfast.reporting import terminal
from holdfast.scanning.summary import caught


def caution_of(settings: StressSettings) -> str:
    """What one setting of each attack does not tell."""
    return "" if settings.sweep else "Each attack is one setting, not the worst case. "


def attacked(settings: StressSettings, origins: dict[str, str], progress: Progress) -> Attacked:
    """Measure the untouched model, and attack it under every plan; or under every arm of the matrix."""
    settings.check()
    check_asked(settings)
    check_models([settings.model])
    with progress:
        progress.say(f"loading {settings.model}")
        refuse_tuning(settings.model, settings.lora)
        base = load_model(settings.model, settings.model_options())
        if settings.matrix:
            return run_matrix(settings, origins, base, progress)
        own, plans = plans_of(settings, base), plans_for(settings, base)
        progress.total = len(plans) + 1
        stage = open_stage(settings, origins, base, progress)
        stage.run.note(model=base.describe(), judge=stage.work.bench.judge, attacks=len(plans))
        outcomes: list[Outcome] = []
        scans: list[dict[str, Any]] = []
        cluster = settings.cluster()
        if cluster:
            outcomes += outcomes_on(cluster, settings, stage, plans, progress)
        for plan in plans:
            if settings.scan:
                rows = {"rows": len(plan.rows), "caught": caught(plan.rows)}
                scans.append({"condition": plan.condition.to_dict(), **rows})
            if cluster is None:
                progress.say(describe(plan.condition))
                outcomes += outcomes_of(stage.work, plan, stage.untouched, settings.repair or ())
                progress.finish()
    if settings.scan:
        stage.run.note(scan=scans)
    return conclude(settings, stage, outcomes, [plan.condition for plan in own])


def conclude(
    settings: StressSettings, stage: Stage, outcomes: Sequence[Outcome], single: Sequence[Condition]
) -> Attacked:
    """Compare, summarise, and write the run's documents."""
    run, aligned = stage.run, stage.aligned
    metrics = [*aligned.metrics]
    for outcome in outcomes:
        metrics += outcome.before.metrics if outcome.before.condition != aligned.condition else []
        metrics += outcome.after.metrics
    comparisons = [
        {"condition": outcome.condition.to_dict(), **c.to_dict()} for outcome in outcomes for c in outcome.comparisons
    ]
    run.append("comparisons", comparisons)
    summaries = summarise(outcomes)
    worst = worst_cases(outcomes, single, settings.max_utility_loss) if settings.sweep else []
    more: dict[str, Any] = {"worst_case": worst} if settings.sweep else {}
    more |= {"scan": run.manifest["scan"]} if settings.scan else {}
    document = terminal.json_document(
        "stress",
        run.path,
        metrics,
        comparisons=comparisons,
        summary=summaries,
        **more,
        blind_spots=terminal.BLIND_SPOTS,
    )
    terminal.save_summary(run.path, document)
    run.finish(f"# stress of {settings.model}\n\nFigures: metrics.jsonl, summary.json. {caution_of(settings)}\n")
    return Attacked(stage, document)
