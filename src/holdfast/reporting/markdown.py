"""A run and a gate's decision in Markdown: for a pull request, a job's summary, a wiki.

    report_markdown([run], [decision])
    gate_markdown(decision, "audit: my-model")

Names and reasons came from outside: they stand without markup, and no reply is ever in here.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.evaluation.run_reader import RunRecords
from holdfast.gating.exit_code import BROKEN, HOLDS, LEFT_OUT, Decision
from holdfast.reporting.blind_spots import cannot_see
from holdfast.reporting.page import run_title
from holdfast.reporting.provenance import outcome_figures, scan_tables, worst_first
from holdfast.reporting.tables import Cell, Table, chosen_sides, flips_table, many_table, totals_table
from holdfast.reporting.verdict import verdict_of
from holdfast.text.safe import for_markdown

MOST_ROWS = 60  # of a table; a pull request's comment has its limits
SIGNS = {HOLDS: "✅", BROKEN: "❌", LEFT_OUT: "➖"}


def table_markdown(table: Table, most: int = MOST_ROWS) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    def text(cell: Cell) -> str:
        return cell.text if cell.value is not None else for_markdown(cell.text)  # figures are ours

    marks = ["---" if i < table.words else "---:" for i in range(len(table.head))]
    lines = [
        line([for_markdown(h) for h in table.head]),
        line(marks),
        *(line([text(c) for c in row]) for row in table.rows[:most]),
    ]
    left = len(table.rows) - most
    return "\n".join(lines) + (f"\n\n{left} more rows are on the page." if left > 0 else "") + "\n"


def gate_markdown(decision: Decision, title: str) -> str:
    """The decision as a section: the sentence, and a line for each check."""
    lines = [
        f"### {'✅' if decision.passed else '❌'} {for_markdown(title)}",
        "",
        f"{decision.sentence} Policy: {for_markdown(decision.policy)}. Exit code {decision.exit_code}.",
        "",
        "| | rule | model | seen | bound | limit | n | |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    shown = worst_first(decision.outcomes)[:MOST_ROWS]
    for o in shown:
        seen, bound, limit = outcome_figures(o)
        note = "" if o.status in (HOLDS, BROKEN) else f"{o.status}: {o.why}"
        cells = (
            SIGNS.get(o.status, "⚠️"),
            for_markdown(o.rule),
            for_markdown(o.model),
            seen,
            bound,
            limit,
            str(o.n),
            for_markdown(note),
        )
        lines.append("| " + " | ".join(cells) + " |")
    left = len(decision.outcomes) - len(shown)
    return "\n".join([*lines, *(["", f"{left} more checks are in the JSON document."] if left else [])]) + "\n"


def report_markdown(runs: Sequence[RunRecords], decisions: Sequence[Decision]) -> str:
    """The runs' verdicts, figures, flips and gates; the page has the pictures."""
    parts = []
    for run, decision in zip(runs, decisions, strict=True):
        told = verdict_of(run, decision)
        parts += [
            f"## {for_markdown(run_title(run))}\n",
            f"**{for_markdown(told.sentence)}**\n",
            *(f"{for_markdown(more)}\n" for more in told.more),
        ]
        figures = [] if run.verb == "scan" else [many_table(run) or totals_table(chosen_sides(run))]
        for table in [*figures, *(t for t in [flips_table(run)] if t), *scan_tables(run)[:1]]:
            parts += [
                f"<details><summary>{for_markdown(table.caption)}</summary>\n",
                table_markdown(table),
                "</details>\n",
            ]
        parts += [
            gate_markdown(decision, "gate"),
            "What this cannot see:\n",
            *(f"- {for_markdown(point)}" for point in cannot_see(run)),
            "",
        ]
    return "\n".join(parts)
