"""A repair: a tuned model's strengths measured on a calibration split, and the one that is certified written.

What is chosen is reported on a test split that the choice never saw. Nothing is written when no strength can be
certified.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.api.repair_settings import RepairSettings
from holdfast.api.repair_stage import load_subject, open_splits
from holdfast.api.suites import check_asked, check_models
from holdfast.core.contracts import Repair
from holdfast.core.errors import UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Prompt
from holdfast.core.runs import Run
from holdfast.core.worlds import REAL
from holdfast.data.rows import read_rows
from holdfast.judging.judge import judge_of_suite
from holdfast.models.files import ADAPTER, locate
from holdfast.models.quantised import refuse_repair
from holdfast.repairing.choose import Promise, check_resolution, choose, limits_of
from holdfast.repairing.interpolation import stream_interpolation
from holdfast.repairing.result_card import reading
from holdfast.repairing.strengths import parse_strengths
from holdfast.reporting import terminal
from holdfast.reporting.svg import save, side_by_side
from holdfast.reporting.tables import curve_pictures
from holdfast.stats.groups import Suite

if TYPE_CHECKING:  # torch is imported when something is measured
    from holdfast.repairing.measure import Order, Outcome, Subject
    from holdfast.stats.certify import Limit


@dataclass(frozen=True)
class Repaired:
    """A finished repair; `outcome` is None where a strength was only written and nothing measured."""

    run: Run
    document: dict[str, Any]
    said: str
    outcome: Outcome | None = None


def repaired(settings: RepairSettings, origins: dict[str, str], progress: Progress) -> Repaired:
    """Check what is asked, then write an interpolation, or measure the strengths and choose one."""
    promise, asked = settings.promise(), settings.repairs()
    settings.check_engine([])
    for reference in (settings.base, settings.tuned):
        if reference.startswith("openai:"):
            raise UsageError(f"`{reference}` is an endpoint, and a repair needs weights", "name two model folders")
    for one in asked:
        parse_strengths(settings.strength, one)
    if settings.asks_nothing and len(asked) == 1 and asked[0].linear:
        folders = [locate(reference) for reference in (settings.base, settings.tuned)]
        if all(folders) and not any(map(holds_guild, folders)):
            return interpolate_only(settings, origins, asked[0], progress)
    return measured(settings, origins, promise, progress)


def holds_guild(folder: Path | None) -> bool:
    """Whether a folder is the embedded model's or one tuned from it, which has prompts of its own."""
    return (
        folder is not None
        and (folder / "tokenizer.json").exists()
        and "<asst>" in (folder / "tokenizer.json").read_text(encoding="utf-8")
    )


def interpolate_only(settings: RepairSettings, origins: dict[str, str], repair: Repair, progress: Progress) -> Repaired:
    """Write an interpolation at a typed strength from the two folders; nothing is loaded or measured."""
    run = Run.open("repair", settings.tuned, settings.record(), origins, settings.out)
    (strength,), where = parse_strengths(settings.strength, repair), run.path / "model"
    with progress:
        progress.say(f"{repair.spec} at {strength:g}: {reading(strength)}")
        stream_interpolation(
            repair,
            settings.base,
            settings.tuned,
            {strength: where},
            lambda done, total: progress.step("write", done, total),
        )
    document = terminal.json_document("repair", run.path, [], certified=False, method=repair.spec, strength=strength,
                                    model=str(where), measured=False)  # fmt: skip
    terminal.save_summary(run.path, document)
    run.finish(f"# {settings.tuned} interpolated with {settings.base}\n\n{reading(strength)}. Nothing was measured.\n")
    return Repaired(run, document, f"{repair.spec} at {strength:g} ({reading(strength)}); nothing was measured")


# ---- a repair that is measured --------------------------------------------------------------------------------------


def measured(settings: RepairSettings, origins: dict[str, str], promise: Promise, progress: Progress) -> Repaired:
    """Measure the repairs that are asked for, choose a strength, write and report it."""
    from holdfast.evaluation.bench import open_bench
    from holdfast.evaluation.noise import noise_floor
    from holdfast.repairing import measure

    order = settings.order()
    check_format(settings, order.repairs)
    check_early(settings, order, promise)
    with progress:
        subject = load_subject(settings, order.repairs, progress)
        repairs = measure.usable(order, subject, progress)
        choosing, reporting = open_splits(settings, subject.base.world, progress.warn)
        judge = settings.judge_name(subject.base.world)
        limits = limits_of(promise, {s.name: judge_of_suite(judge, s.name, subject.base.world) for s in choosing})
        check_worth(order, repairs, {s.name: s.prompts for s in choosing}, limits, promise)
        for warning in warnings_of(settings, choosing):
            progress.warn(warning)
        run = Run.open("repair", settings.tuned, settings.record(), origins, settings.out)
        bench = open_bench(
            run, choosing, show_replies=settings.show_replies, show=progress.step,
            **settings.asking(subject.base.world),
        )  # fmt: skip
        bench.screen.learn(prompt for suite in reporting for prompt in suite.prompts)
        progress.total = sum(len(order.strengths(r)) for r in repairs) + 4
        quiet = replace(bench, run=None)
        if cluster := settings.cluster():
            from holdfast.api.strengths import Lab, curves_on

            curves = curves_on(cluster, settings, Lab(order, subject, repairs, quiet), run, progress)
        else:
            curves = measure.sweep_all(order, subject, repairs, quiet, progress)
        tried = measure.Tried(curves, choose(curves, limits, promise.delta))
        note(run, subject, judge, {"calibration": choosing, "test": reporting})
        bench = replace(bench, suites=reporting)
        outcome = measure.report(order, subject, tried, bench, progress, run.path / "model")
        if settings.noise_floor or subject.base.engine:
            progress.say("the base once more, in other batches")
            run.note(noise_floor=noise_floor(subject.base, Condition(), bench, outcome.base).to_dict())
    return conclude(run, settings, limits, outcome)


def check_early(settings: RepairSettings, order: Order, promise: Promise) -> None:
    """What can be known before two models are loaded: files, names, and whether the prompts can bear the promise."""
    check_asked(settings)
    folders = check_models([settings.base, settings.tuned])
    for rows in (settings.safety_rows, settings.unaligned_rows, settings.task_rows):
        if rows:
            read_rows(rows)
    if settings.base not in folders or holds_guild(folders[settings.base]):
        return  # it is in memory, or loads at once and has prompts of its own
    given = {"direction": settings.unaligned or settings.unaligned_rows, "safety_rows": settings.safety_rows,
             "task_rows": settings.task_rows, "models": True}  # fmt: skip
    if not order.may_skip and any(not given.get(need) for repair in order.repairs for need in repair.needs):
        return  # what it lacks is the first thing to tell
    choosing, _ = open_splits(settings, REAL, lambda _: None)
    judge = settings.judge_name(REAL)
    limits = limits_of(promise, {s.name: judge_of_suite(judge, s.name, REAL) for s in choosing})
    few = order.repairs[:1] if order.may_skip else order.repairs  # some may be left out, which leaves more for each
    check_worth(order, few, {s.name: s.prompts for s in choosing}, limits, promise)


def check_format(settings: RepairSettings, repairs: Sequence[Repair]) -> None:
    """Raises ModelError for a repair of weights that are quantised, before anything is loaded."""
    adapter = (Path(settings.tuned) / ADAPTER).exists()
    for repair in repairs:
        refuse_repair(settings.base, settings.tuned, repair.spec, bool(repair.decoding) or (repair.linear and adapter))


def check_worth(
    order: Order, repairs: Sequence[Repair], prompts: dict[str, list[Prompt]], limits: Sequence[Limit], promise: Promise
) -> None:
    """Raises TooFine when the prompts are too few for the promise, unless one strength was typed."""
    if any(len(order.strengths(one)) > 1 for one in repairs):
        check_resolution(limits, prompts, promise.delta / len(repairs))


def warnings_of(settings: RepairSettings, choosing: Sequence[Suite]) -> Iterator[str]:
    """What a user should know before anything is measured."""
    from holdfast.repairing.measure import ADD_UTILITY

    if settings.judge_error:
        yield "a strength is certified by what the judge counts; --judge-error widens what is reported"
    asked = any(suite.name.startswith("utility") for suite in choosing)
    if not asked and not (settings.no_write or settings.without_utility):
        yield f"no utility is measured, so nothing will be written: {ADD_UTILITY}, or --without-utility"


def note(run: Run, subject: Subject, judge: str, splits: dict[str, list[Suite]]) -> None:
    """What the run rests on, in its manifest."""
    if direction := subject.sources.direction:
        run.note(direction={"about": direction.about, "key": direction.key})
    evidence = {name: {suite.name: suite.evidence for suite in suites} for name, suites in splits.items()}
    run.note(base=subject.base.describe(), tuned=subject.tuned.describe(), judge=judge, evidence=evidence)


def conclude(run: Run, settings: RepairSettings, limits: Sequence[Limit], outcome: Outcome) -> Repaired:
    """The run's documents and its picture."""
    from holdfast.repairing.summary import chosen_text, comparisons_of, curves_of, facts_of

    comparisons = comparisons_of(outcome)
    run.append("comparisons", comparisons)
    sides = [side for side in (outcome.base, outcome.tuned, outcome.repaired) if side]
    document = terminal.json_document(
        "repair", run.path, [metric for side in sides for metric in side.metrics], comparisons=comparisons,
        **facts_of(outcome), limits=[str(limit) for limit in limits], evidence=run.manifest.get("evidence", {}),
        **({"noise_floor": run.manifest["noise_floor"]} if "noise_floor" in run.manifest else {}),
        confidence=settings.confidence, curves=curves_of(outcome), model=outcome.where or None, notes=outcome.notes,
        blind_spots=terminal.BLIND_SPOTS, exit_code=outcome.exit_code,
    )  # fmt: skip
    terminal.save_summary(run.path, document)
    drawings = [picture.drawing for picture in curve_pictures(document)]
    save(
        side_by_side(drawings, "On the calibration split, from the safest strength to the tuned model"),
        run.path / "curves.png",
    )
    said = chosen_text(outcome, limits, settings.confidence)
    run.finish(
        f"# {settings.tuned} repaired with {settings.base}\n\n{said}\n\nFigures: metrics.jsonl, summary.json,"
        " curves.png.\n"
    )
    return Repaired(run, document, said, outcome)
