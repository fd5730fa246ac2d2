"""holdfast scan DATA…: what is in a fine-tuning set, before anyone trains on it. Imports no torch unless a model is given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field
from rich.table import Table
from rich.text import Text

from holdfast.core.config import Settings, option
from holdfast.core.contracts import ScanContext, Scanner
from holdfast.core.errors import EXIT_NOTHING_MEASURED, GateClosed, NothingMeasured, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Metric
from holdfast.core.runs import Run, write_atomic
from holdfast.data.containers import Source
from holdfast.data.rows import read_rows
from holdfast.gating.decide import HOLDS, Decision, decide
from holdfast.gating.rules import Policy as Rules
from holdfast.gating.rules import Rule
from holdfast.gating.scans import records_of, rules_for_scan
from holdfast.guild.rows import rows as guild_rows
from holdfast.reporting import terminal
from holdfast.scanning.clean import Policy, make_policy, write_clean
from holdfast.scanning.engine import findings_in, levels_of, make_scanners, scan_sources
from holdfast.scanning.sarif import write_sarif
from holdfast.scanning.summary import default_scanners, summarise
from holdfast.stats.figures import with_interval

SCAN_PANEL, MODEL_PANEL, OUT_PANEL = "What is looked for", "Model", "Output"
JSON_FINDINGS = 100_000  # findings in the one JSON document; all of them are in findings.jsonl
SAID = 12  # sentences about how the files were read
ANCHORS = 10  # as many as He et al. compare with


class ScanSettings(Settings):
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
    jobs: int = option(0, "Processes; 0 for one a core.", SCAN_PANEL, metavar="N")
    model: str | None = option(
        None, "The model that will be tuned: `benign-risk` then reads gradients.", MODEL_PANEL, metavar="MODEL"
    )
    anchors: str | None = option(
        None, "Forbidden rows to compare gradients with. Default on guild: its own.", MODEL_PANEL, metavar="FILE"
    )
    safe_anchors: str | None = option(None, "Safe rows to set against them.", MODEL_PANEL, metavar="FILE")
    clean: str | None = option(
        None, "Write the dataset without or with redacted rows, as JSON lines.", OUT_PANEL, metavar="OUT"
    )
    drop: list[str] | None = option(
        None, "With --clean: drop rows of this label; repeat the flag.", OUT_PANEL, metavar="LABEL"
    )
    keep: list[str] | None = option(
        None, "With --clean: keep rows of this label; repeat the flag.", OUT_PANEL, metavar="LABEL"
    )
    sarif: str | None = option(None, "Write SARIF 2.1.0, line by line.", OUT_PANEL, metavar="FILE")
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


def scan(settings: ScanSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Read a dataset and say what is in it: findings by line, a summary, a cleaned copy, a gate."""
    context = settings.context()
    scanners = make_scanners(settings.scanner or default_scanners(), context)
    rules = rules_for_scan(settings.fail_on or (), {label for _, label in levels_of(scanners)})
    if (settings.drop or settings.keep) and not settings.clean:
        raise UsageError("--drop and --keep say what --clean does, and it is not named", "add --clean OUT")
    policy = make_policy(scanners, settings.drop or (), settings.keep or ())
    source = Source(settings.data, settings.data_split)
    run = Run.open("scan", settings.data[0], settings.model_dump(), origins, settings.out)
    with Progress() as progress:
        progress.say(f"scanning {', '.join(settings.data)}")
        totals = scan_sources(run.path, source, scanners, settings.processes(), progress.step)
        done = finish(
            settings, Scan(run, scanners, summarise(totals, scanners), Decision("", [])), rules, source, policy
        )
        progress.finish()
    document = conclude(done)
    report(settings, done, document)
    if not totals.readable:
        raise NothingMeasured(
            f"no row of {', '.join(settings.data)} could be read", f"the reasons are in {run.path}/findings.jsonl"
        )
    refuse(done.decision, run.path / "findings.jsonl")
    return document


def gate_of(decision: Decision) -> dict[str, Any]:
    """The gate's decision as a scan's document has it: every rule with the rows that were counted for it."""
    told = [
        {"rule": o.rule, "rows": round((o.value or 0.0) * o.n) if o.is_share else 0, "share": o.value or 0.0,
         "limit": o.limit, "passed": o.status == HOLDS}
        for o in decision.outcomes
    ]  # fmt: skip
    return {"passed": all(rule["passed"] for rule in told), "rules": told}


def refuse(decision: Decision, found: Path) -> None:
    """Raises GateClosed when a rule is broken, NothingMeasured when what it is about was not."""
    failed = [o for o in decision.outcomes if o.status != HOLDS]
    if not failed:
        return
    said, hint = ", ".join(o.rule for o in failed), f"the rows are in {found}"
    if decision.exit_code == EXIT_NOTHING_MEASURED:
        raise NothingMeasured(f"--fail-on {said}: {failed[0].why}", hint)
    raise GateClosed(f"--fail-on {said} does not hold", hint)


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
        Metric("scan.share", entry["share"], entry["low"], entry["high"], summary["rows"], summary["malformed"], "lower",
               name, entry["scanner"], entry["label"], condition)
        for entry in summary["labels"]
    ]  # fmt: skip


def conclude(done: Scan) -> dict[str, Any]:
    """The run's documents; what is returned holds no findings, which stay in their file."""
    metrics = metrics_of(done.summary, "dataset")
    done.run.replace("metrics", metrics)
    document = terminal.json_document(
        "scan", done.run.path, metrics, summary=done.summary, gate=gate_of(done.decision),
        **({"clean": done.cleaned} if done.cleaned else {}),
    )  # fmt: skip
    terminal.save_summary(done.run.path, document)
    write_atomic(done.run.path / "scan.md", page(done))
    done.run.finish(
        "# scan\n\nFindings: findings.jsonl, one a line, in the order of the rows. Summary: scan.md, summary.json.\n"
    )
    return document


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
    out.print(table(f"scan of {', '.join(settings.data)}: {summary['rows']} rows", done))
    out.print(Text(f"risk: {summary['risk']['level']} ({summary['risk']['why']})", style="bold"))
    flagged = f"{summary['rows_with_findings']} rows with a finding, {summary['findings']} findings, {summary['malformed']} malformed lines"
    out.print(flagged, markup=False)
    for line in summary["read"]["said"][:SAID]:
        out.print(f"read: {terminal.printable(line, 400)}", markup=False)
    for entry in summary["untrainable"]:
        out.print(f"`tune` refuses {entry['rows']} rows: {terminal.printable(entry['why'], 200)}", markup=False)
    for rule in gate_of(done.decision)["rules"]:
        out.print(
            f"gate {rule['rule']}: {'holds' if rule['passed'] else 'does not hold'} ({rule['rows']} rows)", markup=False
        )
    if done.cleaned:
        out.print(f"clean: {done.cleaned['keep']} kept, {done.cleaned['redact']} redacted, {done.cleaned['drop']} dropped → {settings.clean}", markup=False)  # fmt: skip
    for said in summary["not_looked_at"]:
        out.print(f"not looked at: {said}", style="dim", markup=False)
    out.print("What each scanner cannot see: docs/scan.md", style="dim", markup=False)
    out.print(f"findings: {done.run.path}/findings.jsonl", markup=False)


def example_of(entry: dict[str, Any], found: dict[tuple[str, str], dict[str, Any]]) -> str:
    first = found.get((entry["scanner"], entry["label"]))
    return f"line {first['line']}: {first['why']}" if first else ""


def firsts(run: Path, wanted: int) -> dict[tuple[str, str], dict[str, Any]]:
    """The first finding of each label."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for finding in findings_in(run):
        found.setdefault((finding["scanner"], finding["label"]), finding)
        if len(found) == wanted:
            break
    return found


def table(title: str, done: Scan) -> Table:
    shown = Table(title=Text(terminal.printable(title)), title_justify="left", title_style="bold")
    for name, side in (
        ("scanner", "left"),
        ("label", "left"),
        ("level", "left"),
        ("rows", "right"),
        ("share, 95 %", "right"),
    ):
        shown.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    shown.add_column("the first", overflow="fold")
    found = firsts(done.run.path, len(done.summary["labels"]))
    for entry in done.summary["labels"]:
        share = with_interval(entry["share"], entry["low"], entry["high"], 2)
        example = terminal.printable(example_of(entry, found), 90)
        cells = (entry["scanner"], entry["label"], entry["level"], str(entry["rows"]), share, example)
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def page(done: Scan) -> str:
    """The scan as a section in Markdown, for a report or a pull request; untrusted text stands in code spans."""
    summary = done.summary
    lines = [f"## Scan: risk {summary['risk']['level']}", "", f"{summary['rows']} rows; {summary['risk']['why']}.", "",
             "| scanner | label | level | rows | share, 95 % | the first |", "|---|---|---|---|---|---|"]  # fmt: skip
    found = firsts(done.run.path, len(summary["labels"]))
    for entry in summary["labels"]:
        share = with_interval(entry["share"], entry["low"], entry["high"], 2)
        example = terminal.printable(example_of(entry, found), 120).replace("`", "'").replace("|", "¦")
        lines.append(
            f"| {entry['scanner']} | {entry['label']} | {entry['level']} | {entry['rows']} | {share} | `{example}` |"
        )
    lines += ["", *(f"- gate `{rule['rule']}`: {'holds' if rule['passed'] else 'does not hold'}" for rule in gate_of(done.decision)["rules"])]  # fmt: skip
    quoted = [terminal.printable(line, 400).replace("`", "'") for line in summary["read"]["said"][:SAID]]
    lines += ["", "Read:", "", *(f"- `{line}`" for line in quoted)]
    lines += [
        f"- `tune` refuses {entry['rows']} rows: {entry['why'].replace('`', '')}" for entry in summary["untrainable"]
    ]
    lines += ["", "Not looked at:", "", *(f"- {said}" for said in summary["not_looked_at"] or ["nothing was left out"])]
    lines += ["", "Cannot be seen:", "", *(f"- {said}" for said in summary["cannot_see"])]
    return "\n".join(lines) + "\n"
