"""The page of a finished run, or of several side by side. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from holdfast.core.config import Settings, option
from holdfast.core.errors import UsageError
from holdfast.core.runs import write_atomic
from holdfast.evaluation.run_reader import RunRecords, open_run
from holdfast.gating.exit_code import Decision
from holdfast.gating.rules import read_policy
from holdfast.guild.words import PAPER_CATEGORIES
from holdfast.reporting.page import PageOptions, decision_of, page
from holdfast.reporting.tables import Names

OUT_PANEL = "Output"


class ReportSettings(Settings):
    """One page of a run, or of several side by side."""

    runs: list[str] = Field(
        description="finished runs' folders; several give a comparison", min_length=1,
        json_schema_extra={"argument": True, "metavar": "RUN..."},
    )  # fmt: skip
    policy: str | None = Field(
        None, description="A YAML file with the gate's rules. Default: rules chosen by what the run measured.",
        json_schema_extra={"metavar": "FILE"},
    )  # fmt: skip
    show_replies: bool = Field(False, description="Show the replies on the page; without it they are masked.")
    out: str | None = option(None, "The page. Default: report.html in the run's folder.", OUT_PANEL, metavar="FILE")
    markdown: str | None = option(
        None, "Write Markdown for a pull request or a job's summary; - for stdout.", OUT_PANEL, metavar="FILE"
    )
    plots: str | None = option(None, "Write every picture as SVG and PNG into this folder.", OUT_PANEL, metavar="DIR")
    card: str | None = option(
        None,
        "Write the safety card of this model folder: README.md and safety_audit.json.",
        OUT_PANEL,
        metavar="MODEL_DIR",
    )
    json_output: bool = option(False, "Print one JSON document on stdout.", OUT_PANEL, flag="json")


def names_of(run: RunRecords) -> Names:
    """On the embedded model each category is shown with what it stands for in the paper."""
    references = {
        str((run.manifest.get(key) or {}).get("reference"))
        for key in ("model", "base", "tuned")
        if isinstance(run.manifest.get(key), dict)
    }
    return Names({own: f"{own} ({paper})" for own, paper in PAPER_CATEGORIES.items()} if "guild" in references else {})


@dataclass(frozen=True)
class Made:
    """A page, and what it was made from."""

    runs: list[RunRecords]
    decisions: list[Decision]
    names: Names
    text: str


def made(settings: ReportSettings) -> Made:
    """The page as text. Raises UsageError where a card is asked for and several runs are named."""
    runs = [open_run(Path(name)) for name in settings.runs]
    if settings.card and len(runs) > 1:
        raise UsageError(
            f"a card is written from one run, and {len(runs)} are named", "name the run that measured this model"
        )
    policy = read_policy(Path(settings.policy)) if settings.policy else None
    decisions = [decision_of(run, policy) for run in runs]
    names = names_of(runs[0])
    return Made(runs, decisions, names, page(runs, PageOptions(settings.show_replies, policy, names)))


def save(target: Path, text: str) -> None:
    """Write a page or Markdown. What is no Unicode in a reply was named before; a path may still hold a surrogate."""
    write_atomic(target, text.encode("utf-8", "replace"))


def page_beside(folder: Path, show_replies: bool = False) -> Path:
    """Write the page of one finished run beside its records. Raises RunError when it cannot be written."""
    target = folder / "report.html"
    save(target, made(ReportSettings(runs=[str(folder)], policy=None, show_replies=show_replies)).text)
    return target
