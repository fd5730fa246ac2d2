"""holdfast scan DATA…: what is in a fine-tuning set, before training. No torch unless a model is given."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from rich.text import Text

from holdfast.api.scan import Scan, ScanSettings, check_readable, look
from holdfast.core.errors import EXIT_NOTHING_MEASURED, GateClosed, NothingMeasured
from holdfast.core.progress import Progress
from holdfast.gating.exit_code import HOLDS, Decision
from holdfast.reporting import terminal
from holdfast.reporting.plan_tables import tell_plan
from holdfast.reporting.scan_tables import SAID, scan_table
from holdfast.scanning.engine import findings_in
from holdfast.text.safe import for_terminal

JSON_FINDINGS = 100_000  # findings in the one JSON document; all of them are in findings.jsonl


def scan(settings: ScanSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Read a dataset and say what is in it: findings by line, a summary, a cleaned copy, a gate."""
    if settings.dry_run:
        from holdfast.api.scan_plan import plan_scan

        return tell_plan(plan_scan(settings, Progress(beats=False)), settings.json_output)
    done = look(settings, origins, Progress(beats=False))
    report(settings, done, done.document)
    check_readable(settings, done)
    refuse(done.decision, done.run.path / "findings.jsonl")
    return done.document


def refuse(decision: Decision, found: Path) -> None:
    """Raises GateClosed when a rule is broken, NothingMeasured when what it is about was not."""
    failed = [o for o in decision.outcomes if o.status != HOLDS]
    if not failed:
        return
    said, hint = ", ".join(o.rule for o in failed), f"the rows are in {found}"
    if decision.exit_code == EXIT_NOTHING_MEASURED:
        raise NothingMeasured(f"--fail-on {said}: {failed[0].why}", hint)
    raise GateClosed(f"--fail-on {said} does not hold", hint)


def report(settings: ScanSettings, done: Scan, document: dict[str, Any]) -> None:
    """The terminal, or the one JSON document."""
    if settings.json_output:
        found = list(islice(findings_in(done.run.path), JSON_FINDINGS))
        capped = done.summary["findings"] > len(found)
        terminal.print_json(
            {
                **document,
                "findings": found,
                "findings_capped": capped,
                "findings_file": str(done.run.path / "findings.jsonl"),
            }
        )
        return
    out = terminal.console()
    summary = done.summary
    out.print(scan_table(f"scan of {', '.join(settings.data)}: {summary['rows']} rows", summary, done.run.path))
    out.print(Text(f"risk: {summary['risk']['level']} ({summary['risk']['why']})", style="bold"))
    flagged = (
        f"{summary['rows_with_findings']} rows with a finding, {summary['findings']} findings, {summary['malformed']}"
        " malformed lines"
    )
    out.print(flagged, markup=False)
    for line in summary["read"]["said"][:SAID]:
        out.print(f"read: {for_terminal(line, 400)}", markup=False)
    for entry in summary["untrainable"]:
        out.print(f"`tune` refuses {entry['rows']} rows: {for_terminal(entry['why'], 200)}", markup=False)
    for rule in document["gate"]["rules"]:
        out.print(
            f"gate {rule['rule']}: {'holds' if rule['passed'] else 'does not hold'} ({rule['rows']} rows)", markup=False
        )
    if done.cleaned:
        out.print(
            f"clean: {done.cleaned['keep']} kept, {done.cleaned['redact']} redacted, {done.cleaned['drop']} dropped →"
            f" {settings.clean}",
            markup=False,
        )
    for said in summary["not_looked_at"]:
        out.print(f"not looked at: {said}", style="dim", markup=False)
    out.print("What each scanner cannot see: docs/scan.md", style="dim", markup=False)
    out.print(f"findings: {done.run.path}/findings.jsonl", markup=False)
