"""A repair that is measured: every strength on a calibration split, the chosen one on a test split, and written.

curves = sweep_all(order, subject, usable(order, subject, progress), bench, progress)
outcome = report(order, subject, Tried(curves, choose(curves, limits, delta)), test_bench, progress, folder)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.core.contracts import Repair
from holdfast.core.errors import EXIT_GATE, EXIT_NOTHING_MEASURED, EXIT_OK, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Metric
from holdfast.evaluation.bench import Bench, Evaluation
from holdfast.evaluation.evaluate import evaluate
from holdfast.evaluation.soundness import broken, has_utility
from holdfast.models.load import LoadedModel
from holdfast.repairing.choose import Choice, Curve, measure_curve
from holdfast.repairing.inputs import prepare_repair
from holdfast.repairing.sources import Sources
from holdfast.repairing.strengths import parse_strengths
from holdfast.repairing.sweep import Sweep, open_sweep
from holdfast.repairing.write import Result, write_result
from holdfast.stats.figures import figure


@dataclass(frozen=True)
class Order:
    """What is asked for: the repairs, their strengths as text, and what may be written.

    may_skip: whether a repair that lacks an input is left out; without_utility: whether a model is written though no
    suite of utility was measured.
    """

    repairs: Sequence[Repair]
    strength: str = "auto"
    may_skip: bool = False
    write: bool = True
    without_utility: bool = False

    def strengths(self, repair: Repair) -> list[float]:
        """The strengths at which a repair is tried, safest first."""
        return parse_strengths(self.strength, repair)


@dataclass(frozen=True)
class Subject:
    """The two models, and what the repairs draw on."""

    base: LoadedModel
    tuned: LoadedModel
    sources: Sources


@dataclass
class Trial:
    """One repair, ready to move through its strengths."""

    repair: Repair
    strengths: list[float]
    sweep: Sweep


@dataclass(frozen=True)
class Tried:
    """The repairs at their strengths on the calibration split, and what was chosen there."""

    curves: list[Curve]
    choice: Choice


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


ADD_UTILITY = "add --utility-prompts FILE or --task-prompts FILE"

# ---- the calibration split ------------------------------------------------------------------------------------------


def usable(order: Order, subject: Subject, progress: Progress) -> list[Repair]:
    """The repairs whose inputs are at hand. Raises UsageError when one that was named lacks something."""
    found = []
    for repair in order.repairs:
        missing = subject.sources.lacks(repair)
        if missing and order.may_skip:
            progress.warn(f"{repair.spec} is left out: it needs {missing[0].replace('_', ' ')}")
            continue
        if missing:
            # says what is missing, and how to give it
            prepare_repair(repair, subject.sources.of(repair, subject.tuned, ()))
        found.append(repair)
    if not found:
        raise UsageError("no repair has all that it needs", "add --unaligned-rows FILE or name --repair wise-ft")
    return found


def open_trial(repair: Repair, order: Order, subject: Subject) -> Trial:
    strengths = order.strengths(repair)
    prepare_repair(repair, subject.sources.of(repair, subject.tuned, strengths))
    return Trial(repair, strengths, open_sweep(repair, subject.base, subject.tuned, subject.sources.key(repair)))


def condition_at(repair: Repair, strength: float) -> Condition:
    return Condition(regime="tuned", repair=repair.spec, strength=strength)


def sweep_all(
    order: Order, subject: Subject, repairs: Sequence[Repair], bench: Bench, progress: Progress
) -> list[Curve]:
    """Every repair at each of its strengths, held against the base; the tuned model is left as it was."""
    progress.say("the base on the calibration split")
    base: Sequence[Metric] = evaluate(subject.base, Condition(), bench).metrics
    progress.finish()
    curves = []
    for repair in repairs:
        progress.say(f"{repair.spec} on the calibration split")
        trial = open_trial(repair, order, subject)
        with trial.sweep as sweep:

            def measure(strength: float, sweep: Sweep = sweep, repair: Repair = repair) -> Evaluation:
                found = evaluate(sweep.at(strength), condition_at(repair, strength), bench)
                progress.finish()
                return found

            curves.append(measure_curve(repair, trial.strengths, measure, base))
            if not any(sweep.changed(strength) for strength in trial.strengths) and len(trial.strengths) > 1:
                progress.warn(f"{repair.spec} changed nothing at any strength")
    return curves


# ---- the test split -------------------------------------------------------------------------------------------------


def report(order: Order, subject: Subject, tried: Tried, bench: Bench, progress: Progress, folder: Path) -> Outcome:
    """Measure base, tuned and chosen on the test split, and write the chosen one into the folder.

    A strength that was typed is taken without a certificate; a broken model is never taken.
    """
    curves, choice = tried.curves, tried.choice
    progress.say("base and tuned model on the test split")
    base = evaluate(subject.base, Condition(), bench)
    progress.finish()
    tuned = evaluate(subject.tuned, Condition(regime="tuned"), bench)
    progress.finish()
    fixed = order.strength != "auto" and all(len(curve.strengths) == 1 for curve in curves)
    place = choice.chosen if choice.chosen is not None else (0 if fixed and len(curves) == 1 else None)
    if place is None:
        return Outcome(curves, choice, base, tuned, None, "", [])
    chosen = curves[place]
    strength = choice.strength if choice.strength is not None else chosen.strengths[0]
    why = chosen.broken[list(chosen.strengths).index(strength)]
    if why:
        return Outcome(curves, choice, base, tuned, None, "", [], f"{chosen.repair.spec} at {strength:g}: {why}")
    progress.say(f"{chosen.repair.spec} at {strength:g} on the test split")
    trial = open_trial(chosen.repair, order, subject)
    with trial.sweep as sweep:
        model = sweep.at(strength)
        repaired = evaluate(model, condition_at(chosen.repair, strength), bench)
        progress.finish()
        found = judged(Outcome(curves, choice, base, tuned, repaired, "", list(chosen.repair.notes)), order)
        if found.refused or found.unwritten:
            return found
        where = model.reference if chosen.repair.decoding else ""
        if order.write and not chosen.repair.decoding:
            where = str(folder)
            write(order, Result(chosen.repair, subject.base, sweep.tuned, sweep), repaired, folder)
    return replace(found, where=where)


def judged(outcome: Outcome, order: Order) -> Outcome:
    """The outcome with why its model is not taken, or not written, if so."""
    assert outcome.repaired is not None
    why = broken(outcome.repaired.metrics, outcome.base.metrics)
    if why:
        at = outcome.repaired.condition
        return replace(outcome, refused=f"{at.repair} at {at.strength or 0:g}, on the test split: {why}")
    if outcome.measured_use or not order.write or order.without_utility:
        return outcome
    return replace(
        outcome, unwritten=f"no utility was measured: {ADD_UTILITY}, or --without-utility to write it all the same"
    )


def write(order: Order, result: Result, repaired: Evaluation, folder: Path) -> None:
    """The repaired model's folder; one that an interrupted run has finished stays."""
    if folder.exists() and any(folder.iterdir()):
        return
    totals = [
        m
        for m in repaired.metrics
        if m.category is None and m.suite in ("policy", "over-refusal", "utility", "utility-task")
    ]
    facts = {f"{m.suite}, {m.metric}, n {m.n}": figure(m) for m in totals}
    if order.without_utility and not any(m.suite.startswith("utility") for m in totals):
        facts["utility"] = "not measured, so a model that knows nothing any more would not be seen"
    strength = repaired.condition.strength or 0.0
    write_result(result, {strength: folder}, {strength: facts})
