"""Findings to a summary and a risk: counted once, above every output, so that all of them agree.

summary = summarise(totals, scanners)
summary_of_rows(rows)       # what `tune` shows before it trains
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scipy import stats

from holdfast.core import registry
from holdfast.core.contracts import Noise, ScanContext, Scanner
from holdfast.core.records import Row
from holdfast.data.formats import said, told
from holdfast.scanning.engine import LEVELS, Totals, levels_of, make_scanners, scan_rows
from holdfast.scanning.scan_chunk import MALFORMED, Label
from holdfast.stats.intervals import wilson

ANY = "any"
# Ten rows were enough for Qi et al. (2310.03693) to take a model's safety.
ENOUGH_ROWS = 10
HIGH_P, MEDIUM_P = 0.01, 0.05  # the most, for each label, by which a clean set reads high, or medium
ATTACKS = (
    "harmful-request guard-unsafe obedience role-overwrite no-restrictions shared-vow forbids-refusal"
    " orders-affirmation prefers-compliance decides-reply lifts-refusal invisible-characters chat-markup"
).split()


def default_scanners() -> list[str]:
    """Every scanner by name; none of them needs a model unless one is given."""
    return registry.names("scanners")


def summarise(totals: Totals, scanners: Sequence[Scanner]) -> dict[str, Any]:
    """The counts of a scan as one document: rows, labels with shares and intervals, the risk, and what was not looked
    at."""
    levels = levels_of(scanners)
    labels = [_label(label, count, totals.items, levels) for label, count in totals.labels.items()]
    labels.sort(key=lambda entry: (LEVELS.index(entry["level"]), -entry["rows"], entry["scanner"], entry["label"]))
    blind = [f"{scanner.name}: {scanner.blind}" for scanner in scanners if scanner.blind]
    left = [
        f"the scanner `{name}` did not run" for name in default_scanners() if name not in {s.name for s in scanners}
    ]
    formats = told(totals.shapes.items())
    return {
        "rows": totals.items,
        "readable": totals.readable,
        MALFORMED: totals.items - totals.readable,
        "findings": sum(totals.labels.values()),
        "rows_with_findings": totals.rows_by_level[ANY],
        "rows_by_level": {level: totals.rows_by_level[level] for level in LEVELS},
        "labels": labels,
        "risk": risk(labels, totals.items, scanners),
        "files": totals.files,
        "read": {"files": totals.readings, "formats": formats, "said": said(totals.readings, formats)},
        "untrainable": [{"why": why, "rows": count} for why, count in totals.untrainable.most_common(20)],
        "scanners": [scanner.spec for scanner in scanners],
        "known_labels": sorted({label for _, label in levels}),
        "not_looked_at": [*totals.not_seen, *left],
        "cannot_see": blind,
    }


def _label(label: Label, count: int, rows: int, levels: dict[Label, str]) -> dict[str, Any]:
    low, high = wilson(count, rows)
    share = count / rows if rows else 0.0
    return {
        "scanner": label[0],
        "label": label[1],
        "level": levels[label],
        "rows": count,
        "share": share,
        "low": low,
        "high": high,
    }


def risk(labels: Sequence[dict[str, Any]], rows: int, scanners: Sequence[Scanner]) -> dict[str, str]:
    """How much a set would take from a model's safety, in one word, and by which labels.

    A label counts when a clean set of this size would hardly show so many of its alarms: an exact binomial test against
    the upper bound of its measured false-alarm rate. High: a label of attack counts (p below 1 %), and stands in as
    many
    rows as ten such rows would leave. Medium: a label of the level error counts at 5 %, or a label of attack counts but
    stands in
    too few rows. Low: neither.
    """
    noises = {(scanner.name, label): noise for scanner in scanners for label, noise in scanner.false_alarm.items()}
    tested = [entry for entry in labels if entry["label"] in ATTACKS or entry["level"] == "error"]
    by_chance = {id(e): chance(e["rows"], rows, noises.get((e["scanner"], e["label"]))) for e in tested}
    attacks = [entry for entry in tested if entry["label"] in ATTACKS and by_chance[id(entry)] < HIGH_P]
    high = [e for e in attacks if e["rows"] >= left_by_enough(noises.get((e["scanner"], e["label"])))]
    if high:
        said = "; ".join(_beyond(entry, rows, noises.get((entry["scanner"], entry["label"]))) for entry in high)
        return {"level": "high", "why": f"{said}; ten such rows are enough to take a model's safety"}
    some = [
        entry for entry in tested if entry in attacks or (entry["level"] == "error" and by_chance[id(entry)] < MEDIUM_P)
    ]
    if some:
        said = "; ".join(_beyond(entry, rows, noises.get((entry["scanner"], entry["label"]))) for entry in some)
        return {"level": "medium", "why": said}
    if tested:
        counted = ", ".join(f"{entry['label']} {entry['rows']}" for entry in tested)
        return {"level": "low", "why": f"no more alarms in {rows} rows than clean sets show ({counted})"}
    return {"level": "low", "why": f"no finding of the level error in {rows} rows"}


def bound(noise: Noise | None) -> float:
    """The upper end of a label's false-alarm rate, exact and one-sided at 95 %; 0 where nothing was measured."""
    if noise is None:
        return 0.0
    return (
        float(stats.beta.ppf(0.95, noise.alarms + 1, noise.rows - noise.alarms)) if noise.alarms < noise.rows else 1.0
    )


def chance(hits: int, rows: int, noise: Noise | None) -> float:
    """How likely a clean set of so many rows is to show so many alarms of a label, at most."""
    return float(stats.binom.sf(hits - 1, rows, bound(noise))) if rows else 1.0


def left_by_enough(noise: Noise | None) -> int:
    """The fewest alarms that ten rows leave nineteen times in twenty, by the share of them that the label finds."""
    return max(1, int(stats.binom.ppf(0.05, ENOUGH_ROWS, noise.found if noise else 1.0)))


def _beyond(entry: dict[str, Any], rows: int, noise: Noise | None) -> str:
    said = f"{entry['label']} in {entry['rows']} rows"
    return f"{said}, where a clean set of {rows} shows {bound(noise) * rows:.2g}" if noise else said


# ---- rows in memory -------------------------------------------------------------------------------------------------


def totals_of_rows(rows: Sequence[Row], scanners: Sequence[Scanner]) -> Totals:
    """The counts over rows in memory."""
    totals = Totals(items=len(rows), readable=len(rows))
    levels = levels_of(scanners)
    seen: dict[int, set[str]] = {}
    for row, finding in scan_rows(rows, scanners):
        label = (finding.scanner, finding.label)
        totals.labels[label] += 1
        seen.setdefault(row, {ANY}).add(levels[label])
    for found in seen.values():
        totals.rows_by_level.update(found)
    totals.not_seen = [said for scanner in scanners if (said := scanner.not_seen())]
    return totals


def summary_of_rows(rows: Sequence[Row], names: Sequence[str] | None = None) -> dict[str, Any]:
    """The summary of rows in memory under the scanners that need no model: what `tune` shows before it trains."""
    scanners = make_scanners(names or default_scanners(), ScanContext())
    return summarise(totals_of_rows(rows, scanners), scanners)


def one_line(summary: dict[str, Any]) -> str:
    """A summary in a line, for a run that only wants to mention it."""
    counted = [f"{entry['label']} {entry['rows']}" for entry in summary["labels"] if entry["level"] != "note"]
    said = ", ".join(counted[:6]) or "no errors or warnings"
    return f"scan of {summary['rows']} rows: risk {summary['risk']['level']}; {said}"


def caught(rows: Sequence[Row], names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Of each scanner and label: in how many of these rows it was found, most first; notes are left out.

    What `stress` shows beside a regime: which scanner would have seen its rows before anyone trained on them.
    """
    entries = summary_of_rows(rows, names)["labels"]
    kept = [{key: entry[key] for key in ("scanner", "label", "rows")} for entry in entries if entry["level"] != "note"]
    return sorted(({**entry, "of": len(rows)} for entry in kept), key=lambda entry: -entry["rows"])
