"""holdfast gate RUN [--policy gate.yaml]: rules over a run's metrics, and an exit code. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from holdfast.api.gate import GateSettings, decided
from holdfast.core.errors import UsageError
from holdfast.core.runs import write_atomic
from holdfast.evaluation.run_reader import RunRecords
from holdfast.gating.exit_code import Decision
from holdfast.gating.junit import junit
from holdfast.reporting import terminal
from holdfast.reporting.markdown import gate_markdown
from holdfast.reporting.provenance import outcome_figures
from holdfast.text.safe import for_terminal


def gate(settings: GateSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Hold a finished run against rules: exit 0 open, 3 closed, 4 nothing measured, 5 too few prompts for the limit."""
    if settings.markdown == "-" and settings.json_output:
        raise UsageError("--markdown - and --json both want stdout", "give the Markdown a file")
    run, decision, document = decided(settings)
    if settings.junit:
        write_atomic(Path(settings.junit), junit(decision, f"{run.verb}: {run.title}"))
    text = gate_markdown(decision, f"{run.verb}: {run.title}").encode("utf-8", "replace")
    if settings.markdown and settings.markdown != "-":
        write_atomic(Path(settings.markdown), text)
    if settings.json_output:
        terminal.print_json(document)
    elif settings.markdown == "-":
        terminal.console().file.write(text.decode())
    else:
        show(decision, run)
    return document


def show(decision: Decision, run: RunRecords) -> None:
    table = Table(title=Text(f"{run.verb}: {run.title}"), title_justify="left", title_style="bold")
    for name in ("rule", "model", "outcome", "seen", "bound", "limit", "n", "why"):
        table.add_column(name, justify="right" if name in ("seen", "bound", "limit", "n") else "left", overflow="fold")
    styles = {"holds": "green", "broken": "red", "left out": "dim"}
    for o in decision.outcomes:
        figures = outcome_figures(o)
        cells = [
            Text(for_terminal(o.rule)),
            Text(for_terminal(o.model, 60)),
            Text(o.status, style=styles.get(o.status, "yellow")),
            *map(Text, figures),
            Text(str(o.n)),
            Text(for_terminal(o.why)),
        ]
        table.add_row(*cells)
    out = terminal.console()
    out.print(table)
    out.print(decision.sentence, style="bold", markup=False)
