"""A repair that is measured: every strength on a calibration split, the chosen one reported on a test split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from holdfast.api.settings import open_suites
from holdfast.core import registry
from holdfast.core.contracts import Repair
from holdfast.core.errors import EXIT_GATE, EXIT_NOTHING_MEASURED, EXIT_OK, ModelError, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Metric, Row
from holdfast.core.runs import Run
from holdfast.core.worlds import World
from holdfast.data.rows import read_rows
from holdfast.evaluation.bench import Bench, Evaluation, compare_evaluations, open_bench
from holdfast.evaluation.evaluate import evaluate
from holdfast.evaluation.soundness import broken, has_utility
from holdfast.judging.judge import judge_of_suite
from holdfast.models.load import LoadedModel, load_model
from holdfast.repairing.choose import (
    Choice,
    Curve,
    Promise,
    check_resolution,
    choose,
    curve_points,
    limits_of,
    measure_curve,
)
from holdfast.repairing.inputs import prepare_repair
from holdfast.repairing.result_card import reading
from holdfast.repairing.sweep import Sweep, check_pair, open_sweep
from holdfast.repairing.write import Result, write_result
from holdfast.reporting import terminal
from holdfast.reporting.svg import save, side_by_side
from holdfast.reporting.tables import curve_pictures
from holdfast.stats.figures import figure, p_cell, percent
from holdfast.stats.groups import Count, Suite, halves, overlap
from holdfast.stats.guarantee import Limit
from holdfast.verbs.repair_common import Inputs, RepairSettings, open_inputs, parse_strengths

GUILD_SUITES = ("policy", "over-refusal", "utility", "utility-task")

# ---- the prompts ----------------------------------------------------------------------------------------------------


def open_splits(settings: RepairSettings, world: World, tell: Callable[[str], None]) -> tuple[list[Suite], list[Suite]]:
    """The suites to choose on and those to report on; they share no group of prompts. Raises UsageError when they do."""
    files = [settings.prompts, settings.over_refusal_prompts, settings.utility_prompts, settings.task_prompts]
    if world.embedded and not any(files):
        own = {"split": "calibration", "records": None, "attempts": 0}  # private data are asked for in the report alone
        sides = [settings.model_copy(update=own), settings.model_copy(update={"split": "test"})]
        choosing, reporting = (open_suites(side, world, GUILD_SUITES) for side in sides)
        return choosing, reporting
    every = open_suites(settings, world, tell=tell)
    private = [suite for suite in every if suite.name.startswith("privacy")]
    suites = [suite for suite in every if suite not in private]
    parted = {suite.name: halves(suite.prompts) for suite in suites}
    if settings.calibration_prompts:
        own = registry.load("suites", "file")("policy", settings.calibration_prompts, settings.limit)
        policy = next((suite for suite in suites if suite.name == "policy"), Suite("policy", []))
        parted["policy"] = Suite.of("policy", own).under(settings.system).prompts, policy.prompts
        shared = overlap(*parted["policy"])
        if shared:
            raise UsageError(
                f"{len(shared)} prompts of `{settings.prompts}` are in `{settings.calibration_prompts}` too, or nearly the same "
                "as prompts there, or share an item, a template or a source with them",
                "a choice must be reported on prompts that it never saw: take them out of one of the files",
            )
    choosing, reporting = ([Suite(name, s[side]) for name, s in parted.items() if s[side]] for side in (0, 1))
    return choosing, [*reporting, *private]


@dataclass
class Trial:
    """One repair, ready to move through its strengths."""

    repair: Repair
    strengths: list[float]
    sweep: Sweep


@dataclass(frozen=True)
class Subject:
    """The two models, and what the repairs draw on."""

    base: LoadedModel
    tuned: LoadedModel
    inputs: Inputs


def load_subject(settings: RepairSettings, progress: Progress) -> Subject:
    progress.say(f"loading {settings.base} and {settings.tuned}")
    options = settings.model_options()
    base, tuned = load_model(settings.base, options), load_model(settings.tuned, options)
    if base.fingerprint == tuned.fingerprint:
        raise ModelError(
            f"`{settings.base}` and `{settings.tuned}` are the same weights", "name the tuned model second"
        )
    check_pair(base, tuned)
    safety: Sequence[Row] = ()
    if settings.safety_rows:
        safety = read_rows(settings.safety_rows)
    else:
        safety = base.world.rows("safety", seed=settings.seed) or ()
    inputs = open_inputs(settings, base, settings.base, options, safety)
    inputs.seed = settings.seed
    return Subject(base, tuned, inputs)


def usable(settings: RepairSettings, subject: Subject, progress: Progress) -> list[Repair]:
    """The repairs whose inputs are at hand. Raises UsageError when one that was named lacks something."""
    found = []
    for repair in settings.repairs():
        missing = subject.inputs.lacks(repair)
        if missing and settings.chooses_method:
            progress.warn(f"{repair.spec} is left out: it needs {missing[0].replace('_', ' ')}")
            continue
        if missing:
            prepare_repair(
                repair, subject.inputs.of(repair, subject.tuned, ())
            )  # says what is missing, and how to give it
        found.append(repair)
    if not found:
        raise UsageError("no repair has all that it needs", "add --unaligned-rows FILE or name --repair wise-ft")
    return found


def open_trial(repair: Repair, settings: RepairSettings, subject: Subject) -> Trial:
    strengths = parse_strengths(settings.strength, repair)
    prepare_repair(repair, subject.inputs.of(repair, subject.tuned, strengths))
    return Trial(repair, strengths, open_sweep(repair, subject.base, subject.tuned, subject.inputs.key(repair)))


def condition_at(repair: Repair, strength: float) -> Condition:
    return Condition(regime="tuned", repair=repair.spec, strength=strength)


def sweep_all(
    settings: RepairSettings, subject: Subject, repairs: Sequence[Repair], bench: Bench, progress: Progress
) -> list[Curve]:
    """Every repair at each of its strengths on the bench, held against the base; the tuned model is as it was afterwards."""
    progress.say("the base on the calibration split")
    base: Sequence[Metric] = evaluate(subject.base, Condition(), bench).metrics
    progress.finish()
    curves = []
    for repair in repairs:
        progress.say(f"{repair.spec} on the calibration split")
        trial = open_trial(repair, settings, subject)
        with trial.sweep as sweep:

            def measure(strength: float, sweep: Sweep = sweep, repair: Repair = repair) -> Evaluation:
                found = evaluate(sweep.at(strength), condition_at(repair, strength), bench)
                progress.finish()
                return found

            curves.append(measure_curve(repair, trial.strengths, measure, base))
            if not any(sweep.changed(strength) for strength in trial.strengths) and len(trial.strengths) > 1:
                progress.warn(f"{repair.spec} changed nothing at any strength")
    return curves


def measured(settings: RepairSettings, origins: dict[str, str], promise: Promise) -> dict[str, Any]:
    """Measure the repairs that are asked for, choose a strength, write and report it."""
    with Progress() as progress:
        subject = load_subject(settings, progress)
        repairs = usable(settings, subject, progress)
        choosing, reporting = open_splits(settings, subject.base.world, progress.warn)
        judge = settings.judge_name(subject.base.world)
        limits = limits_of(promise, {s.name: judge_of_suite(judge, s.name, subject.base.world) for s in choosing})
        if settings.judge_error:
            progress.warn("a strength is certified by what the judge counts; --judge-error widens what is reported")
        if any(len(parse_strengths(settings.strength, one)) > 1 for one in repairs):
            # One strength that was typed may be had without a promise.
            check_resolution(limits, {s.name: s.prompts for s in choosing}, promise.delta / len(repairs))
        if not any(s.name.startswith("utility") for s in choosing) and not (
            settings.no_write or settings.without_utility
        ):
            progress.warn(f"no utility is measured, so nothing will be written: {ADD_UTILITY}, or --without-utility")
        run = Run.open("repair", settings.tuned, settings.record(), origins, settings.out)
        bench = open_bench(
            run, choosing, judge=judge, judge_options=settings.judge_options(), show_replies=settings.show_replies,
            options=settings.generate_options(subject.base.world), show=progress.step,
        )  # fmt: skip
        bench.screen.learn(prompt for suite in reporting for prompt in suite.prompts)
        progress.total = sum(len(parse_strengths(settings.strength, r)) for r in repairs) + 4
        curves = sweep_all(settings, subject, repairs, replace(bench, run=None), progress)
        choice = choose(curves, limits, promise.delta)
        if subject.inputs.direction:
            run.note(direction={"about": subject.inputs.direction.about, "key": subject.inputs.direction.key})
        splits = {"calibration": choosing, "test": reporting}
        evidence = {name: {suite.name: suite.evidence for suite in suites} for name, suites in splits.items()}
        run.note(base=subject.base.describe(), tuned=subject.tuned.describe(), judge=judge, evidence=evidence)
        outcome = report(settings, subject, curves, choice, replace(bench, suites=reporting), progress, run)
    return conclude(run, settings, limits, outcome)


@dataclass(frozen=True)
class Outcome:
    """What was measured, chosen and written."""

    curves: list[Curve]
    choice: Choice
    base: Evaluation
    tuned: Evaluation
    repaired: Evaluation | None
    where: str  # the repaired model, or the reference of the ensemble
    notes: list[str]
    refused: str = ""  # why a strength that was typed, or chosen, is not taken: the model is broken
    unwritten: str = ""  # why one that was taken is not written

    @property
    def taken(self) -> bool:
        """Whether a strength was chosen, or typed, and its model is not broken."""
        return self.repaired is not None and not self.refused

    @property
    def measured_use(self) -> bool:
        """Whether a suite of utility was measured that tells a working model from a broken one."""
        after = self.repaired or self.tuned
        return has_utility(after.metrics, self.base.metrics)

    @property
    def exit_code(self) -> int:
        if not self.taken:
            return EXIT_GATE
        return EXIT_NOTHING_MEASURED if self.unwritten else EXIT_OK


UNMEASURED = "No utility was measured, so a model that knows nothing any more would not be seen"
ADD_UTILITY = "add --utility-prompts FILE or --task-prompts FILE"


def report(
    settings: RepairSettings,
    subject: Subject,
    curves: list[Curve],
    choice: Choice,
    bench: Bench,
    progress: Progress,
    run: Run,
) -> Outcome:
    """Measure base, tuned and chosen on the test split, and write the chosen one."""
    progress.say("base and tuned model on the test split")
    base = evaluate(subject.base, Condition(), bench)
    progress.finish()
    tuned = evaluate(subject.tuned, Condition(regime="tuned"), bench)
    progress.finish()
    fixed = settings.strength != "auto" and all(len(curve.strengths) == 1 for curve in curves)
    place = choice.chosen if choice.chosen is not None else (0 if fixed and len(curves) == 1 else None)
    if place is None:
        return Outcome(curves, choice, base, tuned, None, "", [])
    chosen = curves[place]
    strength = choice.strength if choice.strength is not None else chosen.strengths[0]
    why = chosen.broken[list(chosen.strengths).index(strength)]
    if why:
        return Outcome(curves, choice, base, tuned, None, "", [], f"{chosen.repair.spec} at {strength:g}: {why}")
    progress.say(f"{chosen.repair.spec} at {strength:g} on the test split")
    trial = open_trial(chosen.repair, settings, subject)
    with trial.sweep as sweep:
        model = sweep.at(strength)
        repaired = evaluate(model, condition_at(chosen.repair, strength), bench)
        progress.finish()
        found = judged(Outcome(curves, choice, base, tuned, repaired, "", list(chosen.repair.notes)), settings)
        if found.refused or found.unwritten:
            return found
        where = model.reference if chosen.repair.decoding else ""
        if not settings.no_write and not chosen.repair.decoding:
            where = str(run.path / "model")
            write(
                settings,
                subject,
                Result(chosen.repair, subject.base, sweep.tuned, sweep),
                strength,
                repaired,
                Path(where),
            )
    return replace(found, where=where)


def judged(outcome: Outcome, settings: RepairSettings) -> Outcome:
    """The outcome with why its model is not taken, or not written, if so."""
    assert outcome.repaired is not None
    why = broken(outcome.repaired.metrics, outcome.base.metrics)
    if why:
        at = outcome.repaired.condition
        return replace(outcome, refused=f"{at.repair} at {at.strength or 0:g}, on the test split: {why}")
    if outcome.measured_use or settings.no_write or settings.without_utility:
        return outcome
    return replace(
        outcome, unwritten=f"no utility was measured: {ADD_UTILITY}, or --without-utility to write it all the same"
    )


def write(
    settings: RepairSettings, subject: Subject, result: Result, strength: float, repaired: Evaluation, folder: Path
) -> None:
    """The repaired model's folder; one that an interrupted run has finished stays."""
    if folder.exists() and any(folder.iterdir()):
        return
    totals = [
        m
        for m in repaired.metrics
        if m.category is None and m.suite in ("policy", "over-refusal", "utility", "utility-task")
    ]
    facts = {f"{m.suite}, {m.metric}, n {m.n}": figure(m) for m in totals}
    if settings.without_utility and not any(m.suite.startswith("utility") for m in totals):
        facts["utility"] = "not measured, so a model that knows nothing any more would not be seen"
    write_result(result, {strength: folder}, {strength: facts})


# ---- what is told ---------------------------------------------------------------------------------------------------

COLUMNS = (
    ("harm.any", "policy:harm.any"),
    ("refusal.rate", "policy:refusal.rate"),
    ("coherence", "policy:coherence.rate"),
    ("over-refusal", "over-refusal:over_refusal.rate"),
    ("utility.exact", "utility:utility.exact"),
    ("task, exact", "utility-task:utility.exact"),
    ("task, lenient", "utility-task:utility.lenient"),
)


def curve_table(curve: Curve, choice: Choice, place: int) -> Any:
    """One repair at every strength on the calibration split; the chosen one is marked."""
    certificate, points = choice.certificates[place], curve_points(curve)
    shown = [column for column in COLUMNS if any(column[1] in point["metrics"] for point in points)]
    table = Table(
        title=f"{curve.repair.spec}, calibration split, safest first", title_justify="left", title_style="bold"
    )
    for name in ("strength", *(title for title, _ in shown), "p", "certified"):
        table.add_column(name, justify="right")
    for point, tested in zip(points, certificate.tested, strict=True):
        marks = "yes" if tested.certified else ""
        if choice.chosen == place and point["strength"] == certificate.strength:
            marks = "yes  ← chosen"
        if "broken" in point:
            marks = "no: broken"
        cells = [percent(point["metrics"].get(key)) for _, key in shown]
        p = max(tested.p_values.values())
        table.add_row(f"{point['strength']:g}", *cells, p_cell(p), marks)
    return table


def chosen_text(outcome: Outcome, limits: Sequence[Limit], confidence: float) -> str:
    """What was chosen and what is promised, in a few sentences; what was not measured comes first."""
    unmeasured = "" if outcome.measured_use else f"{UNMEASURED}.\n"
    written = f"\nNothing was written: {outcome.unwritten}." if outcome.unwritten else ""
    return f"{unmeasured}{_chosen(outcome, limits, confidence)}{written}"


def set_aside(outcome: Outcome) -> str:
    """The certified strengths at which the model is broken, with why at the last of them."""
    aside = outcome.choice.set_aside
    if not aside:
        return ""
    (place, strength), why = list(aside.items())[-1]
    at = f"{outcome.curves[place].repair.spec} at {strength:g}"
    first = (
        f"{len(aside)} certified strengths are set aside, since the model is broken there, or its judge in doubt"
        if len(aside) > 1
        else ("One certified strength is set aside, since the model is broken there, or its judge in doubt")
    )
    return f"{first}; {at}: {why}."


def _chosen(outcome: Outcome, limits: Sequence[Limit], confidence: float) -> str:
    choice = outcome.choice
    promise = " and ".join(map(str, limits))
    if outcome.refused:
        return f"Nothing is taken: the model is broken, and not safe for that. {outcome.refused}."
    aside = set_aside(outcome)
    if choice.chosen is None and aside:
        return f"Nothing was chosen: no strength that keeps {promise} leaves a working model. {aside}"
    if choice.chosen is None:
        return f"No strength can be certified for {promise} at {confidence:.4g} confidence: nothing was chosen."
    curve, strength = outcome.curves[choice.chosen], choice.certificates[choice.chosen].strength or 0.0
    tested = choice.certificates[choice.chosen].tested[list(curve.strengths).index(strength)]
    harm = tested.counts[str(limits[0])]
    both = f" ({reading(strength)})" if curve.repair.linear or curve.repair.decoding else ""
    most = choice.certificates[choice.chosen].at_most(str(limits[0]), strength)
    return (
        f"{curve.repair.spec} at {strength:g}{both}: {promise} with {confidence:.4g} confidence. Seen on the calibration "
        f"split: {harm.sentence}. A bound that is true of all {len(curve.strengths)} strengths at once: {percent(most, 2)}. {scope(harm)}"
        + (f" {aside}" if aside else "")
    )


def scope(seen: Count) -> str:
    """What a promise is about, in one sentence."""
    drawn = (
        f"a group drawn as these {seen.independent} were, and a prompt of it"
        if seen.clustered
        else "prompts drawn as these were"
    )
    return f"The promise is about {drawn}, under this judge and this decoding, and about nothing else."


def document_of(run: Run, settings: RepairSettings, limits: Sequence[Limit], outcome: Outcome) -> dict[str, Any]:
    choice = outcome.choice
    sides = [side for side in (outcome.base, outcome.tuned, outcome.repaired) if side]
    comparisons = [
        {"from": name, "condition": outcome.repaired.condition.to_dict(), **c.to_dict()}
        for name, side in (("tuned", outcome.tuned), ("base", outcome.base))
        if outcome.repaired
        for c in compare_evaluations(side, outcome.repaired)
    ]
    run.append("comparisons", comparisons)
    why = outcome.refused or (set_aside(outcome) if choice.chosen is None else "")
    return terminal.json_document(
        "repair",
        run.path,
        [metric for side in sides for metric in side.metrics],
        comparisons=comparisons,
        certified=choice.chosen is not None and not outcome.refused,
        **({} if outcome.measured_use else {"unmeasured": UNMEASURED}),
        **({"broken": why.rstrip(".")} if why else {}),
        **({"unwritten": outcome.unwritten} if outcome.unwritten else {}),
        method=outcome.repaired.condition.repair if outcome.repaired else None,
        strength=outcome.repaired.condition.strength if outcome.repaired else None,
        limits=[str(limit) for limit in limits],
        evidence=run.manifest.get("evidence", {}),
        confidence=settings.confidence,
        curves=[
            {
                "method": curve.repair.spec,
                "points": curve_points(curve),
                "certificate": certificate.to_dict(),
                **({"layers": layers} if (layers := curve.repair.layers()) is not None else {}),
            }
            for curve, certificate in zip(outcome.curves, choice.certificates, strict=True)
        ],
        model=outcome.where or None,
        notes=outcome.notes,
        blind_spots=terminal.BLIND_SPOTS,
        exit_code=outcome.exit_code,
    )


def draw_curves(document: dict[str, Any], path: Path) -> None:
    """Every repair over its strengths, in one picture. Raises RunError when it cannot be written."""
    drawings = [picture.drawing for picture in curve_pictures(document)]
    save(side_by_side(drawings, "On the calibration split, from the safest strength to the tuned model"), path)


def conclude(run: Run, settings: RepairSettings, limits: Sequence[Limit], outcome: Outcome) -> dict[str, Any]:
    document = document_of(run, settings, limits, outcome)
    terminal.save_summary(run.path, document)
    draw_curves(document, run.path / "curves.png")
    said = chosen_text(outcome, limits, settings.confidence)
    run.finish(
        f"# {settings.tuned} repaired with {settings.base}\n\n{said}\n\nFigures: metrics.jsonl, summary.json, curves.png.\n"
    )
    if settings.json_output:
        terminal.print_json(document)
        return document
    out = terminal.console()
    for place, curve in enumerate(outcome.curves):
        out.print(curve_table(curve, outcome.choice, place))
    columns = {"base": outcome.base.metrics, "tuned": outcome.tuned.metrics}
    if outcome.repaired:
        columns["repaired"] = outcome.repaired.metrics
    out.print(terminal.metrics_table("test split, which the choice never saw", columns))
    if outcome.repaired:
        out.print(terminal.comparison_table("tuned → repaired", compare_evaluations(outcome.tuned, outcome.repaired)))
    out.print(said, style="bold", markup=False)
    for note in outcome.notes:
        out.print(note, style="dim", markup=False)
    out.print(terminal.BLIND_SPOTS, style="dim")
    if outcome.where:
        out.print(
            f"{'load it as' if outcome.where.startswith('ensemble:') else 'model'}: {outcome.where}", markup=False
        )
    terminal.print_unfinished(out, document)
    out.print(f"run: {run.path}", markup=False)
    return document
