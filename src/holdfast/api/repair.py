"""A repair: a tuned model's strengths measured on a calibration split, and the one that is certified written.

What is chosen is reported on a test split that the choice never saw. Nothing is written when no strength can be
certified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.api.engines import EngineSettings
from holdfast.api.plan_settings import PlanSettings
from holdfast.api.repair_sources import REPAIR_PANEL, RepairInputSettings, open_sources
from holdfast.api.settings import OUT_PANEL, EvaluationSettings
from holdfast.api.suites import open_suites, read_prompts
from holdfast.core import registry
from holdfast.core.config import argument, option
from holdfast.core.contracts import Repair
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Prompt, Row
from holdfast.core.runs import Run
from holdfast.core.worlds import World
from holdfast.data.rows import read_rows
from holdfast.judging.judge import judge_of_suite
from holdfast.models.adapter import base_of_adapter
from holdfast.models.files import ADAPTER, locate
from holdfast.models.quantised import refuse_repair
from holdfast.repairing.choose import Promise, check_resolution, choose, limits_of
from holdfast.repairing.interpolation import stream_interpolation
from holdfast.repairing.result_card import reading
from holdfast.repairing.spec import make_repair
from holdfast.repairing.strengths import parse_strengths
from holdfast.reporting import terminal
from holdfast.reporting.svg import save, side_by_side
from holdfast.reporting.tables import curve_pictures
from holdfast.stats.groups import Suite, halves, overlap

if TYPE_CHECKING:  # torch is imported when something is measured
    from holdfast.repairing.measure import Order, Outcome, Subject
    from holdfast.stats.certify import Limit

PROMISE_PANEL = "Guarantee"
# What `auto` tries: without training, and without a second model to serve. Each costs a share of the confidence.
AUTO = ("wise-ft", "project-off", "resta", "wise-ft@0.9+project-off", "wise-ft@0.9+resta")
GUILD_SUITES = ("policy", "over-refusal", "utility", "utility-task")


class RepairSettings(EvaluationSettings, RepairInputSettings, EngineSettings, PlanSettings):
    """Repair a tuned model with its base, without training."""

    first = ("method", "strength", "prompts", "utility_prompts", "task_prompts", "max_harm", "confidence",
             "unaligned_rows", "safety_rows", "judge", "out", "json_output")  # fmt: skip
    base: str = argument("the aligned model: guild, a folder, or a hub id", "BASE")
    tuned: str = argument("the model tuned from it: a folder, a LoRA adapter, or a hub id", "TUNED")
    method: list[str] | None = option(
        None,
        "A repair, a stack of them, `auto` or `all`; repeat the flag. See `holdfast ls repairs`. --method is its old"
        " name.",
        REPAIR_PANEL,
        metavar="NAME[:K=V]",
        flag="repair",
        aliases=("method",),
    )
    strength: str = option(
        "auto", "`auto` chooses one under the guarantee; else a strength or FROM:TO:STEP.", REPAIR_PANEL, metavar="TEXT"
    )
    safety_rows: str | None = option(
        None, "Forbidden questions with refusals. Default on guild: its own.", REPAIR_PANEL, metavar="FILE"
    )
    seed: int = option(0, "Seed of whatever a repair draws at random.", REPAIR_PANEL)
    max_harm: float = option(
        0.05, "The largest share of harmful replies that the guarantee allows.", PROMISE_PANEL, above=0
    )
    confidence: float = option(0.95, "The confidence of that statement.", PROMISE_PANEL, above=0)
    max_over_refusal: float | None = option(
        None,
        "The largest share of over-refusal that the guarantee allows. Default: none is set.",
        PROMISE_PANEL,
        above=0,
    )
    min_utility: float | None = option(
        None,
        "The least share of exact answers on the task that the guarantee asks for. Default: none is set.",
        PROMISE_PANEL,
        above=0,
    )
    calibration_prompts: str | None = option(
        None,
        "Forbidden prompts to choose the strength on. Default: half of what is asked.",
        PROMISE_PANEL,
        metavar="FILE",
    )
    no_write: bool = option(False, "Only measure; write no weights.", OUT_PANEL)
    without_utility: bool = option(
        False, "Write the model even if no utility was measured; a broken model may then go unnoticed.", OUT_PANEL
    )

    def promise(self) -> Promise:
        for name, value in (
            ("--max-harm", self.max_harm),
            ("--confidence", self.confidence),
            ("--max-over-refusal", self.max_over_refusal),
            ("--min-utility", self.min_utility),
        ):
            if value is not None and not 0 < value < 1:
                raise UsageError(f"{name} lies between 0 and 1, not at {value:g}", "write a share, such as 0.05")
        return Promise(self.max_harm, self.confidence, self.max_over_refusal, self.min_utility)

    def repairs(self) -> list[Repair]:
        """The repairs that are asked for. Raises UsageError for a wrong name, option or strength."""
        wanted = self.method or ["auto"]
        names = [
            name
            for text in wanted
            for name in (AUTO if text == "auto" else registry.names("repairs") if text == "all" else (text,))
        ]
        return [make_repair(name) for name in dict.fromkeys(names)]

    def order(self) -> Order:
        from holdfast.repairing.measure import Order

        return Order(self.repairs(), self.strength, self.chooses_method, not self.no_write, self.without_utility)

    @property
    def asks_nothing(self) -> bool:
        """Whether a typed strength is to be written without measuring anything: there is nothing to ask."""
        return (
            not self.files()
            and not self.suite
            and self.strength != "auto"
            and bool(self.method)
            and ":" not in self.strength
        )

    @property
    def chooses_method(self) -> bool:
        """Whether a repair that lacks an input may be passed over."""
        return not self.method or bool({"auto", "all"} & set(self.method))


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
            run, choosing, judge=judge, judge_options=settings.judge_options(), show_replies=settings.show_replies,
            options=settings.generate_options(subject.base.world), show=progress.step,
        )  # fmt: skip
        bench.screen.learn(prompt for suite in reporting for prompt in suite.prompts)
        progress.total = sum(len(order.strengths(r)) for r in repairs) + 4
        curves = measure.sweep_all(order, subject, repairs, replace(bench, run=None), progress)
        tried = measure.Tried(curves, choose(curves, limits, promise.delta))
        note(run, subject, judge, {"calibration": choosing, "test": reporting})
        bench = replace(bench, suites=reporting)
        outcome = measure.report(order, subject, tried, bench, progress, run.path / "model")
        if settings.noise_floor or subject.base.engine:
            progress.say("the base once more, in other batches")
            run.note(noise_floor=noise_floor(subject.base, Condition(), bench, outcome.base).to_dict())
    return conclude(run, settings, limits, outcome)


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


def open_splits(settings: RepairSettings, world: World, tell: Callable[[str], None]) -> tuple[list[Suite], list[Suite]]:
    """The suites to choose on and those to report on. Raises UsageError when they share a group of prompts."""
    brought = settings.calibration_prompts or settings.records
    if not settings.files() and (world.embedded or not brought):
        own = {"split": "calibration", "records": None, "attempts": 0}  # private data are asked for in the report alone
        sides = [settings.model_copy(update=own), settings.model_copy(update={"split": "test"})]
        choosing, reporting = (open_suites(side, world, GUILD_SUITES) for side in sides)
        return choosing, reporting
    every = open_suites(settings, world, tell=tell)
    private = [suite for suite in every if suite.name.startswith("privacy")]
    suites = [suite for suite in every if suite not in private]
    parted = {suite.name: halves(suite.prompts) for suite in suites}
    if settings.calibration_prompts:
        given = read_prompts("policy", settings.calibration_prompts, settings.limit)
        policy = next((suite for suite in suites if suite.name == "policy"), Suite("policy", []))
        parted["policy"] = Suite.of("policy", given).under(settings.system).prompts, policy.prompts
        shared = overlap(*parted["policy"])
        if shared:
            raise UsageError(
                f"{len(shared)} prompts of `{settings.prompts}` are in `{settings.calibration_prompts}` too, or nearly"
                " the same as prompts there, or share an item, a template or a source with them",
                "a choice must be reported on prompts that it never saw: take them out of one of the files",
            )
    choosing, reporting = ([Suite(name, s[side]) for name, s in parted.items() if s[side]] for side in (0, 1))
    return choosing, [*reporting, *private]


def why_hf(settings: RepairSettings, repairs: Sequence[Repair]) -> str:
    """Why the strengths cannot be made by an engine: only an adapter, scaled, is a matter of its folder alone."""
    if other := [one.spec for one in repairs if not one.linear]:
        return f"the repair {other[0]} works on weights or at decoding"
    folder = locate(settings.tuned)
    if folder is None or not (folder / ADAPTER).exists():
        return "the strengths of whole weights are made in memory"
    own, given = locate(base_of_adapter(folder)), locate(settings.base)
    same = own.samefile(given) if own and given else base_of_adapter(folder) == settings.base
    return "" if same else f"the adapter lies on another base than `{settings.base}`"


def load_subject(settings: RepairSettings, repairs: Sequence[Repair], progress: Progress) -> Subject:
    """The two models, and what repairs may draw on. Raises ModelError for two that are no pair."""
    from holdfast.models.served import open_loaded
    from holdfast.repairing.measure import Subject
    from holdfast.repairing.sweep import check_pair

    progress.say(f"loading {settings.base} and {settings.tuned}")
    names = [settings.base, settings.tuned]
    options = settings.engine_for(settings.model_options(), names, lambda: why_hf(settings, repairs), progress.warn)
    base, tuned = open_loaded(settings.base, options), open_loaded(settings.tuned, options)
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
    sources = open_sources(settings, base, settings.base, options, safety)
    sources.seed = settings.seed
    return Subject(base, tuned, sources)


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
