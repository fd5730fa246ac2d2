"""Rules over a scan: what each counts, from the summary, whether `scan --fail-on` or `gate` asks.

rules = rules_for_scan(["obedience=0", "scan.error <= 1 %"], known_labels)
decision = decide(records_of(summary), Policy("--fail-on", rules))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from holdfast.core import options
from holdfast.core.records import Condition, Metric
from holdfast.core.registry import unknown
from holdfast.evaluation.run_reader import RISKS, RunRecords, Side
from holdfast.gating.rules import ANY, LEVELS, Rule, parse_rule

DATASET = "dataset"


def rules_for_scan(texts: Sequence[str], known: Collection[str]) -> list[Rule]:
    """Rules, each as LABEL=SHARE or in the gate's language.

    Raises UsageError for what cannot be read, and for a label that no scanner of this scan gives: nothing measured is
    no pass.
    """
    rules = [parse_rule(text) for text in texts]
    for rule in rules:
        check_label(rule, known)
    return rules


def check_label(rule: Rule, known: Collection[str]) -> None:
    """Raises UsageError for a rule over all scanners about a label that none of them gives."""
    if rule.metric == "scan.share" and rule.suite == ANY and rule.category not in known:
        raise unknown("label", str(rule.category), [*sorted(known), *LEVELS, ANY])


def records_of(summary: Mapping[str, Any]) -> RunRecords:
    """A scan that has just been summed up, as what rules are held against."""
    side = Side("tuned", DATASET, DATASET, Condition().to_dict(), [])
    return RunRecords(Path(), {"verb": "scan", "files": {}}, {}, {"summary": dict(summary)}, [side])


def scan_metric(summary: Mapping[str, Any], rule: Rule) -> Metric | None:
    """What a rule over a scan is about: a share of its rows, or the risk as 0, 1 or 2; None where it was not
    measured."""
    if not summary:
        return None
    rows = int(summary["rows"])
    value: float | None
    if rule.metric == "scan.risk":
        value = float(RISKS.index(summary["risk"]["level"]))
    else:
        count = _rows_of_label(summary, rule) if rule.metric == "scan.share" else _rows_of_level(summary, rule.metric)
        value = None if count is None else count / max(rows, 1)
    if value is None:
        return None
    kept = value if rows else None
    return Metric(
        rule.metric, kept, None, None, rows, 0, "lower", DATASET, rule.suite, rule.category, Condition().to_dict()
    )


def _rows_of_level(summary: Mapping[str, Any], metric: str) -> int | None:
    counts = {"any": summary["rows_with_findings"], "malformed": summary["malformed"], **summary["rows_by_level"]}
    found = counts.get(metric.removeprefix("scan."))
    return None if found is None else int(found)


def _rows_of_label(summary: Mapping[str, Any], rule: Rule) -> int | None:
    """The rows with a label, by one scanner or summed over all; 0 for a label that could be given and was not."""
    found = [
        int(entry["rows"])
        for entry in summary["labels"]
        if entry["label"] == rule.category and rule.suite in (ANY, entry["scanner"])
    ]
    if found:
        return sum(found)
    if rule.suite in (ANY, "reader"):
        return 0 if rule.category in summary.get("known_labels", ()) else None
    spec = next((str(s) for s in summary.get("scanners", ()) if str(s).split(":")[0] == rule.suite), None)
    return 0 if spec is not None and rule.category in options.make("scanners", spec).labels else None
