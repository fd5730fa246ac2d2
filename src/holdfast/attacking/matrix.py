"""The matrix: regimes × (nothing, each defence, each repair, a few stacks) × seeds, resumed cell by cell.

    for cell in run_cells(work, plans, ARMS, done): ...
    table(cells)     one line for each regime and arm: harm, over-refusal, utility, cost of tuning and of serving

Repairs of one attack share its training. Their strengths are chosen on the calibration split under the promise, or,
when none can be certified, as the one with the least harm there; what is shown is the test split.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.attacking.attack import AttackPlan, attack, narrow, prepare_attack
from holdfast.attacking.repaired import Workbench, treat
from holdfast.core.errors import HoldfastError
from holdfast.core.records import Metric
from holdfast.evaluation.bench import Evaluation
from holdfast.evaluation.evaluate import evaluate
from holdfast.models.load import LoadedModel
from holdfast.repairing.choose import curve_points
from holdfast.stats.figures import percent

# Passes of one model for a reply; a prompt that a defence adds is paid for in tokens, not in passes.
PLAIN_SERVING = 1.0


@dataclass(frozen=True)
class Arm:
    """One way to meet an attack: defences during tuning, and then perhaps a repair."""

    defences: tuple[str, ...] = ()
    repair: str | None = None

    @property
    def name(self) -> str:
        return " + ".join([*self.defences, *([self.repair] if self.repair else [])]) or "nothing"


def arms(defences: Sequence[str], repairs: Sequence[str], stacks: Sequence[tuple[tuple[str, ...], str]]) -> list[Arm]:
    """Nothing, each defence, each repair, and stacks of both."""
    return [
        Arm(),
        *(Arm((name,)) for name in defences),
        *(Arm((), name) for name in repairs),
        *(Arm(names, repair) for names, repair in stacks),
    ]


def cell_key(plan: AttackPlan, arm: Arm) -> str:
    return f"{plan.condition.key} | {arm.name}"


def _cell(plan: AttackPlan, arm: Arm, evaluation: Evaluation, before: Evaluation, **more: Any) -> dict[str, Any]:
    def total(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
        return [m.to_dict() for m in metrics if m.category is None]

    return {
        "key": cell_key(plan, arm),
        "regime": plan.condition.regime,
        "arm": arm.name,
        "seed": plan.condition.seed,
        "condition": evaluation.condition.to_dict(),
        "metrics": total(evaluation.metrics),
        "before": total(before.metrics),
        **more,
    }


def run_cells(
    work: Workbench, plans: Sequence[tuple[AttackPlan, Evaluation]], every: Sequence[Arm], done: set[str]
) -> Iterator[dict[str, Any]]:
    """Every cell that is not done yet; plans come with the untouched model's evaluation under the same prompt.

    Arms with the same defences share the training, one after the other. An arm that cannot be (a defence that refuses
    LoRA, say) gives a cell with `error` and no figures.
    """
    for plan, before in plans:
        groups: dict[tuple[str, ...], list[Arm]] = {}
        for arm in every:
            if cell_key(plan, arm) not in done:
                groups.setdefault(arm.defences, []).append(arm)
        for defences, group in groups.items():
            yield from _group(work, replace(plan, defences=defences), before, group)


def _group(work: Workbench, plan: AttackPlan, before: Evaluation, group: Sequence[Arm]) -> Iterator[dict[str, Any]]:
    """The cells of one training."""
    try:
        prepared = prepare_attack(work.base, plan)
        began = time.monotonic()
        attacked = attack(work.load, prepared, work.show)
    except HoldfastError as error:
        yield from (_failed(plan, arm, error) for arm in group)
        return
    tuning = time.monotonic() - began
    for arm in group:
        if arm.repair is None:
            found = evaluate(attacked, prepared.plan.condition, narrow(work.bench, prepared.plan))
            yield _cell(plan, arm, found, before, tuning_s=tuning, serving=PLAIN_SERVING)
            continue
        try:
            treated = treat(work, attacked, prepared, arm.repair)
        except HoldfastError as error:
            yield _failed(plan, arm, error)
            continue
        yield _cell(
            plan,
            arm,
            treated.evaluation,
            before,
            tuning_s=tuning,
            repair_s=treated.seconds,
            serving=treated.serving_cost,
            strength=treated.condition.strength,
            certified=treated.certified,
            **({"curve": curve_points(treated.curve)} if treated.curve else {}),
        )


def _failed(plan: AttackPlan, arm: Arm, error: HoldfastError) -> dict[str, Any]:
    return {
        "key": cell_key(plan, arm),
        "regime": plan.condition.regime,
        "arm": arm.name,
        "seed": plan.condition.seed,
        "error": str(error),
    }


# ---- the table ------------------------------------------------------------------------------------------------------

# What is shown: (title, metric, suite).
COLUMNS = (
    ("harm.any", "harm.any", "policy"),
    ("over-refusal", "over_refusal.rate", "over-refusal"),
    ("utility, lenient", "utility.lenient", "utility"),
    ("task, exact", "utility.exact", "utility-task"),
)


def find(cell: dict[str, Any], metric: str, suite: str, side: str = "metrics") -> dict[str, Any] | None:
    return next((m for m in cell.get(side, ()) if (m["metric"], m["suite"]) == (metric, suite)), None)


def figure(cells: Sequence[dict[str, Any]], metric: str, suite: str) -> str:
    """Mean over the seeds, and the envelope of the seeds' 95 % intervals, in percent."""
    found = [m for cell in cells if (m := find(cell, metric, suite)) and m["value"] is not None]
    if not found:
        return ""
    mean = statistics.fmean(m["value"] for m in found)
    low, high = min(m["low"] for m in found), max(m["high"] for m in found)
    return f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def lines(cells: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The table's lines: regime, arm, seeds, the columns, strengths, tuning and serving cost against nothing."""
    plain = {(c["regime"], c["seed"]): c["tuning_s"] for c in cells if c["arm"] == "nothing" and "tuning_s" in c}
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in cells:
        groups.setdefault((cell["regime"], cell["arm"]), []).append(cell)
    found = []
    for (regime, arm), group in groups.items():
        if any("error" in cell for cell in group):
            found.append([regime, arm, str(len(group)), *[""] * len(COLUMNS), "", "", group[0].get("error", "")])
            continue
        ratios = [c["tuning_s"] / plain[regime, c["seed"]] for c in group if (regime, c["seed"]) in plain]
        chosen = ", ".join(
            f"{c['strength']:g}{'' if c['certified'] is not False else '?'}" for c in group if "strength" in c
        )
        cost = f"{statistics.fmean(ratios):.1f}×" if ratios else ""
        if "repair_s" in group[0]:
            cost += f" + {statistics.fmean(c['repair_s'] for c in group):.0f} s"
        found.append(
            [
                regime,
                arm,
                str(len(group)),
                *(figure(group, metric, suite) for _, metric, suite in COLUMNS),
                chosen,
                cost,
                f"{group[0]['serving']:g}×",
            ]
        )
    return found


HEADER = ("regime", "arm", "seeds", *(title for title, _, _ in COLUMNS), "strength", "tuning", "serving")


def markdown(cells: Sequence[dict[str, Any]]) -> str:
    """The table in Markdown. `?` marks a strength that no calibration split certified."""
    rows = [HEADER, ["---"] * len(HEADER), *lines(cells)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def untouched_line(cells: Sequence[dict[str, Any]], loaded: LoadedModel) -> str:
    """The untouched model's figures, in one line."""
    parts = [
        f"{title} {percent(m['value'])}"
        for title, metric, suite in COLUMNS
        if (m := find(cells[0], metric, suite, "before")) and m["value"] is not None
    ]
    return f"{loaded.name}, untouched: " + ", ".join(parts)
