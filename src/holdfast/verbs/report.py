"""holdfast report RUN…: one page that a person would rather look at than read. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from holdfast.api.report import ReportSettings, made, save
from holdfast.core.errors import UsageError
from holdfast.evaluation.run_reader import RunRecords
from holdfast.gating.exit_code import Decision
from holdfast.reporting import svg, terminal
from holdfast.reporting.card import write_card
from holdfast.reporting.markdown import report_markdown
from holdfast.reporting.page import pictures
from holdfast.reporting.tables import Names
from holdfast.reporting.verdict import verdict_of

OUT_PANEL = "Output"


def report(settings: ReportSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Make one self-contained page of a finished run, or a comparison of several."""
    if settings.markdown == "-" and settings.json_output:
        raise UsageError("--markdown - and --json both want stdout", "give the Markdown a file")
    found = made(settings)
    runs, decisions, names, text = found.runs, found.decisions, found.names, found.text
    default = runs[0].path / ("report.html" if len(runs) == 1 else "comparison.html")
    target = Path(settings.out) if settings.out else default
    save(target, text)
    cards = write_card(runs[0], decisions[0], Path(settings.card)) if settings.card else []
    plots = write_plots(runs, names, Path(settings.plots)) if settings.plots else []
    markdown = report_markdown(runs, decisions)
    if settings.markdown and settings.markdown != "-":
        save(Path(settings.markdown), markdown)
    return tell(settings, runs, decisions, {"page": target, "plots": plots, "cards": cards, "markdown": markdown})


def write_plots(runs: list[RunRecords], names: Names, folder: Path) -> list[Path]:
    paths = []
    for run in runs:
        prefix = f"{run.title}-" if len(runs) > 1 else ""
        for picture in pictures(run, names) if run.verb != "scan" else []:
            for suffix in ("svg", "png"):
                paths.append(folder / f"{prefix}{picture.name}.{suffix}")
                svg.save(picture.drawing, paths[-1])
    return paths


def tell(
    settings: ReportSettings, runs: list[RunRecords], decisions: list[Decision], made: dict[str, Any]
) -> dict[str, Any]:
    """The terminal, or the one JSON document."""
    document: dict[str, Any] = {
        "schema_version": terminal.SCHEMA_VERSION,
        "verb": "report",
        "runs": [
            {
                "run": str(run.path),
                "verdict": verdict_of(run, decision).sentence,
                "tone": verdict_of(run, decision).tone,
                "gate": decision.to_dict(),
            }
            for run, decision in zip(runs, decisions, strict=True)
        ],
        "page": str(made["page"]),
        "plots": [str(path) for path in made["plots"]],
        "card": [str(path) for path in made["cards"]],
    }
    if settings.json_output:
        terminal.print_json(json.loads(json.dumps(document)))
        return document
    out = terminal.console()
    if settings.markdown == "-":
        out.file.write(made["markdown"].encode("utf-8", "replace").decode())
        return document
    for run, decision in zip(runs, decisions, strict=True):
        out.print(verdict_of(run, decision).sentence, style="bold", markup=False)
        out.print(f"{decision.sentence} Policy: {decision.policy}.", markup=False)
    for path in made["cards"]:
        out.print(f"card: {path}", markup=False)
    if settings.card and not made["cards"]:
        out.print(f"card: {settings.card} is up to date", markup=False)
    if made["plots"]:
        out.print(f"pictures: {settings.plots}", markup=False)
    out.print(f"page: {made['page']}", markup=False)
    return document
