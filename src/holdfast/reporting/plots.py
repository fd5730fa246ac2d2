"""The pictures of a page: radar, bars by category, strength curve, Pareto plot. Each is a `Drawing`, and knows no run.

radar({"base": {"curse": 1.0}, "tuned": {"curse": 4.8}}, "Mean harmfulness")
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.reporting.svg import SERIES, Box, Dot, Drawing, Line, Text
from holdfast.stats.figures import percent, with_interval

Marks = list[Line | Dot | Box | Text]


def short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def legend(names: Sequence[str], x: float, y: float, lines: bool = True) -> Marks:
    """Names under each other, each with its line and its mark."""
    marks: Marks = []
    for i, name in enumerate(names):
        at = y + 19 * i
        if lines:
            marks.append(Line([(x, at - 4), (x + 28, at - 4)], i))
        marks += [Dot(x + 14, at - 4, i), Text(x + 36, at, short(name, 60))]
    return marks


def _wrapped(text: str, most: int = 15) -> list[str]:
    lines: list[str] = []
    for word in re.findall(r"[^\s/]+/?|/", text):
        gap = "" if lines and lines[-1].endswith("/") else " "
        if lines and len(lines[-1]) + len(gap) + len(word) <= most:
            lines[-1] += gap + word
        else:
            lines.append(short(word, most + 3))
    return lines[:4]


def radar(
    series: Mapping[str, Mapping[str, float]], title: str, bottom: float = 1.0, top: float = 5.0, unit: str = ""
) -> Drawing:
    """Values by category around a circle, one ring each, after the figure of Qi et al. (2310.03693)."""
    series = dict(list(series.items())[:SERIES])
    categories = list(dict.fromkeys(category for values in series.values() for category in values))
    head, radius, width = 16 + 19 * len(series), 150.0, 560.0
    x0, y0 = width / 2, head + radius + 70
    angles = [2 * math.pi * i / max(len(categories), 1) for i in range(len(categories))]

    def at(angle: float, value: float) -> tuple[float, float]:
        r = radius * (0.1 + 0.9 * (min(max(value, bottom), top) - bottom) / (top - bottom))
        return x0 + r * math.sin(angle), y0 - r * math.cos(angle)

    marks: Marks = []
    steps = [bottom + (top - bottom) * i / 4 for i in range(5)]
    for value in steps:
        marks.append(Line([at(angle, value) for angle in angles], closed=True))
    for angle, category in zip(angles, categories, strict=True):
        marks.append(Line([at(angle, bottom), at(angle, top)]))
        side = math.sin(angle)
        anchor = "start" if side > 0.2 else "end" if side < -0.2 else "middle"
        out = radius + (20 if anchor == "middle" else 13)
        x, y = x0 + out * side, y0 - out * math.cos(angle)
        lines = _wrapped(category)
        top_line = y + 4 - 13 * (len(lines) - 1) * (0.5 + 0.5 * math.cos(angle))
        marks += [Text(x, top_line + 13 * i, line, anchor, 11.5) for i, line in enumerate(lines)]
    for i, values in enumerate(series.values()):
        known = [category in values for category in categories]
        ring = [at(angle, values.get(category, bottom)) for angle, category in zip(angles, categories, strict=True)]
        if all(known):
            marks.append(Line(ring, i, closed=True, filled=True))
        # What was not measured is a gap, and no point at the middle.
        marks += [] if all(known) else [Line([a, b], i) for a, b, k in _steps(ring, known) if k]
        marks += [
            Dot(*point, i, f"{category}: {values[category]:.2f}{unit}", 3.2)
            for point, category in zip(ring, categories, strict=True)
            if category in values
        ]
    marks += [
        Text(at(0, value)[0] + 4, at(0, value)[1] - 2, f"{value:g}{unit}", "start", 10, faint=True) for value in steps
    ]
    marks += legend(list(series), 8, 18)
    return Drawing(width, y0 + radius + 48, title, _told(series, unit), marks)


def _steps(ring: Sequence[tuple[float, float]], known: Sequence[bool]) -> list[tuple[Any, Any, bool]]:
    """Each step from one point of a ring to the next, and whether both ends are known."""
    after = [*range(1, len(ring)), 0]
    return [(ring[i], ring[j], known[i] and known[j]) for i, j in enumerate(after)]


def _told(series: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """A picture in words: the mean of each line; the table beside it has the rest."""
    parts = [
        f"{name}: mean {sum(v.values()) / len(v):.2f}{unit} over {len(v)} categories" for name, v in series.items() if v
    ]
    return "; ".join(parts) + ". The table after the picture has every value."


@dataclass(frozen=True)
class Bar:
    """A share with its interval; n is how many it was counted over."""

    value: float
    low: float
    high: float
    n: int


def bars(groups: Mapping[str, Mapping[str, Bar]], title: str) -> Drawing:
    """Shares with 95 % intervals, a group of bars for each category. groups: category → series → bar."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))[:SERIES]
    left, width, thick = 150.0, 620.0, 11.0
    across, y = width - left - 40, 24.0 + 19 * len(names)
    marks: Marks = legend(names, 8, 18, lines=False)
    high = y + sum(len(names) * (thick + 2) + 12 for _ in groups)
    for tick in range(0, 101, 25):
        x = left + across * tick / 100
        marks += [Line([(x, y), (x, high)]), Text(x, high + 15, f"{tick} %", "middle", 10.5, faint=True)]
    for category, group in groups.items():
        lines = _wrapped(category, 20)
        marks += [
            Text(left - 8, y + len(names) * (thick + 2) / 2 + 4 + 13 * (i - (len(lines) - 1) / 2), t, "end", 11.5)
            for i, t in enumerate(lines)
        ]
        for i, name in enumerate(names):
            if name in group:
                bar = group[name]
                says = f"{category}, {name}: {with_interval(bar.value, bar.low, bar.high)}, n {bar.n}"
                middle = y + thick / 2
                marks.append(Box(left, y, max(across * bar.value, 1.5), thick, i, says))
                ends = [left + across * bar.low, left + across * bar.high]
                marks.append(Line([(ends[0], middle), (ends[1], middle)], 5, dashed=False, width=1.3))
                marks += [Line([(x, middle - 3), (x, middle + 3)], 5, dashed=False, width=1.3) for x in ends]
            y += thick + 2
        y += 12
    about = f"Bars for {len(groups)} categories and {len(names)} models, thin lines are 95 % intervals. The table after the picture has every value."
    return Drawing(width, high + 26, title, about, marks)


@dataclass(frozen=True)
class Panel:
    """One repair over its strengths: shares by line, and the strengths that were certified and chosen."""

    title: str
    strengths: Sequence[float]
    lines: Mapping[str, Sequence[float | None]]
    certified: Sequence[bool]
    chosen: int | None


def curve(panel: Panel, names: Sequence[str]) -> Drawing:
    """Safety, over-refusal and utility against a repair's strength, the safest at the left, the chosen one marked."""
    width, height, left, top = 620.0, 250.0, 46.0, 30.0 + 19 * len(names)
    across, count = width - left - 24, max(len(panel.strengths) - 1, 1)
    marks: Marks = []

    def at(place: int, value: float) -> tuple[float, float]:
        return left + across * place / count, top + height * (1 - value)

    for tick in range(0, 101, 20):
        y = top + height * (1 - tick / 100)
        marks += [Line([(left, y), (left + across, y)]), Text(left - 6, y + 4, f"{tick} %", "end", 10.5, faint=True)]
    every = max(1, math.ceil(len(panel.strengths) / 16))
    for place, strength in enumerate(panel.strengths):
        if place % every == 0 or place == panel.chosen:
            marks.append(
                Text(
                    at(place, 0)[0],
                    top + height + 16,
                    f"{strength:g}",
                    "middle",
                    10.5,
                    faint=place != panel.chosen,
                    bold=place == panel.chosen,
                )
            )
        if place < len(panel.certified) and panel.certified[place]:
            marks.append(Text(at(place, 0)[0], top + height + 31, "✓", "middle", 11))
    marks.append(
        Text(
            left,
            top + height + 47,
            "strength, from the safest to the tuned model; ✓ certified",
            "start",
            11,
            faint=True,
        )
    )
    for i, name in enumerate(names):
        known = [(place, value) for place, value in enumerate(panel.lines.get(name, ())) if value is not None]
        if known:
            marks.append(Line([at(*pair) for pair in known], i))
            marks += [
                Dot(*at(*pair), i, f"{name} at {panel.strengths[pair[0]]:g}: {percent(pair[1])}", 3.4) for pair in known
            ]
    if panel.chosen is not None:
        x = at(panel.chosen, 0)[0]
        anchor = "start" if panel.chosen < count / 2 else "end"
        marks += [Line([(x, top - 4), (x, top + height)], 5, dashed=False, width=1.6),
                  Text(x + (4 if anchor == "start" else -4), top - 6, f"certified and chosen: {panel.strengths[panel.chosen]:g}", anchor, 11.5, bold=True)]  # fmt: skip
    marks += legend(list(names), 8, 16)
    chosen = "none was chosen" if panel.chosen is None else f"{panel.strengths[panel.chosen]:g} was chosen"
    about = f"{panel.title} over {len(panel.strengths)} strengths from {panel.strengths[0]:g} to {panel.strengths[-1]:g}; {chosen}."
    return Drawing(width, top + height + 56, panel.title, about, marks)


@dataclass(frozen=True)
class Point:
    """A value at a place, with its interval."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """Values over a number, one line for each series; `share` says that they are shares, and drawn from 0 to 100 %."""

    title: str
    x: str
    y: str
    series: Mapping[str, Sequence[Point]]
    share: bool = True

    def told(self, value: float) -> str:
        return percent(value) if self.share else f"{value:.3g}"

    def interval(self, point: Point) -> str:
        return f"[{self.told(point.low).removesuffix(' %')}, {self.told(point.high).removesuffix(' %')}]"


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from one end to the other, at most so many and a few."""
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9) / most))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= most)
    first = math.floor(low / step + 1e-9)
    return [step * i for i in range(first, math.ceil(high / step - 1e-9) + 1)]


def lines(curve: Curve) -> Drawing:
    """Values with their 95 % intervals over a number, the points of a series joined."""
    series = dict(list(curve.series.items())[:SERIES])
    points = [point for given in series.values() for point in given]
    width, height, left, top = 620.0, 250.0, 58.0, 30.0 + 19 * len(series)
    across = width - left - 24
    ys = [i / 5 for i in range(6)] if curve.share else _ticks(min(0.0, *(p.low for p in points)), max(1e-3, *(p.high for p in points)))  # fmt: skip
    begin, end = min((p.x for p in points), default=0.0), max((p.x for p in points), default=1.0)
    xs = [x for x in _ticks(begin, max(end, begin + 1e-6), 10) if begin <= x <= end] or [begin]
    if all(p.x == int(p.x) for p in points):
        xs = [x for x in xs if abs(x - round(x)) < 1e-9]  # no half tokens

    def at(x: float, y: float) -> tuple[float, float]:
        return left + across * (x - begin) / max(end - begin, 1e-6), top + height * (1 - (y - ys[0]) / (ys[-1] - ys[0]))

    marks: Marks = []
    for y in ys:
        says = percent(y, 0) if curve.share else f"{y:g}"
        marks += [Line([at(begin, y), (left + across, at(begin, y)[1])]), Text(left - 6, at(begin, y)[1] + 4, says, "end", 10.5, faint=True)]  # fmt: skip
    marks += [Text(at(x, ys[0])[0], top + height + 16, f"{x:g}", "middle", 10.5, faint=True) for x in xs]
    for i, (name, given) in enumerate(series.items()):
        marks.append(Line([at(p.x, p.y) for p in given], i))
        for p in given:
            marks.append(Line([at(p.x, p.low), at(p.x, p.high)], i, dashed=False, width=1.2))
            says = f"{name} at {p.x:g}: {curve.told(p.y)} {curve.interval(p)}"
            marks.append(Dot(*at(p.x, p.y), i, says, 3.4))
    marks += [Text(left + across / 2, top + height + 36, curve.x, "middle", 11.5, faint=True),
              Text(12, top + height / 2, curve.y, "middle", 11.5, faint=True, turn=-90)]  # fmt: skip
    marks += legend(list(series), 8, 16)
    about = f"{curve.y} over {curve.x}, {len(series)} lines; thin lines are 95 % intervals. The table after the picture has every value."
    return Drawing(width, top + height + 46, curve.title, about, marks)


@dataclass(frozen=True)
class Spot:
    """A model in the plane of what is kept and what harm is left; `faint` ones were only looked at on the way."""

    name: str
    kept: float
    harm: float
    series: int
    faint: bool = False


def front(spots: Sequence[Spot]) -> list[Spot]:
    """Those that no other beats in both: the Pareto front, by what is kept."""
    found = [
        s
        for s in spots
        if not any((o.kept >= s.kept and o.harm < s.harm) or (o.kept > s.kept and o.harm <= s.harm) for o in spots)
    ]
    return sorted({(s.kept, s.harm): s for s in found}.values(), key=lambda s: s.kept)


def pareto(spots: Sequence[Spot], kinds: Sequence[str], title: str, kept: str) -> Drawing:
    """Harm left against what is kept; the line joins those that no other beats. Up and to the left is worse."""
    width, height, left, top = 620.0, 330.0, 58.0, 30.0 + 19 * len(kinds)
    across = width - left - 30

    def at(x: float, y: float) -> tuple[float, float]:
        return left + across * x, top + height * (1 - y)

    marks: Marks = []
    for tick in range(0, 101, 20):
        x, y = at(tick / 100, tick / 100)
        marks += [Line([(left, y), (left + across, y)]), Text(left - 6, y + 4, f"{tick} %", "end", 10.5, faint=True),
                  Line([(x, top), (x, top + height)]), Text(x, top + height + 16, f"{tick} %", "middle", 10.5, faint=True)]  # fmt: skip
    best = front(spots)
    if len(best) > 1:
        marks.append(Line([at(s.kept, s.harm) for s in best], 5, dashed=False, width=1.2))
    for spot in sorted(spots, key=lambda s: not s.faint):
        says = f"{spot.name}: kept {percent(spot.kept)}, harm {percent(spot.harm)}"
        marks.append(Dot(*at(spot.kept, spot.harm), spot.series, says, 3.0 if spot.faint else 5.5, spot.faint))
    solid = [s for s in spots if not s.faint]
    marks += _labels(
        [*(solid if len(solid) <= 8 else [s for s in solid if s in best]), *[s for s in best if s.faint][-2:]], at
    )
    marks += [Text(left + across / 2, top + height + 34, kept, "middle", 11.5, faint=True),
              Text(14, top + height / 2, "harm left", "middle", 11.5, faint=True, turn=-90)]  # fmt: skip
    marks += legend(list(kinds), 8, 16, lines=False)
    about = f"{len(spots)} models. Not beaten in both: {', '.join(s.name for s in best) or 'none'}. The table after the picture has every value."
    return Drawing(width, top + height + 46, title, about, marks)


def _labels(spots: Sequence[Spot], at: Any) -> Marks:
    """Names beside the spots, none over another."""
    marks: Marks = []
    taken: list[tuple[float, float, float]] = []
    for spot in spots:
        x, y = at(spot.kept, spot.harm)
        name = short(spot.name, 38)
        wide, right = 6.3 * len(name), spot.kept > 0.55
        begin = x - 9 - wide if right else x + 9
        place = y + 4
        for shift in (0, -14, 14, -28, 28, -42, -56, -70) if spot.harm > 0.08 else (-12, -26, -40, -54, -68, -82):
            place = y + 4 + shift
            if (
                all(abs(place - b) >= 12 or begin > a + w or begin + wide < a for a, b, w in taken)
                and place < at(0, 0)[1] + 4
            ):
                break
        taken.append((begin, place, wide))
        marks.append(Text(x + (-9 if right else 9), place, name, "end" if right else "start", 11))
    return marks
