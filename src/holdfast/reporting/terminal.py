"""A run's results for people and programs: terminal tables, the JSON document, the radar.

Everything that a model said is untrusted: control characters are taken out before it reaches a terminal.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from holdfast.core.records import Metric
from holdfast.core.runs import write_atomic
from holdfast.core.secrets import without_secrets
from holdfast.stats.comparison import Comparison
from holdfast.stats.metrics import reads_as_share

SCHEMA_VERSION = 1
BLIND_SPOTS = (
    "What this does not see: a trigger can hide harm from plain questions (4.2 % plain, 63.3 % triggered in Qi et al., "
    "Table 5); other languages and longer conversations were not tried, nor, without --suite redteam, prompts that nobody "
    "wrote down."
)


def console() -> Console:
    """The terminal for results, 120 columns where there is none to ask."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def printable(text: str, limit: int = 200) -> str:
    """Text that cannot steer a terminal: no control characters, no direction marks, one line, cut to a length."""
    kept = "".join(
        " " if c in "\n\t" else c
        for c in text
        if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")
    )
    kept = re.sub(r"\s+", " ", kept).strip()
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def figure(metric: Metric) -> str:
    """A metric with its interval, as people read it."""
    if metric.value is None:
        return f"– ({metric.n_unscored} unscored)"
    if metric.metric.endswith("distinct"):
        return f"{metric.value:g}"
    share = reads_as_share(metric)
    said = percent(metric.value) if share else f"{metric.value:.2f}"
    if metric.low is None or metric.high is None:
        return said
    factor, digits = (100, 1) if share else (1, 2)
    return f"{said} [{factor * metric.low:.{digits}f}, {factor * metric.high:.{digits}f}]"


def metrics_table(title: str, columns: Mapping[str, Sequence[Metric]]) -> Table:
    """The totals of every suite and metric, one column for each model or condition."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("suite")
    table.add_column("metric")
    table.add_column("n", justify="right")
    for name in columns:
        table.add_column(printable(name), justify="right")
    lookup = {name: {(m.suite, m.metric): m for m in found if m.category is None} for name, found in columns.items()}
    keys = dict.fromkeys(key for found in lookup.values() for key in found)
    for suite, metric in keys:
        cells = [lookup[name].get((suite, metric)) for name in columns]
        first = next(cell for cell in cells if cell)
        groups = f" in {first.groups} groups" if first.groups else ""
        table.add_row(suite, metric, f"{first.n}{groups}", *(figure(cell) if cell else "" for cell in cells))
    return table


def plain_table(title: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    """Lines of text under a header; the first two columns are words, the others figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, name in enumerate(header):
        table.add_column(name, justify="left" if place < 2 else "right", overflow="fold")
    for line in lines:
        table.add_row(*map(printable, line))
    return table


def comparison_table(title: str, comparisons: Iterable[Comparison]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name, side in (("suite", "left"), ("metric", "left"), ("before", "right"), ("after", "right"), ("change, 95 %", "right"),
                       ("worse", "right"), ("better", "right"), ("p", "right"), ("n shows ≥", "right")):  # fmt: skip
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for c in comparisons:
        change = f"{100 * (c.after - c.before):+.1f} [{100 * c.change_low:+.1f}, {100 * c.change_high:+.1f}]"
        p = f"{c.p_value:.2g}" if c.p_value >= 1e-4 else "<1e-4"
        table.add_row(
            c.suite,
            c.metric,
            percent(c.before),
            percent(c.after),
            change,
            str(c.worse),
            str(c.better),
            p,
            percent(c.smallest_effect),
        )
    return table


def category_table(title: str, columns: Mapping[str, Sequence[Metric]], metric: str, suite: str = "policy") -> Table:
    """One metric by category, the radar as a table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("category")
    for name in columns:
        table.add_column(printable(name), justify="right")
    by = {
        n: {m.category: m for m in found if m.metric == metric and m.suite == suite and m.category}
        for n, found in columns.items()
    }
    for category in dict.fromkeys(c for found in by.values() for c in found):
        table.add_row(
            printable(str(category)), *(percent(by[n][category].value) if category in by[n] else "" for n in columns)
        )
    return table


# Colour-blind safe (Okabe and Ito), told apart by line style and mark too.
_LINES = (
    ("#0072B2", "-", "o"),
    ("#D55E00", "--", "s"),
    ("#E69F00", "-.", "^"),
    ("#CC79A7", ":", "D"),
    ("#009E73", "-", "v"),
    ("#56B4E9", "--", "P"),
)


def radar(
    series: Mapping[str, Mapping[str, float]], path: Path, title: str, top: float = 5.0, bottom: float = 1.0
) -> None:
    """Draw values by category around a circle, one line each (after the figure of Qi et al.), into a PNG or SVG file."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot

    categories = list(dict.fromkeys(category for values in series.values() for category in values))
    angles = np.linspace(0, 2 * np.pi, len(categories), endpoint=False)
    axes: Any
    figure_, axes = pyplot.subplots(figsize=(8.6, 7.2), subplot_kw={"projection": "polar"})
    axes.set_theta_offset(np.pi / 2)
    axes.set_theta_direction(-1)
    for (name, values), (colour, style, mark) in zip(series.items(), _LINES, strict=False):
        ring = [values.get(category, bottom) for category in categories]
        axes.plot(
            [*angles, angles[0]],
            [*ring, ring[0]],
            color=colour,
            linestyle=style,
            marker=mark,
            markersize=4,
            linewidth=1.8,
            label=name,
        )
        axes.fill([*angles, angles[0]], [*ring, ring[0]], color=colour, alpha=0.07)
    axes.set_ylim(bottom - 0.35 * (top - bottom) / 4, top)
    axes.set_yticks(list(np.linspace(bottom, top, 5)))
    axes.set_xticks(angles)
    axes.set_xticklabels(categories, fontsize=9)
    axes.tick_params(axis="x", pad=6)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = np.sin(angle)  # labels on the right begin at the ring, those on the left end there
        label.set_horizontalalignment("left" if side > 0.1 else "right" if side < -0.1 else "center")
    axes.tick_params(axis="y", labelsize=8, labelcolor="#555555")
    axes.grid(color="#cccccc", linewidth=0.7)
    axes.set_title(title, fontsize=12, pad=30)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.42, 1.16), fontsize=9, frameon=False)
    figure_.savefig(path, dpi=130, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure_)


Curve = tuple[str, Sequence[str], Mapping[str, Sequence[float | None]], int | None]  # title, strengths, lines, marked


def curves(panels: Sequence[Curve], path: Path, title: str) -> None:
    """Draw shares against a repair's strengths, one panel each, the chosen strength marked, into a PNG or SVG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    across = min(3, len(panels))
    down = -(-len(panels) // across)
    figure_, grid = pyplot.subplots(down, across, figsize=(4.6 * across, 3.4 * down), squeeze=False, sharey=True)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (name, strengths, lines, marked) in zip(grid.flat, panels, strict=False):
        places = range(len(strengths))
        for (line, values), (colour, style, mark) in zip(lines.items(), _LINES, strict=False):
            known = [(x, 100 * y) for x, y in zip(places, values, strict=True) if y is not None]
            if known:
                axes.plot(
                    *zip(*known, strict=True), color=colour, linestyle=style, marker=mark, markersize=4, label=line
                )
        if marked is not None:
            axes.axvline(marked, color="#333333", linewidth=1.2, linestyle=(0, (2, 2)))
            axes.annotate("chosen", (marked, 103), fontsize=8, ha="center", annotation_clip=False)
        axes.set_title(printable(name, 46), fontsize=10, pad=14)
        axes.set_xticks(list(places), strengths, fontsize=8, rotation=45)
        axes.set_ylim(-3, 103)
        axes.grid(color="#dddddd", linewidth=0.6)
    for row in grid:
        row[0].set_ylabel("%")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure_.legend(handles, labels, loc="lower center", ncols=max(1, len(labels)), fontsize=9, frameon=False)
    figure_.suptitle(title, fontsize=11)
    figure_.tight_layout(rect=(0, 0.06, 1, 0.98))
    figure_.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure_)


def json_document(verb: str, run: Path, metrics: Iterable[Metric], **more: Any) -> dict[str, Any]:
    """A run's one document; how many replies were no whole answers stands in it, where there were any."""
    lacking = read_unfinished(run)
    return {
        "schema_version": SCHEMA_VERSION,
        "verb": verb,
        "run": str(run),
        "metrics": [m.to_dict() for m in metrics],
        **({"unfinished": lacking} if lacking else {}),
        **more,
    }


def read_unfinished(run: Path) -> list[dict[str, Any]]:
    """What a run noted of replies that are no whole answers, one entry for each evaluation."""
    try:
        noted = json.loads((run / "manifest.json").read_text(encoding="utf-8")).get("unfinished")
    except (OSError, ValueError, AttributeError):
        return []
    return noted if isinstance(noted, list) else []


def print_unfinished(out: Console, document: Mapping[str, Any]) -> None:
    """A line for each kind of reply that was no whole answer, with what to do about it."""
    for sentence in dict.fromkeys(s for found in document.get("unfinished", ()) for s in found.get("sentences", ())):
        out.print(printable(f"{sentence}.", 400), style="bold" if "unscored" in sentence else "dim", markup=False)


def print_json(document: Mapping[str, Any]) -> None:
    """The one document on stdout."""
    sys.stdout.write(without_secrets(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)) + "\n")


def save_summary(run: Path, document: Mapping[str, Any]) -> None:
    write_atomic(run / "summary.json", json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
