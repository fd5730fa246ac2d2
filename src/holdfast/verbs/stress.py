"""holdfast stress MODEL --regime NAME: how far safety gives way under the published fine-tuning regimes.

Attacked weights live in memory for the length of the measurement; nothing here saves them.
"""

from __future__ import annotations

from typing import Any

from holdfast.api.report import page_beside
from holdfast.api.stress import attacked, caution_of
from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import Attacked
from holdfast.attacking import matrix
from holdfast.attacking.summary import PRIVATE_COLUMNS, about_privacy, summary_table, worst_table
from holdfast.core.progress import Progress
from holdfast.reporting import terminal
from holdfast.reporting.plan_tables import tell_plan


def stress(settings: StressSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Attack a model in memory under published regimes, and measure what is left of its safety."""
    if settings.dry_run:
        from holdfast.api.plans import plan_stress

        return tell_plan(plan_stress(settings, Progress()), settings.json_output)
    found = attacked(settings, origins, Progress())
    found.document["page"] = str(page_beside(found.stage.run.path, settings.show_replies))
    tell(settings, found)
    return found.document


def scan_line(found: dict[str, Any]) -> str:
    """Which scanners would have caught a regime's rows, and how many of them."""
    seen = ", ".join(f"{c['scanner']} ({c['label']}) {c['rows']}" for c in found["caught"]) or "no scanner sees one"
    return (
        f"scan of {found['condition']['regime']}, {found['rows']} rows, seed {found['condition'].get('seed')}: {seen}"
    )


def tell(settings: StressSettings, found: Attacked) -> None:
    """The terminal, or the one JSON document."""
    document = found.document
    if settings.json_output:
        terminal.print_json(document)
        return
    out = terminal.console()
    if "cells" in document:
        out.print(document["untouched"], markup=False)
        out.print(terminal.plain_table("test split; mean over the seeds [envelope of their 95 % intervals], percent",
                                     matrix.HEADER, matrix.lines(document["cells"])))  # fmt: skip
        terminal.print_unfinished(out, document)
        out.print(f"run: {found.stage.run.path}\npage: {document['page']}", markup=False)
        return
    out.print(terminal.metrics_table(f"{settings.model}, untouched", {"untouched": found.stage.aligned.metrics}))
    out.print(summary_table(document["summary"]))
    if private := about_privacy(document["summary"]):
        out.print(summary_table(private, PRIVATE_COLUMNS))
    if any("certified" in summary for summary in document["summary"]):
        out.print("? after a strength: no strength was certified; the one with the least harm was taken", style="dim")
    for scanned in document.get("scan", ()):
        out.print(scan_line(scanned), markup=False)
    if worst := document.get("worst_case"):
        out.print(worst_table(worst, settings.max_utility_loss))
    out.print(caution_of(settings) + terminal.BLIND_SPOTS, style="dim")
    terminal.print_unfinished(out, document)
    out.print(f"run: {found.stage.run.path}\npage: {document['page']}", markup=False)
