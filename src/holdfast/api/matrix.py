"""The matrix of a stress test: every regime against every arm, in this process or as tasks of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.api.lab import lab_of
from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import Attacked, open_stage, plans_for
from holdfast.attacking import matrix
from holdfast.attacking.attack import AttackPlan
from holdfast.core import registry
from holdfast.core.cluster import Unit, spread
from holdfast.core.progress import Progress
from holdfast.core.runs import write_atomic
from holdfast.evaluation.bench import Evaluation
from holdfast.models.load import LoadedModel
from holdfast.reporting import terminal
from holdfast.stats.judge_error import MeasuredError

STACKED_REPAIRS = ("wise-ft@0.9+project-off", "wise-ft@0.9+resta")
STACKS = (
    (("safety-mix",), "wise-ft@0.9+resta"),
    (("proximal",), "wise-ft@0.9+resta"),
    (("safety-mix", "ema"), "wise-ft"),
)


def arms_of(settings: StressSettings) -> list[matrix.Arm]:
    """What each attack meets: what the flags name, or every defence and repair, and a few of both."""
    if settings.defence or settings.repair:
        return matrix.arms(settings.defence or (), settings.repair or (), ())
    return matrix.arms(registry.names("defences"), (*registry.names("repairs"), *STACKED_REPAIRS), STACKS)


def run_matrix(settings: StressSettings, origins: dict[str, str], base: LoadedModel, progress: Progress) -> Attacked:
    """Every regime against every arm; cells that an interrupted run has finished stay."""
    stage = open_stage(settings, origins, base, progress)
    every, plans = arms_of(settings), plans_for(settings, base)
    cells = stage.run.read("cells")
    done = {cell["key"] for cell in cells}
    progress.total, progress.done = len(plans) * len(every) + 1, len(done) + 1
    pairs = [(plan, stage.untouched.under(plan)) for plan in plans]
    if cluster := settings.cluster():
        progress.say(f"{progress.total - progress.done} cells as tasks on {cluster.address}")
        units = units_of(settings, pairs, every, done, stage.work.bench.error)
        found: Iterator[dict[str, Any]] = (cell for _, cell in spread(units, cells_of, cluster, progress.warn))
    else:
        work = replace(stage.work, bench=replace(stage.work.bench, run=None))
        found = matrix.run_cells(work, pairs, every, done)
    for cell in found:
        stage.run.append("cells", [cell])
        cells.append(cell)
        progress.say(f"done: {cell['regime']}, seed {cell['seed']}, {cell['arm']}")
        progress.finish()
    order = {matrix.cell_key(plan, arm): i for i, (plan, arm) in enumerate((p, a) for p in plans for a in every)}
    cells.sort(key=lambda cell: order.get(cell["key"], 0))
    text = matrix.markdown(cells)
    write_atomic(stage.run.path / "matrix.md", text)
    document = terminal.json_document("stress", stage.run.path, stage.aligned.metrics, cells=cells,
                                    untouched=matrix.untouched_line(cells, base))  # fmt: skip
    terminal.save_summary(stage.run.path, document)
    stage.run.finish(f"# matrix of {settings.model}\n\n{document['untouched']}\n\n{text}")
    return Attacked(stage, document)


# ---- on a cluster ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """What a worker is given for the cells of one training: the command, the number of its plan, and what was before.

    Of the untouched model only the metrics travel, no reply.
    """

    settings: StressSettings
    plan: int
    before: Evaluation
    error: MeasuredError | None


def units_of(
    settings: StressSettings,
    pairs: Sequence[tuple[AttackPlan, Evaluation]],
    every: Sequence[matrix.Arm],
    done: set[str],
    error: MeasuredError | None,
) -> list[Unit]:
    """The cells that are not done yet; those of one training are a unit, so that it is trained once."""
    units = []
    for number, (plan, before) in enumerate(pairs):
        groups: dict[tuple[str, ...], list[str]] = {}
        for arm in every:
            if (key := matrix.cell_key(plan, arm)) not in done:
                groups.setdefault(arm.defences, []).append(key)
        known = replace(before, verdicts={}, beside={}, groups={})
        units += [Unit(tuple(keys), Given(settings, number, known, error)) for keys in groups.values()]
    return units


def cells_of(given: Given, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cells of a unit, on a worker: the same code on the same inputs as in one process."""
    lab = lab_of(given.settings, given.error)
    plan = lab.plans[given.plan]
    wanted = [arm for arm in arms_of(given.settings) if matrix.cell_key(plan, arm) in keys]
    for cell in matrix.run_cells(lab.work, [(plan, given.before)], wanted, set()):
        yield cell["key"], cell
