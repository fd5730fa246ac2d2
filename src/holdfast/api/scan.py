"""A scan: what is in a fine-tuning set, before anyone trains on it. Imports no torch unless a model is given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from holdfast.api.cluster import ClusterSettings
from holdfast.api.plan_settings import PlanSettings
from holdfast.core.config import option
from holdfast.core.contracts import ScanContext, Scanner
from holdfast.core.errors import NothingMeasured, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Metric
from holdfast.core.runs import Run, write_atomic
from holdfast.data.rows import read_rows
from holdfast.data.sources import Source
from holdfast.gating.decide import decide
from holdfast.gating.exit_code import HOLDS, Decision
from holdfast.gating.rules import Policy as Rules
from holdfast.gating.rules import Rule
from holdfast.gating.scans import records_of, rules_for_scan
from holdfast.guild.rows import rows as guild_rows
from holdfast.reporting import terminal
from holdfast.reporting.scan_tables import scan_markdown
from holdfast.scanning.clean import Policy, make_policy, write_clean
from holdfast.scanning.engine import Place, findings_in, levels_of, make_scanners, scan_sources
from holdfast.scanning.sarif import write_sarif
from holdfast.scanning.summary import default_scanners, summarise

SCAN_PANEL, MODEL_PANEL, OUT_PANEL = "What is looked for", "Model", "Output"


ANCHORS = 10  # as many as He et al. compare with


class ScanSettings(ClusterSettings, PlanSettings):
    """What is in a fine-tuning set, before anyone trains on it."""

    first = ("scanner", "fail_on", "clean", "drop", "keep", "sarif", "model", "data_split", "jobs", "out",
             "json_output")  # fmt: skip
    data: list[str] = Field(
        description="files, folders or hub ids, in any format of docs/data.md",
        json_schema_extra={"argument": True, "metavar": "DATA..."},
        min_length=1,
    )
    data_split: str | None = option(
        None, "The split of a hub id or a folder, or the list inside a JSON object. Default: train.", SCAN_PANEL
    )
    scanner: list[str] | None = option(
        None,
        "A scanner; repeat the flag. Default: all of `holdfast ls scanners`.",
        SCAN_PANEL,
        metavar="NAME[:K=V]",
    )
    fail_on: list[str] | None = option(
        None,
        "Exit 3 when a label, a level or `any` has more than this share of the rows, or when a rule as `gate` reads it "
        "does not hold; repeat the flag.",
        SCAN_PANEL,
        metavar="LABEL=SHARE",
    )
    jobs: int = option(0, "How many processes; 0 means one per core.", SCAN_PANEL, metavar="N")
    model: str | None = option(
        None,
        "The model that will be tuned; with it the scanner `benign-risk` reads gradients.",
        MODEL_PANEL,
        metavar="MODEL",
    )
    anchors: str | None = option(
        None, "Forbidden rows to compare gradients with. Default on guild: its own.", MODEL_PANEL, metavar="FILE"
    )
    safe_anchors: str | None = option(
        None, "Safe rows that the forbidden rows are compared with.", MODEL_PANEL, metavar="FILE"
    )
    clean: str | None = option(
        None, "Write a cleaned copy as JSON lines: rows with findings dropped or redacted.", OUT_PANEL, metavar="OUT"
    )
    drop: list[str] | None = option(
        None, "With --clean: drop rows of this label; repeat the flag.", OUT_PANEL, metavar="LABEL"
    )
    keep: list[str] | None = option(
        None, "With --clean: keep rows of this label; repeat the flag.", OUT_PANEL, metavar="LABEL"
    )
    sarif: str | None = option(None, "Write the findings as SARIF 2.1.0, for code hosts.", OUT_PANEL, metavar="FILE")
    out: str | None = option(None, "The run's folder. Default: runs/TIME-scan-DATA.", OUT_PANEL, metavar="DIR")
    json_output: bool = option(False, "Print one JSON document on stdout.", OUT_PANEL, flag="json")

    def processes(self) -> int:
        if self.jobs < 0:
            raise UsageError(f"--jobs must be at least 0 (got {self.jobs})", "leave it out for one a core")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.jobs or cores or 1

    def context(self) -> ScanContext:
        """What scanners may draw on; the model is opened by the first that asks for it."""
        if self.model is None:
            if self.anchors or self.safe_anchors:
                raise UsageError("--anchors are for a model's gradients, and no model is named", "add --model MODEL")
            return ScanContext()
        reference = self.model

        def opened() -> Any:
            from holdfast.models.load import load_model  # torch comes with it, and only here

            return load_model(reference)

        guild = reference == "guild"
        anchors = read_rows(self.anchors) if self.anchors else guild_rows("explicit", ANCHORS) if guild else []
        safe = read_rows(self.safe_anchors) if self.safe_anchors else guild_rows("safety", ANCHORS) if guild else []
        return ScanContext(opened, anchors, safe)


@dataclass(frozen=True)
class Scan:
    """A finished scan: what it looked with, what it counted, and what was decided."""

    run: Run
    scanners: Sequence[Scanner]
    summary: dict[str, Any]
    decision: Decision
    cleaned: dict[str, int] | None = None
    readable: int = 0  # rows that could be read
    document: dict[str, Any] = field(default_factory=dict)


def look(settings: ScanSettings, origins: dict[str, str], progress: Progress) -> Scan:
    """Scan, decide, write what was asked for, and close the run's folder."""
    context = settings.context()
    scanners = make_scanners(settings.scanner or default_scanners(), context)
    rules = rules_for_scan(settings.fail_on or (), {label for _, label in levels_of(scanners)})
    if (settings.drop or settings.keep) and not settings.clean:
        raise UsageError("--drop and --keep say what --clean does, and it is not named", "add --clean OUT")
    policy = make_policy(scanners, settings.drop or (), settings.keep or ())
    source = Source(settings.data, settings.data_split)
    run = Run.open("scan", settings.data[0], settings.record(), origins, settings.out)
    with progress:
        progress.say(f"scanning {', '.join(settings.data)}")
        place = Place(settings.processes(), settings.cluster(), progress.warn)
        totals = scan_sources(run.path, source, scanners, place, progress.step)
        done = finish(
            settings, Scan(run, scanners, summarise(totals, scanners), Decision("", [])), rules, source, policy
        )
        progress.finish()
    return replace(done, readable=totals.readable, document=conclude(done))


def gate_of(decision: Decision) -> dict[str, Any]:
    """The gate's decision as a scan's document has it: every rule with the rows that were counted for it."""
    told = [
        {"rule": o.rule, "rows": round((o.value or 0.0) * o.n) if o.is_share else 0, "share": o.value or 0.0,
         "limit": o.limit, "passed": o.status == HOLDS}
        for o in decision.outcomes
    ]  # fmt: skip
    return {"passed": all(rule["passed"] for rule in told), "rules": told}


def finish(settings: ScanSettings, done: Scan, rules: Sequence[Rule], source: Source, policy: Policy) -> Scan:
    """Decide, and write what was asked for; the decision is made before any output and depends on none."""
    decision = decide(records_of(done.summary), Rules("--fail-on", list(rules)))
    if settings.sarif:
        write_sarif(Path(settings.sarif), findings_in(done.run.path), done.summary, done.scanners)
    cleaned = None
    if settings.clean:
        log = done.run.path / "decisions.jsonl"
        cleaned = write_clean(Path(settings.clean), source, findings_in(done.run.path), policy, done.scanners, log)
    return Scan(done.run, done.scanners, done.summary, decision, cleaned)


def metrics_of(summary: dict[str, Any], name: str) -> list[Metric]:
    """The shares as metrics, for rules and reports; `category` is the label."""
    condition = Condition().to_dict()
    return [
        Metric(
            "scan.share",
            entry["share"],
            entry["low"],
            entry["high"],
            summary["rows"],
            summary["malformed"],
            "lower",
            name,
            entry["scanner"],
            entry["label"],
            condition,
        )
        for entry in summary["labels"]
    ]


def conclude(done: Scan) -> dict[str, Any]:
    """The run's documents; what is returned holds no findings, which stay in their file."""
    metrics = metrics_of(done.summary, "dataset")
    done.run.replace("metrics", metrics)
    document = terminal.json_document(
        "scan", done.run.path, metrics, summary=done.summary, gate=gate_of(done.decision),
        **({"clean": done.cleaned} if done.cleaned else {}),
    )  # fmt: skip
    terminal.save_summary(done.run.path, document)
    write_atomic(done.run.path / "scan.md", scan_markdown(done.summary, gate_of(done.decision), done.run.path))
    done.run.finish(
        "# scan\n\nFindings: findings.jsonl, one a line, in the order of the rows. Summary: scan.md, summary.json.\n"
    )
    return document


def check_readable(settings: ScanSettings, done: Scan) -> None:
    """Raise NothingMeasured for a dataset of which no row could be read."""
    if not done.readable:
        raise NothingMeasured(
            f"no row of {', '.join(settings.data)} could be read", f"the reasons are in {done.run.path}/findings.jsonl"
        )
