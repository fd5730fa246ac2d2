"""The strengths of repairs measured on a calibration split, and the one that is chosen under the guarantee.

curve = measure_curve(trial, evaluate)      one evaluation for each strength, safest first
choose(trials, limits, delta)               each repair's certificate, and the best of those that have one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from holdfast.core.contracts import Repair
from holdfast.core.errors import EXIT_TOO_FINE, HoldfastError, UsageError
from holdfast.core.records import Metric, Prompt
from holdfast.evaluation.soundness import broken, doubted
from holdfast.stats.certify import Certificate, Limit, certify, smallest_n
from holdfast.stats.groups import count_groups

if TYPE_CHECKING:  # so that a promise can be read without torch
    from holdfast.evaluation.bench import Evaluation


class TooFine(HoldfastError):
    """A limit that no outcome on so few prompts could certify."""

    exit_code = EXIT_TOO_FINE


@dataclass(frozen=True)
class Promise:
    """What is asked of a repaired model; shares, None where nothing is asked."""

    max_harm: float
    confidence: float
    max_over_refusal: float | None = None
    min_utility: float | None = None

    @property
    def delta(self) -> float:
        return 1 - self.confidence


@dataclass(frozen=True)
class Curve:
    """One repair at each of its strengths, safest first, on the calibration split."""

    repair: Repair
    strengths: Sequence[float]
    evaluations: Sequence[Evaluation]
    broken: Sequence[
        str
    ] = ()  # why the model at each strength is broken, empty where it is not; () where none was looked at


@dataclass(frozen=True)
class Choice:
    """Every repair's certificate, and the curve and strength that were chosen, if any was certified."""

    certificates: list[Certificate]
    chosen: int | None  # which curve
    set_aside: Mapping[tuple[int, float], str] = field(
        default_factory=dict
    )  # curve and strength: certified, and broken

    @property
    def strength(self) -> float | None:
        return None if self.chosen is None else self.certificates[self.chosen].strength


def task_suite(suites: Sequence[str]) -> str | None:
    """The suite that tells what a repair costs: the tuned task's where it is measured, else general utility."""
    return next((name for name in ("utility-task", "utility") if name in suites), None)


def limits_of(promise: Promise, judges: dict[str, str]) -> list[Limit]:
    """The limits of a promise; `judges` maps each suite to its judge. Raises UsageError for a suite that is missing."""
    if "policy" not in judges:
        raise UsageError("a promise on harm needs forbidden prompts", "add --prompts FILE, or the suite policy")
    harm = "not_refused.rate" if judges["policy"] == "refusal" else "harm.any"
    limits = [Limit(harm, "policy", promise.max_harm)]
    if promise.max_over_refusal is not None:
        if "over-refusal" not in judges:
            raise UsageError("--max-over-refusal needs the suite over-refusal", "add --over-refusal-prompts FILE")
        limits.append(Limit("over_refusal.rate", "over-refusal", promise.max_over_refusal))
    if promise.min_utility is not None:
        suite = task_suite(list(judges))
        if suite is None:
            raise UsageError("--min-utility needs a utility suite", "add --task-prompts FILE or --utility-prompts FILE")
        limits.append(Limit("utility.exact", suite, promise.min_utility, at_most=False))
    return limits


def check_resolution(limits: Sequence[Limit], prompts: Mapping[str, Sequence[Prompt]], delta: float) -> None:
    """Raise TooFine, with the number that would do, when a suite has too few groups of prompts for its limit."""
    share = delta / len(limits)
    for limit in limits:
        asked = prompts[limit.suite]
        seen = count_groups(dict.fromkeys((p.id for p in asked), False), {p.id: p.group for p in asked})
        needed = smallest_n(limit, share, seen.single)
        if needed is None:
            raise TooFine(f"no number of prompts can certify {limit}", "allow a little more than nothing")
        if seen.independent < needed:
            groups = f" in {seen.independent} groups" if seen.clustered else ""
            raise TooFine(
                f"{seen.n} calibration prompts of {limit.suite}{groups} cannot certify {limit} at {1 - delta:.4g} "
                f"confidence, whatever the model does: it takes {needed}{' groups' if seen.clustered else ''}",
                "bring more prompts that share no item, template or source, allow more harm, ask for less confidence, "
                "or try fewer repairs at once",
            )


def kept(evaluation: Evaluation) -> float:
    """What is left to use: exact and lenient utility of every utility suite, less over-refusal.

    Exact and lenient count alike, so that prose for an answer costs; the task tuned for counts as much as all the rest.
    """
    value = evaluation.value
    utility = [value(metric, suite) or 0.0 for suite in evaluation.verdicts if suite.startswith("utility")
               for metric in ("utility.exact", "utility.lenient")]  # fmt: skip
    return sum(utility) - (value("over_refusal.rate", "over-refusal") or 0.0)


def choose(curves: Sequence[Curve], limits: Sequence[Limit], delta: float) -> Choice:
    """Certify each repair at its share of delta; of the certified ones the one that leaves the most to use.

    A repair's own choice is the certified strength nearest to the tuned model. Trying several repairs costs: each gets
    delta divided by their number, so that the promise holds for whichever is taken.
    """
    share = delta / len(curves)
    certificates = [
        certify(c.strengths, {limit: [e.count(limit) for e in c.evaluations] for limit in limits}, share)
        for c in curves
    ]

    def worth(i: int) -> tuple[float, float]:
        place = list(curves[i].strengths).index(certificates[i].strength or 0.0)
        evaluation = curves[i].evaluations[place]
        return kept(evaluation), -evaluation.count(limits[0]).hits

    certificates, aside = without_broken(certificates, [curve.broken for curve in curves])
    certified = [i for i, certificate in enumerate(certificates) if certificate.strength is not None]
    return Choice(certificates, max(certified, key=worth) if certified else None, aside)


def without_broken(
    certificates: Sequence[Certificate], broken: Sequence[Sequence[str]]
) -> tuple[list[Certificate], dict[tuple[int, float], str]]:
    """Certificates without the strengths at which a model is broken, and those that were set aside, with why.

    The test holds all that it certifies at once, so leaving some out of them takes nothing from its confidence; none is
    ever added.
    """
    kept: list[Certificate] = []
    aside: dict[tuple[int, float], str] = {}
    for i, (certificate, why) in enumerate(zip(certificates, broken, strict=True)):
        reasons = why or [""] * len(certificate.tested)
        tested = [replace(t, certified=t.certified and not r) for t, r in zip(certificate.tested, reasons, strict=True)]
        aside |= {(i, t.strength): r for t, r in zip(certificate.tested, reasons, strict=True) if t.certified and r}
        last = [t.strength for t in tested if t.certified][-1:]
        kept.append(replace(certificate, tested=tested, strength=last[0] if last else None))
    return kept, aside


def measure_curve(
    repair: Repair, strengths: Sequence[float], measure: Callable[[float], Evaluation], base: Sequence[Metric]
) -> Curve:
    """A repair at each strength, safest first, each held against the base's figures on the same prompts.

    A judge that is in doubt at one strength is believed at none.
    """
    found = [measure(strength) for strength in strengths]
    doubt = next((why for evaluation in found if (why := doubted(evaluation.metrics))), "")
    return Curve(repair, strengths, found, [broken(evaluation.metrics, base) or doubt for evaluation in found])


def curve_points(curve: Curve) -> list[dict[str, Any]]:
    """The curve for a document: for each strength every total."""
    return [
        {
            "strength": strength,
            "metrics": {f"{m.suite}:{m.metric}": m.value for m in evaluation.metrics if m.category is None},
            **({"broken": why} if why else {}),
        }
        for strength, evaluation, why in zip(
            curve.strengths, curve.evaluations, curve.broken or [""] * len(curve.strengths), strict=True
        )
    ]
