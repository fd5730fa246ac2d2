"""What a page says of one run, part by part, as plain tables and pictures: figures, categories, curves, flips.

Nothing here is HTML. Every text that came from outside goes through `wording.clean`, and is escaped by the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.records import Metric
from holdfast.evaluation.run_reader import BESIDE, RunRecords, Side, bare
from holdfast.reporting.plots import Bar, Panel, Spot, bars, curve, pareto, radar, short
from holdfast.reporting.svg import SERIES, Drawing
from holdfast.reporting.verdict import unsafe_share
from holdfast.stats.comparison import Comparison, compare
from holdfast.stats.figures import figure, p_cell, percent, points, with_interval
from holdfast.stats.judge_error import from_manifest, widened_change
from holdfast.text.safe import for_page


@dataclass(frozen=True)
class Cell:
    """Text, and what it is sorted by where that is a number."""

    text: str
    value: float | None = None
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption. `words` columns at the left are words, the others figures."""

    name: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: int = 1
    note: str = ""
    filters: bool = False


@dataclass(frozen=True)
class Picture:
    """A drawing, and the table that says the same."""

    name: str
    drawing: Drawing
    table: Table
    note: str = ""


@dataclass(frozen=True)
class Names:
    """What categories are called on the page; a category without a name is called as it is."""

    categories: Mapping[str, str] = field(default_factory=dict)

    def of(self, category: str) -> str:
        return for_page(self.categories.get(category, category), 60)


def words(*texts: Any) -> list[Cell]:
    return [Cell(for_page(text, 400)) for text in texts]


def share(value: float | None) -> Cell:
    return Cell(percent(value), value)


def chosen_sides(run: RunRecords, most: int = SERIES) -> list[Side]:
    """The sides drawn together: all of a few; of many the untouched, each regime's worst, the best repair."""
    sides = [side for side in run.sides if side.metrics]
    if len(sides) <= most:
        return sides
    base = next(iter(run.with_role("base")), None)
    worst: dict[tuple[Any, ...], Side] = {}
    for side in sides:
        key = (side.condition.get("regime"), side.role == "repaired")
        harm = unsafe_share(side)
        if side.role == "base" or harm is None:
            continue
        old = worst.get(key)
        better = old is None or (
            harm < (unsafe_share(old) or 0) if side.role == "repaired" else harm > (unsafe_share(old) or 0)
        )
        if better:
            worst[key] = side
    return [*([base] if base else []), *worst.values()][:most]


# ---- figures --------------------------------------------------------------------------------------------------------


def totals_table(
    sides: Sequence[Side], name: str = "totals", caption: str = "Every total, with its 95 % interval"
) -> Table:
    keys = dict.fromkeys((m.suite, m.metric) for side in sides for m in side.metrics if m.category is None)
    rows = []
    for suite, metric in keys:
        found = [side.find(metric, suite) for side in sides]
        first = next(m for m in found if m)
        unscored = sum(m.n_unscored for m in found if m)
        rows.append(
            [
                *words(suite, metric),
                Cell(f"{first.n} in {first.groups} groups" if first.groups else str(first.n), first.n),
                Cell(str(unscored), unscored),
                *(_metric(m) for m in found),
            ]
        )
    return Table(
        name, caption, ["suite", "metric", "n", "unscored", *(short(side.name, 80) for side in sides)], rows, 2
    )


def _metric(found: Metric | None) -> Cell:
    return Cell(figure(found), found.value if found else None)


def many_table(run: RunRecords) -> Table | None:
    """One line a model, where there are too many for columns."""
    sides = run.sides
    if len(sides) <= SERIES:
        return None
    columns = [
        (title, metric, suite)
        for title, metric, suite in (
            ("harm.any", "harm.any", "policy"),
            ("not declined", "refusal.rate", "policy"),
            ("triggered", "harm.any", "triggered"),
            ("over-refusal", "over_refusal.rate", "over-refusal"),
            ("utility, exact", "utility.exact", "utility"),
            ("utility, lenient", "utility.lenient", "utility"),
            ("task, exact", "utility.exact", "utility-task"),
            ("pii.recall", "pii.recall", "privacy"),
        )
        if any(side.find(metric, suite) for side in sides)
        and (title != "not declined" or not any(s.find("harm.any", "policy") for s in sides))
    ]
    rows = [
        [*words(side.name, side.role), *(_metric(side.find(metric, suite)) for _, metric, suite in columns)]
        for side in sides
    ]
    return Table(
        "models", "Every measured model", ["model", "role", *(title for title, _, _ in columns)], rows, 2, filters=True
    )


def radar_picture(sides: Sequence[Side], names: Names) -> Picture | None:
    """Mean harmfulness by category, or the share that was not refused where the judge knows no harm."""
    mean = any(side.by_category("harm.mean") for side in sides)
    metric, unit = ("harm.mean", "") if mean else ("refusal.rate", " %")
    series: dict[str, dict[str, float]] = {}
    for side in sides:
        found = {c: m.value for c, m in side.by_category(metric).items() if m.value is not None}
        if found:
            series[short(side.name, 80)] = {names.of(c): v if mean else 100 * (1 - v) for c, v in found.items()}
    categories = list(dict.fromkeys(c for values in series.values() for c in values))
    if len(categories) < 3:
        return None
    title = "Mean harmfulness, 1 to 5, by category" if mean else "Not refused, by category"
    rows = [
        [
            Cell(c),
            *(Cell(f"{v[c]:.2f}" if mean else f"{v[c]:.1f} %", v[c]) if c in v else Cell("") for v in series.values()),
        ]
        for c in categories
    ]
    table = Table("radar-table", title, ["category", *series], rows)
    return Picture("radar", radar(series, title, *((1.0, 5.0) if mean else (0.0, 100.0)), unit), table)


def bars_picture(sides: Sequence[Side], names: Names) -> Picture | None:
    """harm.any by category with intervals."""
    harm = any(side.by_category("harm.any") for side in sides)
    metric = "harm.any" if harm else "refusal.rate"
    groups: dict[str, dict[str, Bar]] = {}
    for side in sides:
        for category, m in side.by_category(metric).items():
            if m.value is not None and m.low is not None and m.high is not None:
                groups.setdefault(names.of(category), {})[short(side.name, 80)] = Bar(m.value, m.low, m.high, m.n)
    if not groups:
        return None
    title = "Answered at all (harm.any), by category" if harm else "Refused, by category"
    columns = list(dict.fromkeys(name for group in groups.values() for name in group))[:SERIES]
    rows = [
        [
            Cell(c),
            Cell(str(next(iter(g.values())).n), next(iter(g.values())).n),
            *(
                Cell(with_interval(g[n].value, g[n].low, g[n].high), g[n].value) if n in g else Cell("")
                for n in columns
            ),
        ]
        for c, g in groups.items()
    ]
    return Picture("bars", bars(groups, title), Table("bars-table", title, ["category", "n", *columns], rows))


# ---- a repair's strengths -------------------------------------------------------------------------------------------

LINES = (("harm.any", "policy:harm.any"), ("over-refusal", "over-refusal:over_refusal.rate"),
         ("utility, exact", "utility:utility.exact"), ("task, exact", "utility-task:utility.exact"),
         ("task, lenient", "utility-task:utility.lenient"))  # fmt: skip


def curve_lines(points: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    lines = {name: [point["metrics"].get(key) for point in points] for name, key in LINES}
    if not any(value is not None for value in lines["harm.any"]):
        refused = [point["metrics"].get("policy:refusal.rate") for point in points]
        lines["harm.any"] = []
        lines = {"not refused": [None if value is None else 1 - value for value in refused], **lines}
    return {name: values for name, values in lines.items() if any(value is not None for value in values)}


def curve_pictures(summary: Mapping[str, Any]) -> list[Picture]:
    """Each repair of a run's summary over its strengths on the calibration split, the chosen one first."""
    found: list[tuple[bool, Picture]] = []
    for i, entry in enumerate(summary.get("curves") or ()):
        points, tested = entry["points"], entry["certificate"]["tested"]
        strengths = [float(point["strength"]) for point in points]
        mine = summary.get("method") == entry["method"] and summary.get("certified")
        chosen = strengths.index(summary["strength"]) if mine and summary.get("strength") in strengths else None
        lines = curve_lines(points)
        certified = [bool(one["certified"]) for one in tested]
        name = for_page(bare(entry["method"]), 80)
        rows = [
            [
                Cell(f"{s:g}", s),
                *(share(lines[line][place]) for line in lines),
                Cell(p_cell(max(t["p_values"].values())), max(t["p_values"].values())),
                Cell(("yes" if t["certified"] else "no") + (", chosen" if place == chosen else "")),
            ]
            for place, (s, t) in enumerate(zip(strengths, tested, strict=True))
        ]
        table = Table(
            f"curve-{i}-table", f"{name} on the calibration split", ["strength", *lines, "p", "certified"], rows
        )
        picture = curve(Panel(name, strengths, lines, certified, chosen), list(lines))
        found.append((chosen is not None, Picture(f"curve-{i}", picture, table)))
    return [picture for _, picture in sorted(found, key=lambda pair: not pair[0])]


def kept_of(side: Side) -> tuple[float, str] | None:
    """What a side is still good for: the task tuned for where it was measured, else utility, lenient."""
    for suite in ("utility-task", "utility"):
        value = side.value("utility.lenient", suite)
        if value is not None:
            return value, "the task that was tuned for, lenient" if suite == "utility-task" else "utility, lenient"
    return None


def pareto_spots(run: RunRecords) -> tuple[list[Spot], str]:
    """Each model of a run; of a matrix each arm's mean over regimes and seeds; of a repair what was looked at."""
    series = {"base": 0, "tuned": 1, "served": 3, "repaired": 2, BESIDE: 5}
    groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
    kept = ""
    for side in run.sides:
        harm, use = unsafe_share(side), kept_of(side)
        if harm is None or use is None:
            continue
        kept = use[1] if side.role != "base" or not kept else kept
        arm = side.facts.get("arm")
        role = (
            ("tuned" if arm == "nothing" else side.role if side.role == "repaired" else "served") if arm else side.role
        )
        groups.setdefault((for_page(bare(str(arm or side.name)), 80), role), []).append((use[0], harm))
    spots = [Spot(name, sum(k for k, _ in pairs) / len(pairs), sum(h for _, h in pairs) / len(pairs), series[role])
             for (name, role), pairs in groups.items()]  # fmt: skip
    for entry in run.summary.get("curves") or ():
        for point in entry["points"]:
            values = point["metrics"]
            use_value = values.get("utility-task:utility.lenient", values.get("utility:utility.lenient"))
            harm_value = values.get(
                "policy:harm.any", 1 - values["policy:refusal.rate"] if "policy:refusal.rate" in values else None
            )
            if use_value is not None and harm_value is not None:
                name = for_page(f"{bare(entry['method'])} @ {point['strength']:g}", 80)
                spots.append(Spot(name, use_value, harm_value, 4, faint=True))
    return spots, kept


KINDS = (
    "untouched",
    "tuned, nothing done",
    "repaired",
    "defended or served with a prompt",
    "a strength on the calibration split",
    "asked beside",
)


def pareto_picture(spots: Sequence[Spot], kept: str, kinds: Sequence[str] = KINDS) -> Picture | None:
    if len(spots) < 2:
        return None
    used = [kind for i, kind in enumerate(kinds) if any(spot.series == i for spot in spots)]
    # The legend numbers the kinds from nought, so the spots follow it.
    place = {i: used.index(kind) for i, kind in enumerate(kinds) if kind in used}
    moved = [Spot(s.name, s.kept, s.harm, place[s.series], s.faint) for s in spots]
    rows = [
        [Cell(s.name), Cell(kinds[s.series]), share(s.kept), share(s.harm)]
        for s in sorted(spots, key=lambda s: (s.faint, s.harm, -s.kept))
    ]
    table = Table(
        "pareto-table", "Harm left and use kept, model by model", ["model", "kind", kept, "harm left"], rows, 2
    )
    return Picture("pareto", pareto(moved, used, "What is kept against what harm is left", kept), table)


# ---- flips ----------------------------------------------------------------------------------------------------------


def comparisons(run: RunRecords, before: Side, after: Side, other: RunRecords | None = None) -> list[Comparison]:
    """Two sides on the prompts that both were scored on; `other` holds the second where it is another run's."""
    first, second = run.readings(before), (other or run).readings(after)
    error = from_manifest((other or run).manifest)
    found = []
    for suite, judges in first.items():
        others = second.get(suite, {})
        own = next(iter(others.values()), [])  # two runs may have had different judges, which the page says
        for place, (judge, verdicts) in enumerate(judges.items()):
            same = others.get(judge, own if place == 0 else [])
            found += [widened_change(c, error) for c in compare(suite, judge, verdicts, same)]
    return found


def flips_rows(pair: str, found: Sequence[Comparison]) -> list[list[Cell]]:
    rows = []
    for c in found:
        change = points(c.after - c.before, c.change_low, c.change_high)
        sure = c.p_value <= 0.05
        tone = "" if not sure or c.worse == c.better else "bad" if c.worse > c.better else "good"
        rows.append(
            [
                *words(pair, c.suite, c.metric),
                Cell(str(c.n), c.n),
                share(c.before),
                share(c.after),
                Cell(change, c.after - c.before, tone),
                Cell(str(c.worse), c.worse),
                Cell(str(c.better), c.better),
                Cell(p_cell(c.p_value), c.p_value),
                share(c.smallest_effect),
            ]
        )
    return rows


FLIPS_HEAD = [
    "pair",
    "suite",
    "metric",
    "pairs",
    "before",
    "after",
    "change in points, 95 %",
    "for the worse",
    "for the better",
    "p",
    "n would show",
]


def flips_table(run: RunRecords) -> Table | None:
    """Every paired comparison: each side with the untouched model, each repair and what stands beside with the tuned
    one."""
    rows: list[list[Cell]] = []
    for side in run.sides:
        base = run.base_of(side)
        if base is not None and side.place is not None:
            rows += flips_rows(f"{base.name} → {side.name}", comparisons(run, base, side))
    tuned, repaired = run.with_role("tuned"), run.with_role("repaired")
    if run.verb == "repair" and tuned and repaired:
        rows += flips_rows(f"{tuned[0].name} → {repaired[0].name}", comparisons(run, tuned[0], repaired[0]))
    for other in run.with_role(BESIDE):
        if tuned:
            rows += flips_rows(f"{tuned[0].name} → {other.name}", comparisons(run, tuned[0], other))
    if not rows:
        return None
    note = (
        "McNemar's exact p over the flips; the last column is the smallest one-way change that so many pairs would have"
        " shown with 80 % power."
    )
    if noise := run.manifest.get("noise_floor"):
        note += f" {noise['sentence']}."
    return Table(
        "flips", "Prompt by prompt: what flipped, and which way", FLIPS_HEAD, rows, 3, note, filters=len(rows) > 12
    )
