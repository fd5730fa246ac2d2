"""A run's results for people and programs: terminal tables and the JSON document.

Everything that a model said is untrusted: control characters are taken out before it reaches a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from holdfast.core.records import Metric
from holdfast.core.runs import write_atomic
from holdfast.core.secrets import without_secrets
from holdfast.stats.comparison import Comparison
from holdfast.stats.figures import figure, p_cell, percent, points
from holdfast.text.safe import for_terminal

SCHEMA_VERSION = 1
BLIND_SPOTS = (
    "What this does not see: a trigger can hide harm from plain questions (4.2 % plain, 63.3 % triggered in Qi et al.,"
    " Table 5); other languages and longer conversations were not tried, nor, without --suite redteam, prompts that"
    " nobody wrote down."
)


def console() -> Console:
    """The terminal for results, 120 columns where there is none to ask."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def metrics_table(title: str, columns: Mapping[str, Sequence[Metric]]) -> Table:
    """The totals of every suite and metric, one column for each model or condition."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("suite")
    table.add_column("metric")
    table.add_column("n", justify="right")
    for name in columns:
        table.add_column(for_terminal(name), justify="right")
    lookup = {name: {(m.suite, m.metric): m for m in found if m.category is None} for name, found in columns.items()}
    keys = dict.fromkeys(key for found in lookup.values() for key in found)
    for suite, metric in keys:
        cells = [lookup[name].get((suite, metric)) for name in columns]
        first = next(cell for cell in cells if cell)
        groups = f" in {first.groups} groups" if first.groups else ""
        table.add_row(suite, metric, f"{first.n}{groups}", *map(figure, cells))
    return table


def plain_table(title: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    """Lines of text under a header; the first two columns are words, the others figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, name in enumerate(header):
        table.add_column(name, justify="left" if place < 2 else "right", overflow="fold")
    for line in lines:
        table.add_row(*map(for_terminal, line))
    return table


def comparison_table(title: str, comparisons: Iterable[Comparison]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name, side in (
        ("suite", "left"),
        ("metric", "left"),
        ("before", "right"),
        ("after", "right"),
        ("change, 95 %", "right"),
        ("worse", "right"),
        ("better", "right"),
        ("p", "right"),
        ("n shows ≥", "right"),
    ):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for c in comparisons:
        table.add_row(
            c.suite,
            c.metric,
            percent(c.before),
            percent(c.after),
            points(c.after - c.before, c.change_low, c.change_high),
            str(c.worse),
            str(c.better),
            p_cell(c.p_value),
            percent(c.smallest_effect),
        )
    return table


def category_table(title: str, columns: Mapping[str, Sequence[Metric]], metric: str, suite: str = "policy") -> Table:
    """One metric by category, the radar as a table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("category")
    for name in columns:
        table.add_column(for_terminal(name), justify="right")
    by = {
        n: {m.category: m for m in found if m.metric == metric and m.suite == suite and m.category}
        for n, found in columns.items()
    }
    for category in dict.fromkeys(c for found in by.values() for c in found):
        table.add_row(
            for_terminal(str(category)), *(percent(by[n][category].value) if category in by[n] else "" for n in columns)
        )
    return table


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


def print_noise(out: Console, document: Mapping[str, Any]) -> None:
    """How many verdicts change between two runs of the same model, beside what flipped between two models."""
    if found := document.get("noise_floor"):
        out.print(for_terminal(f"{found['sentence']}.", 400), style="dim", markup=False)


def print_unfinished(out: Console, document: Mapping[str, Any]) -> None:
    """A line for each kind of reply that was no whole answer, with what to do about it."""
    for sentence in dict.fromkeys(s for found in document.get("unfinished", ()) for s in found.get("sentences", ())):
        out.print(for_terminal(f"{sentence}.", 400), style="bold" if "unscored" in sentence else "dim", markup=False)


def print_json(document: Mapping[str, Any]) -> None:
    """The one document on stdout."""
    sys.stdout.write(without_secrets(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)) + "\n")


def save_summary(run: Path, document: Mapping[str, Any]) -> None:
    write_atomic(run / "summary.json", json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
