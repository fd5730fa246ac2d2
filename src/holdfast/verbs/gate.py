"""holdfast gate RUN [--policy gate.yaml]: rules over a run's metrics, and an exit code that a pipeline obeys. Imports
no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field
from rich.table import Table
from rich.text import Text

from holdfast.core.config import Settings, option
from holdfast.core.errors import UsageError
from holdfast.core.runs import write_atomic
from holdfast.evaluation.run_reader import RunRecords, open_run
from holdfast.gating.decide import Decision, decide
from holdfast.gating.junit import junit
from holdfast.gating.rules import Policy, default_policy, parse_rule, read_policy, with_unscored
from holdfast.reporting import terminal
from holdfast.reporting.markdown import gate_markdown
from holdfast.reporting.provenance import outcome_figures

RULE_PANEL, OUT_PANEL = "Rules", "Output"


class GateSettings(Settings):
    """Rules over a run's metrics."""

    run: str = Field(description="a finished run's folder", json_schema_extra={"argument": True, "metavar": "RUN"})
    policy: str | None = option(
        None,
        "A YAML file of rules; see docs/gate.md. Default: what the run measured decides.",
        RULE_PANEL,
        metavar="FILE",
    )
    rule: list[str] | None = option(
        None, "A rule, beside or instead of a policy's; repeat the flag.", RULE_PANEL, metavar="TEXT"
    )
    junit: str | None = option(None, "Write JUnit XML.", OUT_PANEL, metavar="FILE")
    markdown: str | None = option(None, "Write Markdown; - for stdout.", OUT_PANEL, metavar="FILE")
    json_output: bool = option(False, "Print one JSON document on stdout.", OUT_PANEL, flag="json")


def policy_of(settings: GateSettings, run: RunRecords | None) -> Policy | None:
    """The rules that are asked for; the default policy needs the run."""
    own = [parse_rule(text) for text in settings.rule or ()]
    if settings.policy:
        policy = read_policy(Path(settings.policy))
        return Policy(policy.name, [*policy.rules, *own])
    if own:
        return with_unscored(Policy("--rule", own))
    return default_policy(run) if run else None


def gate(settings: GateSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Hold a finished run against rules: exit 0 open, 3 closed, 4 nothing measured, 5 too few prompts for the limit."""
    if settings.markdown == "-" and settings.json_output:
        raise UsageError("--markdown - and --json both want stdout", "give the Markdown a file")
    policy_of(settings, None)  # a rule that cannot be read is told before the run is
    run = open_run(Path(settings.run))
    policy = policy_of(settings, run)
    assert policy is not None
    decision = decide(run, policy)
    document = {"schema_version": terminal.SCHEMA_VERSION, "verb": "gate", "run": str(run.path), **decision.to_dict()}
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
            Text(terminal.printable(o.rule)),
            Text(terminal.printable(o.model, 60)),
            Text(o.status, style=styles.get(o.status, "yellow")),
            *map(Text, figures),
            Text(str(o.n)),
            Text(terminal.printable(o.why)),
        ]
        table.add_row(*cells)
    out = terminal.console()
    out.print(table)
    out.print(decision.sentence, style="bold", markup=False)
