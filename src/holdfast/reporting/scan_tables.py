"""A scan for people: its labels as a table in the terminal, and as a section in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from holdfast.reporting import terminal
from holdfast.scanning.engine import findings_in
from holdfast.stats.figures import with_interval

SAID = 12  # sentences about how the files were read


def example_of(entry: dict[str, Any], found: dict[tuple[str, str], dict[str, Any]]) -> str:
    first = found.get((entry["scanner"], entry["label"]))
    return f"line {first['line']}: {first['why']}" if first else ""


def firsts(run: Path, wanted: int) -> dict[tuple[str, str], dict[str, Any]]:
    """The first finding of each label."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for finding in findings_in(run):
        found.setdefault((finding["scanner"], finding["label"]), finding)
        if len(found) == wanted:
            break
    return found


def scan_table(title: str, summary: Mapping[str, Any], folder: Path) -> Table:
    """A scan's labels, how often each was found, and the first finding of each."""
    shown = Table(title=Text(terminal.printable(title)), title_justify="left", title_style="bold")
    for name, side in (
        ("scanner", "left"),
        ("label", "left"),
        ("level", "left"),
        ("rows", "right"),
        ("share, 95 %", "right"),
    ):
        shown.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    shown.add_column("the first", overflow="fold")
    found = firsts(folder, len(summary["labels"]))
    for entry in summary["labels"]:
        share = with_interval(entry["share"], entry["low"], entry["high"], 2)
        example = terminal.printable(example_of(entry, found), 90)
        cells = (entry["scanner"], entry["label"], entry["level"], str(entry["rows"]), share, example)
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def scan_markdown(summary: Mapping[str, Any], decision: Mapping[str, Any], folder: Path) -> str:
    """The scan as a section in Markdown, for a report or a pull request; untrusted text stands in code spans."""
    lines = [f"## Scan: risk {summary['risk']['level']}", "", f"{summary['rows']} rows; {summary['risk']['why']}.", "",
             "| scanner | label | level | rows | share, 95 % | the first |", "|---|---|---|---|---|---|"]  # fmt: skip
    found = firsts(folder, len(summary["labels"]))
    for entry in summary["labels"]:
        share = with_interval(entry["share"], entry["low"], entry["high"], 2)
        example = terminal.printable(example_of(entry, found), 120).replace("`", "'").replace("|", "¦")
        lines.append(
            f"| {entry['scanner']} | {entry['label']} | {entry['level']} | {entry['rows']} | {share} | `{example}` |"
        )
    lines += ["", *(f"- gate `{rule['rule']}`: {'holds' if rule['passed'] else 'does not hold'}" for rule in decision["rules"])]  # fmt: skip
    quoted = [terminal.printable(line, 400).replace("`", "'") for line in summary["read"]["said"][:SAID]]
    lines += ["", "Read:", "", *(f"- `{line}`" for line in quoted)]
    lines += [
        f"- `tune` refuses {entry['rows']} rows: {entry['why'].replace('`', '')}" for entry in summary["untrainable"]
    ]
    lines += ["", "Not looked at:", "", *(f"- {said}" for said in summary["not_looked_at"] or ["nothing was left out"])]
    lines += ["", "Cannot be seen:", "", *(f"- {said}" for said in summary["cannot_see"])]
    return "\n".join(lines) + "\n"
