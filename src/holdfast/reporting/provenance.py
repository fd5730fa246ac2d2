"""What a run rests on, as tables: the gate's checks, the scan of the data, the cost, the sources."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from holdfast.evaluation.run_reader import RunRecords
from holdfast.gating.exit_code import BROKEN, HOLDS, LEFT_OUT, TOO_FINE, UNMEASURED, Decision, Outcome
from holdfast.reporting.tables import Cell, Table, words
from holdfast.stats.figures import percent, with_interval
from holdfast.text.safe import for_page

FINDINGS = 400  # findings that a page lists


def outcome_figures(outcome: Outcome) -> tuple[str, str, str]:
    """Seen, the bound held against the limit, and the limit, as people read them."""

    def one(value: float | None) -> str:
        return "–" if value is None else percent(value) if outcome.is_share else f"{value:g}"

    return one(outcome.value), one(outcome.bound) if outcome.bound is not None else "", one(outcome.limit)


TONES = {"holds": "good", "broken": "bad"}
ORDER = (BROKEN, UNMEASURED, TOO_FINE, HOLDS, LEFT_OUT)  # the worst first
MANY = 24  # checks that stand one by one


def worst_first(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda outcome: ORDER.index(outcome.status))


def _outcome_row(o: Outcome, model: str) -> list[Cell]:
    seen, bound, limit = outcome_figures(o)
    status = Cell(o.status, None, TONES.get(o.status, "mixed"))
    figures = [Cell(seen, o.value), Cell(bound, o.bound), Cell(limit, o.limit), Cell(str(o.n), o.n)]
    return [*words(o.rule, model), status, *figures, *words(o.why)]


def gate_tables(decision: Decision) -> list[Table]:
    """The gate's checks, the worst first; of many one line a rule, and then all of them."""
    head = ["rule", "model", "outcome", "seen", "bound", "limit", "n", "why"]
    every = worst_first(decision.outcomes)
    caption = f"Policy {for_page(decision.policy, 80)}: {decision.sentence}"
    if len(every) <= MANY:
        return [Table("gate", caption, head, [_outcome_row(o, o.model) for o in every], 3)]
    rules: dict[str, list[Outcome]] = {}
    for outcome in every:
        rules.setdefault(outcome.rule, []).append(outcome)
    rows = []
    for group in rules.values():
        same = sum(o.status == group[0].status for o in group)
        rows.append(_outcome_row(group[0], f"{group[0].model}; {group[0].status} for {same} of {len(group)} models"))
    whole = Table(
        "gate-all", f"All {len(every)} checks", head, [_outcome_row(o, o.model) for o in every], 3, filters=True
    )
    return [Table("gate", caption, head, rows, 3), whole]


def scan_tables(run: RunRecords) -> list[Table]:
    """A scan's labels, and its first findings."""
    summary = run.summary.get("summary") if run.verb == "scan" else run.manifest.get("scan")
    if not isinstance(summary, dict):
        return []
    rows = []
    for e in summary["labels"]:
        interval = with_interval(e["share"], e["low"], e["high"], 2)
        rows.append(
            [*words(e["scanner"], e["label"], e["level"]), Cell(str(e["rows"]), e["rows"]), Cell(interval, e["share"])]
        )
    said = (
        f"{summary['rows']:,} rows, risk {for_page(summary['risk']['level'])}: {for_page(summary['risk']['why'], 300)}"
    )
    tables = [
        Table("labels", f"What the scan found. {said}", ["scanner", "label", "level", "rows", "share, 95 %"], rows, 3)
    ]
    if run.has("findings") and run.verb == "scan":
        found = list(islice(run.records("findings"), FINDINGS))
        lines = [
            [
                *words(f["label"], f["scanner"], f.get("file", ""), f["why"]),
                Cell(str(f.get("line", "")), float(f.get("line") or 0)),
                Cell(f"{f['score']:.2f}", f["score"]),
            ]
            for f in found
        ]
        left = summary["findings"] - len(found)
        note = f"{left:,} more are in findings.jsonl beside this page." if left > 0 else ""
        tables.append(
            Table(
                "findings",
                f"The first {len(found)} findings",
                ["label", "scanner", "file", "why", "line", "score"],
                lines,
                4,
                note,
                filters=True,
            )
        )
    return tables


def judge_tables(run: RunRecords, show: bool) -> list[Table]:
    """Of a judge check: each judge's confusion tables, and some replies it reads otherwise, masked unless shown."""
    if run.verb != "judge":
        return []
    texts = {str(r["prompt"]): str(r["text"]) for r in run.records("replies")} if show else {}
    tables = []
    for i, entry in enumerate(run.summary["judges"]):
        name, counts = for_page(entry["judge"], 80), entry["binary"]
        rows = [[*words(kind), *(Cell(f"{counts[key]:,}", counts[key]) for key in keys)]
                for kind, keys in (("harmful", ("tp", "fn")), ("harmless", ("fp", "tn")))]  # fmt: skip
        tables.append(
            Table(f"confusion-{i}", f"{name}: labels down, the judge across", ["", "harmful", "harmless"], rows)
        )
        if entry["five"]:
            rows = [
                [*words(f"label {score}"), *(Cell(f"{n:,}", n) for n in row)]
                for score, row in enumerate(entry["five"], 1)
            ]
            tables.append(Table(f"five-{i}", f"{name}: scores", ["", "1", "2", "3", "4", "5"], rows))
        rows = [
            words(d["kind"], d["asked"], (d.get("reply") or texts.get(d["prompt"], "masked")) if show else "masked",
                  d["label"], d["said"])
            for d in entry["disagreements"]
        ]  # fmt: skip
        if rows:
            head = ["what", "asked", "reply", "label", "judge"]
            tables.append(Table(f"otherwise-{i}", f"Some replies that {name} reads otherwise", head, rows, 5))
    return tables


def seconds_of(manifest: Mapping[str, Any]) -> float | None:
    try:
        ends = [
            time.mktime(time.strptime(str(manifest[key])[:19], "%Y-%m-%dT%H:%M:%S")) for key in ("started", "finished")
        ]
    except (KeyError, ValueError, OverflowError):
        return None
    return max(0.0, ends[1] - ends[0])


def span(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.1f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def cost_table(run: RunRecords) -> Table:
    """What the run took: time, replies, verdicts by judge, training."""
    judges: dict[str, int] = {}
    for record in run.records("verdicts"):
        judges[str(record["judge"])] = judges.get(str(record["judge"]), 0) + 1
    machine, tuned = run.manifest.get("machine") or {}, run.manifest.get("tuned") or {}
    rows = [
        ("wall time, from start to end", span(seconds_of(run.manifest))),
        ("prompts", f"{len(run.prompts):,}"),
        (
            ("verdicts recorded", f"{sum(judges.values()):,}")
            if run.verb == "judge"
            else ("replies recorded", f"{run.lines('replies'):,}")
        ),
    ]
    rows += [(f"verdicts by the judge {for_page(name, 40)}", f"{count:,}") for name, count in judges.items()]
    if tuned.get("steps"):
        rows.append(("training", f"{tuned['steps']} steps on {tuned.get('rows')} rows"))
    if run.manifest.get("sequential"):
        rows.append(("stopped early", for_page(run.manifest["sequential"].get("sentence", ""), 300)))
    rows.append(("machine", f"{machine.get('cpus')} cores, {machine.get('machine')}, {machine.get('system')}"))
    return Table(
        "cost",
        "What this run took; replies and verdicts that were cached cost nothing",
        ["", ""],
        [words(*row) for row in rows],
        2,
    )


def provenance_tables(run: RunRecords) -> list[Table]:
    """Models by their hashes, versions, settings and where each came from, and the files with their hashes."""
    manifest = run.manifest
    models = [
        (key, manifest[key])
        for key in ("model", "base", "tuned")
        if isinstance(manifest.get(key), dict) and "reference" in manifest[key]
    ]
    models += [("also", facts) for facts in manifest.get("also") or () if isinstance(facts, dict)]
    quantised = ("quantised",) if any("quantised" in facts for _, facts in models) else ()
    keys = ("reference", "fingerprint", "architecture", "parameters", "dtype", *quantised, "device", "chat_template")
    tables = []
    if models:
        rows = [words(name, *(facts.get(key, "") for key in keys)) for name, facts in models]
        title = "Models; fingerprints are hashes of the weights, the last column of the chat template"
        tables.append(Table("models-used", title, ["", *keys], rows, 1 + len(keys)))
    facts = [
        ("command", " ".join(map(str, manifest.get("command") or ()))),
        ("judge", manifest.get("judge", "")),
        ("started", manifest.get("started", "")),
        ("finished", manifest.get("finished", "")),
        *(manifest.get("versions") or {}).items(),
    ]
    if isinstance(manifest.get("direction"), dict):
        facts.append(("direction of harm", f"{manifest['direction'].get('about')}, {manifest['direction'].get('key')}"))
    templates = sorted(
        {
            f"{c.get('train_template', '–')} → {c.get('test_template', '–')}"
            for c in (side.condition for side in run.sides)
        }
    )
    seeds = sorted({str(side.condition["seed"]) for side in run.sides if side.condition.get("seed") is not None})
    facts += [("templates, tuning → test", ", ".join(templates[:20])), ("attack seeds", ", ".join(seeds) or "–")]
    tables.append(Table("versions", "How it was made", ["", ""], [words(*fact) for fact in facts if fact[1]], 2))
    settings = [
        words(name, _setting(entry.get("value")), entry.get("from", ""))
        for name, entry in run.settings.items()
        if isinstance(entry, dict)
    ]
    if settings:
        tables.append(
            Table("settings", "Settings, and where each came from", ["setting", "value", "from"], settings, 3)
        )
    files = [
        [*words(name), Cell(f"{f['bytes']:,}", f["bytes"]), *words(f["sha256"])]
        for name, f in manifest["files"].items()
    ]
    title = "The records, as they were when the run ended and when this page was made"
    return [*tables, Table("files", title, ["file", "bytes", "SHA-256"], files)]


def _setting(value: Any) -> str:
    return "–" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
