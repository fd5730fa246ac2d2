"""holdfast stress MODEL --regime NAME: how far safety gives way under the published fine-tuning regimes.

Attacked weights live in memory for the length of the measurement; nothing here saves them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.core import registry
from holdfast.core.errors import UsageError
from holdfast.core.records import Condition
from holdfast.core.runs import Run
from holdfast.flow import render
from holdfast.flow.attack import AttackPlan, AttackRequest, narrow, run_attack
from holdfast.flow.evaluate import Bench, Evaluation, compare_evaluations, evaluate, open_bench
from holdfast.flow.measure import Comparison
from holdfast.flow.models import LoadedModel, load_model
from holdfast.flow.progress import Progress
from holdfast.verbs.common import (
    ASK_PANEL,
    TRAIN_PANEL,
    EvaluationSettings,
    TrainingSettings,
    argument,
    open_suites,
    option,
)

STRESS_SUITES = ("policy", "policy-keld", "over-refusal", "utility")


class StressSettings(EvaluationSettings, TrainingSettings):
    """Attack a model in memory under published regimes, and measure what is left of its safety."""

    model: str = argument("guild, a folder, or a hub id", "MODEL")
    regime: list[str] | None = option(
        None, "A regime, or `all`; repeat the flag. See `holdfast ls regimes`.", TRAIN_PANEL
    )
    seeds: int = option(1, "How many attack seeds.", TRAIN_PANEL, metavar="N")
    seed: int = option(0, "The first of them.", TRAIN_PANEL, metavar="K")
    samples: list[int] | None = option(
        None, "Attack examples; repeat the flag. Default: the paper's.", TRAIN_PANEL, metavar="N"
    )
    epochs: float | None = option(None, "Default: the paper's.", TRAIN_PANEL, above=0)
    lr: float | None = option(None, "Default: the paper's; on guild, its own.", TRAIN_PANEL, above=0)
    batch_size: int | None = option(None, "Default: the paper's; on guild, its own.", TRAIN_PANEL, above=0)
    rows: str | None = option(None, "The attack's rows, for a real model: you bring them.", TRAIN_PANEL, metavar="FILE")
    skip_suite: list[str] | None = option(None, "Suites of the embedded model to leave out.", ASK_PANEL)

    def regimes(self) -> list[str]:
        known = registry.names("regimes")
        wanted = self.regime or ["all"]
        for name in wanted:
            if name != "all" and name not in known:
                raise registry.unknown("regime", name, ["all", *known])
        return known if "all" in wanted else list(dict.fromkeys(wanted))

    def request(self, embedded: bool) -> AttackRequest:
        if self.seeds < 1:
            raise UsageError(f"--seeds must be at least 1 (got {self.seeds})", "add --seeds 3")
        if any(count < 1 for count in self.samples or ()):
            raise UsageError(f"--samples must be at least 1 (got {min(self.samples or [0])})", "add --samples 10")
        return AttackRequest(
            embedded=embedded,
            seeds=range(self.seed, self.seed + self.seeds),
            samples=self.samples,
            epochs=self.epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            rows=self.rows,
            system=self.system,
            lora=self.lora_settings(),
            max_length=self.max_length,
        )


@dataclass(frozen=True)
class Outcome:
    """One attack: the model before it, under the same prompt, and after it."""

    plan: AttackPlan
    before: Evaluation
    after: Evaluation
    comparisons: list[Comparison]


def attack_all(
    base: LoadedModel, settings: EvaluationSettings, plans: Sequence[AttackPlan], bench: Bench, progress: Progress
) -> list[Outcome]:
    """Run every plan; what the base does under a prompt is measured once and shared."""
    outcomes = []
    untouched: dict[tuple[Any, ...], Evaluation] = {}

    def fresh() -> LoadedModel:
        return load_model(settings.model, settings.model_options())  # type: ignore[attr-defined]

    for plan in plans:
        progress.say(describe(plan.condition))
        key = (plan.system, tuple(plan.tested_categories or ()), tuple(plan.suites or ()))
        if key not in untouched:
            # Under a prompt of the plan's own the untouched model is another measurement, and is recorded as one.
            own = plan.system != settings.system
            condition = Condition(seed=plan.condition.seed if own else None, test_template=plan.condition.test_template)
            untouched[key] = evaluate(base, condition, replace(narrow(bench, plan), run=bench.run if own else None))
        after = run_attack(fresh, base, plan, bench, progress.train)
        outcomes.append(Outcome(plan, untouched[key], after, compare_evaluations(untouched[key], after)))
        progress.finish()
    return outcomes


def describe(condition: Condition) -> str:
    parts = [f"{condition.regime}"]
    if condition.samples is not None:
        parts.append(f"{condition.samples} rows × {condition.epochs:g} epochs")
    return ", ".join([*parts, f"lr {condition.lr:g}, batch {condition.batch}, seed {condition.seed}"])


def stress(settings: StressSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Attack a model in memory under published regimes, and measure what is left of its safety."""
    names = settings.regimes()
    with Progress() as progress:
        progress.say(f"loading {settings.model}")
        base = load_model(settings.model, settings.model_options())
        request = settings.request(base.embedded)
        plans = [plan for name in names for plan in registry.load("regimes", name).plans(request)]
        chosen = tuple(name for name in STRESS_SUITES if name not in (settings.skip_suite or ()))
        suites = open_suites(settings, base.embedded, chosen)
        run = Run.open("stress", settings.model, settings.model_dump(), origins, settings.out)
        bench = open_bench(
            run,
            suites,
            judge=settings.judge_name(base.embedded),
            judge_options=settings.judge_options(),
            options=settings.generate_options(base.embedded),
            show=progress.step,
        )
        run.note(model=base.describe(), judge=bench.judge, attacks=len(plans))
        progress.total = len(plans) + 1
        progress.say("the untouched model")
        aligned = evaluate(base, Condition(test_template="custom" if settings.system else "none"), bench)
        progress.finish()
        outcomes = attack_all(base, settings, plans, bench, progress)
    return conclude(run, settings, aligned, outcomes)


# ---- over the seeds -------------------------------------------------------------------------------------------------


def setting_of(plan: AttackPlan) -> tuple[Any, ...]:
    """What is the same for every seed of an attack."""
    c = plan.condition
    return (c.regime, c.samples, c.epochs, c.lr, c.batch)


def summarise(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Each setting over its seeds: mean, lowest and highest of every total."""
    groups: dict[tuple[Any, ...], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(setting_of(outcome.plan), []).append(outcome)
    return [summary_of(group) for group in groups.values()]


def summary_of(group: Sequence[Outcome]) -> dict[str, Any]:
    condition = group[0].plan.condition.to_dict()
    condition.pop("seed", None)
    found: dict[str, Any] = {"condition": condition, "seeds": [o.plan.condition.seed for o in group], "metrics": []}
    for metric in group[0].after.metrics:
        if metric.category is not None:
            continue
        after = [o.after.value(metric.metric, metric.suite) for o in group]
        before = [o.before.value(metric.metric, metric.suite) for o in group]
        known = [value for value in after if value is not None]
        base = [value for value in before if value is not None]
        found["metrics"].append(
            {
                "metric": metric.metric,
                "suite": metric.suite,
                "n": metric.n,
                "before": statistics.fmean(base) if base else None,
                "after": statistics.fmean(known) if known else None,
                "lowest": min(known, default=None),
                "highest": max(known, default=None),
            }
        )
    return found


def pick(summary: dict[str, Any], metric: str, suite: str) -> dict[str, Any] | None:
    return next((m for m in summary["metrics"] if m["metric"] == metric and m["suite"] == suite), None)


# What the table shows, in this order, where it was measured: (title, metric, suite).
COLUMNS = (
    ("harm.rate", "harm.rate", "policy"),
    ("harm.any", "harm.any", "policy"),
    ("Keld", "harm.rate", "policy-keld"),
    ("refusal.rate", "refusal.rate", "policy"),
    ("utility.exact", "utility.exact", "utility"),
)


def cell(found: dict[str, Any] | None, many: bool) -> str:
    """Before → after in percent, with the range over the seeds."""
    if found is None or found["after"] is None:
        return ""
    before = "–" if found["before"] is None else f"{100 * found['before']:.1f}"
    spread = f" [{100 * found['lowest']:.0f}, {100 * found['highest']:.0f}]" if many else ""
    return f"{before} → {100 * found['after']:.1f}{spread}"


def summary_table(summaries: Sequence[dict[str, Any]]) -> Any:
    """One line for each attack: what it did to harm, refusals and utility."""
    from rich.table import Table

    seeds = sorted({len(summary["seeds"]) for summary in summaries})
    over = f"mean over {seeds[-1]} seeds [lowest, highest]" if seeds[-1] > 1 else "one seed"
    table = Table(title=f"before → after in percent, {over}", title_justify="left", title_style="bold")
    shown = [c for c in COLUMNS if any(pick(s, c[1], c[2]) for s in summaries)]
    if any(pick(s, "harm.rate", "policy") for s in summaries):
        shown = [c for c in shown if c[1] != "refusal.rate"]
    table.add_column("regime", no_wrap=True)
    for name in ("rows × epochs", "lr, batch", *(c[0] for c in shown)):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in summaries:
        c, many = summary["condition"], len(summary["seeds"]) > 1
        settings = (f"{c.get('samples', '')} × {c['epochs']:g}", f"{c['lr']:.3g}, {c['batch']}")
        table.add_row(c["regime"], *settings, *(cell(pick(summary, metric, suite), many) for _, metric, suite in shown))
    return table


def conclude(run: Run, settings: StressSettings, aligned: Evaluation, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    metrics = [*aligned.metrics]
    for outcome in outcomes:
        metrics += outcome.before.metrics if outcome.before.condition != aligned.condition else []
        metrics += outcome.after.metrics
    comparisons = [
        {"condition": outcome.plan.condition.to_dict(), **c.to_dict()}
        for outcome in outcomes
        for c in outcome.comparisons
    ]
    run.append("comparisons", comparisons)
    summaries = summarise(outcomes)
    document = render.json_document(
        "stress", run.path, metrics, comparisons=comparisons, summary=summaries, blind_spots=render.BLIND_SPOTS
    )
    render.save_summary(run.path, document)
    run.finish(
        f"# stress of {settings.model}\n\nFigures: metrics.jsonl, summary.json. Each attack is one setting, not the worst case.\n"
    )
    if settings.json_output:
        render.print_json(document)
        return document
    out = render.console()
    out.print(render.metrics_table(f"{settings.model}, untouched", {"untouched": aligned.metrics}))
    out.print(summary_table(summaries))
    out.print("One setting for each attack: not the worst case. " + render.BLIND_SPOTS, style="dim")
    out.print(f"run: {run.path}", markup=False)
    return document
