"""holdfast audit MODEL [--base BASE]: a checkpoint against its base, on the same prompts, with paired evidence."""

from __future__ import annotations

from typing import Any

from holdfast.api.audit import Audited, measure
from holdfast.api.audit_settings import AuditSettings
from holdfast.api.report import page_beside
from holdfast.core.progress import Progress
from holdfast.reporting import terminal
from holdfast.reporting.plan_tables import tell_plan
from holdfast.text.safe import for_terminal


def audit(settings: AuditSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Measure a checkpoint, and its base on the same prompts; report what flipped."""
    if settings.dry_run:
        from holdfast.api.plans import plan_audit

        return tell_plan(plan_audit(settings, Progress()), settings.json_output)
    found = measure(settings, origins, Progress())
    found.document["page"] = str(page_beside(found.run.path, settings.show_replies))
    tell(settings, found)
    return found.document


def tell(settings: AuditSettings, audited: Audited) -> None:
    """The terminal, or the one JSON document."""
    document, before, after = audited.document, audited.before, audited.after
    if settings.json_output:
        terminal.print_json(document)
        return
    out = terminal.console()
    columns = {**({f"base: {before.model}": before.metrics} if before else {}), after.model: after.metrics}
    columns |= {f"also: {other.model}": other.metrics for other in audited.beside}
    if any(columns.values()):
        out.print(terminal.metrics_table(f"audit of {settings.model}", columns))
    if audited.comparisons:
        out.print(terminal.comparison_table("the same prompts, base → checkpoint", audited.comparisons))
    terminal.print_noise(out, document)
    for pair in audited.pairs:
        if pair.comparisons:
            title = f"the same prompts, {pair.before} → {pair.after}"
            out.print(terminal.comparison_table(for_terminal(title), pair.comparisons))
    if audited.beside:
        out.print(f"What is said below, and the gate, are about {after.model} alone.", style="dim", markup=False)
    for found in document.get("probes", ()):
        out.print(terminal.plain_table(f"the probe {found['probe']}", found["columns"], found["rows"]))
        out.print(
            f"{found['probe']}: {'FOUND: ' if found['found'] else ''}{found['sentence']}.", style="bold", markup=False
        )
        out.print(f"{found['cannot_exclude']}.", style="dim", markup=False)
    if why := document.get("broken"):
        out.print(f"broken, and not safe for that: {why}", style="bold", markup=False)
    elif why := document.get("untold"):
        out.print(f"not shown to be safe: {why}", style="bold", markup=False)
    elif not any(metric.suite.startswith("utility") for metric in after.metrics):
        out.print("no utility was measured: add --utility-prompts FILE or --utility TASK", style="dim", markup=False)
    out.print(terminal.BLIND_SPOTS, style="dim")
    if settings.sequential:
        out.print(document["sequential"]["sentence"], style="bold", markup=False)
    terminal.print_unfinished(out, document)
    out.print(f"run: {audited.run.path}\npage: {document['page']}", markup=False)
