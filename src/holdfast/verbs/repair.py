"""holdfast repair BASE TUNED: safety back without training, at a strength that is chosen under a guarantee.

Every strength is measured on a calibration split; what is chosen there is reported on a test split that the choice
never saw. Nothing is written when no strength can be certified.
"""

from __future__ import annotations

from typing import Any

from holdfast.api.repair import Repaired, repaired
from holdfast.api.repair_settings import RepairSettings
from holdfast.api.report import page_beside
from holdfast.core.progress import Progress
from holdfast.reporting import terminal
from holdfast.reporting.plan_tables import tell_plan


def repair(settings: RepairSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Give a tuned model its base's safety back without training, at a strength chosen under a guarantee."""
    if settings.dry_run:
        from holdfast.api.plans import plan_repair

        return tell_plan(plan_repair(settings, Progress()), settings.json_output)
    found = repaired(settings, origins, Progress())
    found.document["page"] = str(page_beside(found.run.path, settings.show_replies))
    tell(found, settings.json_output)
    return found.document


def tell(found: Repaired, json_output: bool) -> None:
    """The terminal, or the one JSON document."""
    document, run, outcome, said = found.document, found.run, found.outcome, found.said
    if json_output:
        terminal.print_json(document)
        return
    out = terminal.console()
    if outcome is None:
        out.print(said, markup=False)
        out.print("hint: add --prompts FILE to have the strength chosen under a guarantee", style="dim", markup=False)
        out.print(f"model: {document['model']}\nrun: {run.path}\npage: {document['page']}", markup=False)
        return
    # torch comes with these, and is there by now: something was measured
    from holdfast.evaluation.bench import compare_evaluations
    from holdfast.repairing.summary import curve_table

    for place, curve in enumerate(outcome.curves):
        out.print(curve_table(curve, outcome.choice, place))
    columns = {"base": outcome.base.metrics, "tuned": outcome.tuned.metrics}
    if outcome.repaired:
        columns["repaired"] = outcome.repaired.metrics
    out.print(terminal.metrics_table("test split, which the choice never saw", columns))
    if outcome.repaired:
        out.print(terminal.comparison_table("tuned → repaired", compare_evaluations(outcome.tuned, outcome.repaired)))
    terminal.print_noise(out, document)
    out.print(said, style="bold", markup=False)
    for note in outcome.notes:
        out.print(note, style="dim", markup=False)
    out.print(terminal.BLIND_SPOTS, style="dim")
    if outcome.where:
        out.print(
            f"{'load it as' if outcome.where.startswith('ensemble:') else 'model'}: {outcome.where}", markup=False
        )
    terminal.print_unfinished(out, document)
    out.print(f"run: {run.path}\npage: {document['page']}", markup=False)
