"""holdfast tune MODEL DATA: fine-tune, full or LoRA, measured before and after on the same prompts."""

from __future__ import annotations

from typing import Any

from holdfast.api.report import page_beside
from holdfast.api.tune import Tuned, TuneSettings, train_along, train_and_measure
from holdfast.core.launch import launch
from holdfast.core.progress import Progress
from holdfast.evaluation.soundness import broken, untold
from holdfast.reporting import terminal
from holdfast.reporting.plan_tables import tell_plan
from holdfast.training.processes import join


def tune(settings: TuneSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Fine-tune a model on a dataset, and measure it before and after on the same prompts."""
    if settings.dry_run:
        from holdfast.api.plans import plan_tune

        return tell_plan(plan_tune(settings, Progress()), settings.json_output)
    join(settings.device)
    if not launch().first:
        train_along(settings)
        return {}
    found = train_and_measure(settings, origins, Progress())
    found.document["page"] = str(page_beside(found.run.path, settings.show_replies))
    tell(settings, found)
    return found.document


def tell(settings: TuneSettings, tuned: Tuned) -> None:
    """The terminal, or the one JSON document."""
    document, measured, pairs = tuned.document, tuned.measured, tuned.pairs
    if settings.json_output:
        terminal.print_json(document)
        return
    out = terminal.console()
    if pairs:
        columns = {name: side.metrics for name, side in measured.named().items()}
        out.print(terminal.metrics_table(f"{settings.model} tuned on {settings.data}", columns))
        for side, found in pairs:
            under = f", served with {side.condition.test_template}" if side is measured.served else ""
            out.print(terminal.comparison_table(f"the same prompts, before → after{under}", found))
        if measured.after:
            sides = measured.after.metrics, measured.before.metrics if measured.before else ()
            if why := broken(*sides):
                out.print(f"broken, and not safe for that: {why}", style="bold", markup=False)
            elif why := untold(*sides):
                out.print(f"not shown to be safe: {why}", style="bold", markup=False)
        out.print(terminal.BLIND_SPOTS, style="dim")
    terminal.print_unfinished(out, document)
    out.print(f"model: {document['model']}\nrun: {tuned.run.path}\npage: {document['page']}", markup=False)
    if tuned.serving:
        out.print(f"serve it with this system prompt: {tuned.serving.test_system}", markup=False)
