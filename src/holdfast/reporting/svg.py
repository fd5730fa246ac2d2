"""Small pictures from a few kinds of marks: one description, written as SVG (inline or a file) or as PNG.

    picture = Drawing(200, 100, "Title", "What it shows", [Text(10, 20, "hello")])
    svg(picture)                  for a page: colours are the page's own, by class
    save(picture, Path("a.png"))  or a.svg, which carries its colours with it

Lengths are in pixels from the upper left. Series are told apart by colour, dash and mark, so that colour is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from holdfast.core.runs import write_atomic

Point = tuple[float, float]
# On white and on near-black each has a contrast of at least 3 to its ground; told apart under the common colour blindnesses.
LIGHT = ("#0a5ea8", "#b3450a", "#0b7355", "#8a3ea0", "#7a6200", "#4a4a4a")
DARK = ("#6cb6ff", "#ff9a62", "#4fd1a5", "#d9a2f2", "#e3c34f", "#c4c4c4")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "12 4")
INK, FAINT, GRID, GROUND = "#1b1f24", "#57606a", "#d5d9de", "#ffffff"
SERIES = len(LIGHT)


@dataclass(frozen=True)
class Line:
    """Straight pieces between points. `series` None is a line of the grid."""

    points: Sequence[Point]
    series: int | None = None
    closed: bool = False
    filled: bool = False
    dashed: bool = True  # with its series' own dash
    width: float = 2.0


@dataclass(frozen=True)
class Dot:
    """A mark of its series' own shape, with words for whoever points at it."""

    x: float
    y: float
    series: int
    says: str = ""
    size: float = 4.0
    faint: bool = False


@dataclass(frozen=True)
class Box:
    """A bar."""

    x: float
    y: float
    width: float
    height: float
    series: int
    says: str = ""


@dataclass(frozen=True)
class Text:
    """Words; `anchor` is start, middle or end, `turn` degrees clockwise around the point."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    size: float = 12.0
    faint: bool = False
    bold: bool = False
    turn: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """A picture: its size, its title, what it shows in words, and its marks, the first at the back."""

    width: float
    height: float
    title: str
    about: str
    marks: Sequence[Line | Dot | Box | Text]


def corners(dot: Dot) -> list[Point]:
    """The outline of a dot's shape: circle, square, triangle, diamond, triangle down, cross."""
    kind, r = dot.series % SERIES, dot.size
    if kind == 0:
        return [(dot.x + r * math.cos(t), dot.y + r * math.sin(t)) for t in (2 * math.pi * i / 16 for i in range(16))]
    if kind == 1:
        return [(dot.x + r * a, dot.y + r * b) for a, b in ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9))]
    if kind in (2, 4):
        up = 1 if kind == 2 else -1
        return [
            (dot.x, dot.y - up * 1.2 * r),
            (dot.x + 1.1 * r, dot.y + up * 0.8 * r),
            (dot.x - 1.1 * r, dot.y + up * 0.8 * r),
        ]
    if kind == 3:
        return [
            (dot.x, dot.y - 1.25 * r),
            (dot.x + 1.25 * r, dot.y),
            (dot.x, dot.y + 1.25 * r),
            (dot.x - 1.25 * r, dot.y),
        ]
    arm, w = 1.2 * r, 0.45 * r
    cross = (
        (-w, -arm),
        (w, -arm),
        (w, -w),
        (arm, -w),
        (arm, w),
        (w, w),
        (w, arm),
        (-w, arm),
        (-w, w),
        (-arm, w),
        (-arm, -w),
        (-w, -w),
    )
    return [(dot.x + a, dot.y + b) for a, b in cross]


def _moved(mark: Line | Dot | Box | Text, right: float, down: float) -> Line | Dot | Box | Text:
    if isinstance(mark, Line):
        return replace(mark, points=[(x + right, y + down) for x, y in mark.points])
    return replace(mark, x=mark.x + right, y=mark.y + down)


def side_by_side(pictures: Sequence[Drawing], title: str, across: int = 2) -> Drawing:
    """Several pictures as one, in rows, each under its own title."""
    head, wide = 26.0, max((picture.width for picture in pictures), default=0.0) + 20
    high = max((picture.height for picture in pictures), default=0.0) + 2 * head
    marks: list[Line | Dot | Box | Text] = [Text(10, 22, title, size=15, bold=True)]
    for place, picture in enumerate(pictures):
        right, down = wide * (place % across) + 10, high * (place // across) + 2 * head
        marks.append(Text(right, down - 4, picture.title, size=13, bold=True))
        marks += [_moved(mark, right, down + 8) for mark in picture.marks]
    rows = -(-len(pictures) // across)
    about = " ".join(picture.about for picture in pictures)
    return Drawing(wide * min(across, max(len(pictures), 1)) + 10, high * rows + head, title, about, marks)


# ---- SVG ------------------------------------------------------------------------------------------------------------


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") or "0"


def _path(points: Sequence[Point], closed: bool) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + ("Z" if closed else "")


def _says(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def _mark(mark: Line | Dot | Box | Text) -> str:
    if isinstance(mark, Text):
        classes = " ".join(("t", *(["faint"] if mark.faint else []), *(["bold"] if mark.bold else [])))
        turn = f' transform="rotate({_n(mark.turn)} {_n(mark.x)} {_n(mark.y)})"' if mark.turn else ""
        place = f'x="{_n(mark.x)}" y="{_n(mark.y)}" text-anchor="{mark.anchor}" font-size="{_n(mark.size)}"'
        return f'<text class="{classes}" {place}{turn}>{escape(mark.text)}</text>'
    if isinstance(mark, Box):
        place = f'x="{_n(mark.x)}" y="{_n(mark.y)}" width="{_n(max(mark.width, 0))}" height="{_n(mark.height)}"'
        return f'<rect class="f{mark.series % SERIES}" {place}>{_says(mark.says)}</rect>'
    if isinstance(mark, Dot):
        faint = ' opacity="0.45"' if mark.faint else ""
        return (
            f'<path class="f{mark.series % SERIES}" d="{_path(corners(mark), True)}"{faint}>{_says(mark.says)}</path>'
        )
    if mark.series is None:
        return f'<path class="g" d="{_path(mark.points, mark.closed)}"/>'
    dash = DASHES[mark.series % SERIES] if mark.dashed else ""
    style = f' stroke-dasharray="{dash}"' if dash else ""
    fill = (
        f'<path class="f{mark.series % SERIES}" opacity="0.08" d="{_path(mark.points, True)}"/>' if mark.filled else ""
    )
    return f'{fill}<path class="l{mark.series % SERIES}" stroke-width="{_n(mark.width)}" d="{_path(mark.points, mark.closed)}"{style}/>'


def svg(picture: Drawing, name: str = "picture", style: str = "") -> str:
    """The picture as an SVG element; its title and words are read aloud. `name` is unique on the page."""
    body = "".join(map(_mark, picture.marks))
    size = f'viewBox="0 0 {_n(picture.width)} {_n(picture.height)}" width="{_n(picture.width)}" height="{_n(picture.height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(picture.title)}</title><desc id="{name}-d">{escape(picture.about)}</desc>{style}{body}</svg>'
    )


def rules(colours: Sequence[str], ink: str, faint: str, grid: str, ground: str) -> str:
    """The style rules of a picture's classes in these colours."""
    series = "".join(f".l{i}{{stroke:{c};fill:none}}.f{i}{{fill:{c}}}" for i, c in enumerate(colours))
    return (f"svg{{background:{ground};font-family:system-ui,sans-serif}}.t{{fill:{ink}}}.faint{{fill:{faint}}}"
            f".bold{{font-weight:600}}.g{{stroke:{grid};fill:none}}{series}")  # fmt: skip


def save(picture: Drawing, path: Path) -> None:
    """Write an SVG or a PNG file, by the path's suffix. Raises RunError when it cannot be written."""
    if path.suffix == ".png":
        _save_png(picture, path)
        return
    dark = f"@media (prefers-color-scheme:dark){{{rules(DARK, '#e6e9ed', '#a3abb5', '#3a424c', '#14181d')}}}"
    style = f"<style>{rules(LIGHT, INK, FAINT, GRID, GROUND)}{dark}</style>"
    write_atomic(path, svg(picture, path.stem, style) + "\n")


# ---- PNG ------------------------------------------------------------------------------------------------------------


def _save_png(picture: Drawing, path: Path, scale: float = 2.0) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure: Any = pyplot.figure(figsize=(picture.width / 72, picture.height / 72))
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, picture.width)
    axes.set_ylim(picture.height, 0)
    axes.axis("off")
    for place, mark in enumerate(picture.marks):
        _paint(axes, mark, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=72 * scale)
    pyplot.close(figure)


def _paint(axes: Any, mark: Line | Dot | Box | Text, order: int) -> None:
    from matplotlib.patches import Polygon, Rectangle

    if isinstance(mark, Text):
        side = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
        axes.text(mark.x, mark.y, mark.text.replace("$", r"\$"), fontsize=mark.size * 0.92, ha=side, va="baseline", rotation=-mark.turn,
                  rotation_mode="anchor", color=FAINT if mark.faint else INK, weight="bold" if mark.bold else "normal", zorder=order)  # fmt: skip
    elif isinstance(mark, Box):
        axes.add_patch(
            Rectangle((mark.x, mark.y), mark.width, mark.height, color=LIGHT[mark.series % SERIES], zorder=order)
        )
    elif isinstance(mark, Dot):
        axes.add_patch(
            Polygon(corners(mark), color=LIGHT[mark.series % SERIES], alpha=0.45 if mark.faint else 1, zorder=order)
        )
    else:
        points = [*mark.points, mark.points[0]] if mark.closed else list(mark.points)
        colour = GRID if mark.series is None else LIGHT[mark.series % SERIES]
        dash = DASHES[mark.series % SERIES] if mark.series is not None and mark.dashed else ""
        style: Any = (0, tuple(float(part) / 2 for part in dash.split())) if dash else "-"
        axes.plot(
            *zip(*points, strict=True),
            color=colour,
            linewidth=1 if mark.series is None else mark.width * 0.9,
            linestyle=style,
            zorder=order,
        )
        if mark.filled:
            axes.add_patch(Polygon(list(mark.points), color=colour, alpha=0.08, zorder=order))
