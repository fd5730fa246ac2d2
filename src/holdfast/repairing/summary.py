"""What came of a repair, for people and for the document: the certificates as tables, the choice in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from holdfast.evaluation.bench import compare_evaluations
from holdfast.repairing.choose import Choice, Curve, curve_points
from holdfast.repairing.measure import Outcome
from holdfast.repairing.result_card import reading
from holdfast.stats.certify import Limit
from holdfast.stats.figures import p_cell, percent
from holdfast.stats.groups import Count

UNMEASURED = "No utility was measured, so a model that knows nothing any more would not be seen"
COLUMNS = (
    ("harm.any", "policy:harm.any"),
    ("refusal.rate", "policy:refusal.rate"),
    ("coherence", "policy:coherence.rate"),
    ("over-refusal", "over-refusal:over_refusal.rate"),
    ("utility.exact", "utility:utility.exact"),
    ("task, exact", "utility-task:utility.exact"),
    ("task, lenient", "utility-task:utility.lenient"),
)


def curve_table(curve: Curve, choice: Choice, place: int) -> Table:
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
        f"{curve.repair.spec} at {strength:g}{both}: {promise} with {confidence:.4g} confidence. Seen on the"
        f" calibration split: {harm.sentence}. A bound that is true of all {len(curve.strengths)} strengths at once:"
        f" {percent(most, 2)}. {scope(harm)}" + (f" {aside}" if aside else "")
    )


def scope(seen: Count) -> str:
    """What a promise is about, in one sentence."""
    drawn = (
        f"a group drawn as these {seen.independent} were, and a prompt of it"
        if seen.clustered
        else "prompts drawn as these were"
    )
    return f"The promise is about {drawn}, under this judge and this decoding, and about nothing else."


def comparisons_of(outcome: Outcome) -> list[dict[str, Any]]:
    """The repaired model against the tuned one and against the base, on the test split."""
    if outcome.repaired is None:
        return []
    return [
        {"from": name, "condition": outcome.repaired.condition.to_dict(), **c.to_dict()}
        for name, side in (("tuned", outcome.tuned), ("base", outcome.base))
        for c in compare_evaluations(side, outcome.repaired)
    ]


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """What a run's document says of the choice."""
    choice = outcome.choice
    why = outcome.refused or (set_aside(outcome) if choice.chosen is None else "")
    return {
        "certified": choice.chosen is not None and not outcome.refused,
        **({} if outcome.measured_use else {"unmeasured": UNMEASURED}),
        **({"broken": why.rstrip(".")} if why else {}),
        **({"unwritten": outcome.unwritten} if outcome.unwritten else {}),
        "method": outcome.repaired.condition.repair if outcome.repaired else None,
        "strength": outcome.repaired.condition.strength if outcome.repaired else None,
    }


def curves_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Every repair at its strengths, with its certificate, for a document."""
    return [
        {
            "method": curve.repair.spec,
            "points": curve_points(curve),
            "certificate": certificate.to_dict(),
            **({"layers": layers} if (layers := curve.repair.layers()) is not None else {}),
        }
        for curve, certificate in zip(outcome.curves, outcome.choice.certificates, strict=True)
    ]
