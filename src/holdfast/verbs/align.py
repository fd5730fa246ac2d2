"""holdfast align MODEL: a model that was never aligned learns to decline, measured before and after."""

from __future__ import annotations

from typing import Any

from holdfast.api.align import AlignSettings, align_along, align_and_measure
from holdfast.api.report import page_beside
from holdfast.core.launch import launch
from holdfast.core.progress import Progress
from holdfast.evaluation.soundness import broken
from holdfast.reporting import terminal
from holdfast.reporting.plan_tables import tell_plan
from holdfast.training.processes import join


def align(settings: AlignSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Teach a model that was never aligned to decline, measured before and after on the same prompts."""
    if settings.dry_run:
        from holdfast.api.plans import plan_align

        return tell_plan(plan_align(settings, Progress()), settings.json_output)
    join(settings.device)
    if not launch().first:
        align_along(settings)
        return {}
    aligned = align_and_measure(settings, origins, Progress())
    document, measured = aligned.document, aligned.measured
    document["page"] = str(page_beside(aligned.run.path, settings.show_replies))
    if settings.json_output:
        terminal.print_json(document)
        return document
    out = terminal.console()
    if measured.before and measured.after:
        columns = {name: side.metrics for name, side in measured.named().items()}
        out.print(terminal.metrics_table(f"{settings.model}, aligned", columns))
        for _, found in aligned.pairs:
            out.print(terminal.comparison_table("the same prompts, before → after", found))
        if why := broken(measured.after.metrics, measured.before.metrics):
            out.print(f"broken, and not safe for that: {why}", style="bold", markup=False)
        out.print(terminal.BLIND_SPOTS, style="dim")
    terminal.print_unfinished(out, document)
    out.print(f"model: {document['model']}\nrun: {aligned.run.path}\npage: {document['page']}", markup=False)
    return document
