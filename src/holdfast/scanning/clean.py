"""A dataset without the rows that were found, or with private values redacted, and a log of every decision.

    write_clean(Path("clean.jsonl"), source, findings, policy, scanners, log)

The raw records are written as JSON lines, with all their columns; what is kept is kept as it was read.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from holdfast.core.contracts import Scanner
from holdfast.core.errors import UsageError
from holdfast.core.registry import unknown
from holdfast.core.runs import cannot_write
from holdfast.data.containers import parse
from holdfast.data.formats import to_row
from holdfast.data.sources import Source
from holdfast.scanning.engine import levels_of
from holdfast.scanning.scan_chunk import READER, READER_LABELS, Label

KEEP, DROP, REDACT = "keep", "drop", "redact"
REDACTING = "pii"
TWINS = ("exact-twin", "near-twin", "empty", "no-reply")
DEEP = 40  # levels of lists and objects in a record that are redacted; deeper rows are dropped


@dataclass(frozen=True)
class Policy:
    """What is done with a row for each label that it has: the severest of them decides."""

    actions: Mapping[Label, str]

    def decide(self, labels: Iterable[Label]) -> str:
        wanted = {self.actions[label] for label in labels}
        return DROP if DROP in wanted else REDACT if REDACT in wanted else KEEP


def make_policy(scanners: Sequence[Scanner], drop: Sequence[str] = (), keep: Sequence[str] = ()) -> Policy:
    """Rows with an error, twins and rows without a reply are dropped, private values redacted, the rest is kept.

    `drop` and `keep` name labels that are to be treated otherwise. Raises UsageError for a label that is none.
    """
    levels = levels_of(scanners)
    known = sorted({label for _, label in levels})
    for name in (*drop, *keep):
        if name not in known:
            raise unknown("label", name, known)
        if name in READER_LABELS and name in keep:
            raise UsageError(f"what is `{name}` cannot be kept: it is no row", "mend the source")
    if set(drop) & set(keep):
        raise UsageError(f"`{min(set(drop) & set(keep))}` is both dropped and kept", "name it once")
    actions = {}
    for (scanner, label), level in levels.items():
        usual = (
            REDACT
            if scanner == REDACTING
            else DROP
            if level == "error" or label in TWINS or scanner == READER
            else KEEP
        )
        actions[scanner, label] = DROP if label in drop else KEEP if label in keep else usual
    return Policy(actions)


def records(source: Source) -> Iterator[tuple[str, int, dict[str, Any] | None]]:
    """Every item of a source in the order of the scan: file, line, and the record or None."""
    for chunk in source.chunks():
        for line, record, _ in parse(chunk):
            readable = record is not None and not isinstance(to_row(record, chunk.file, line), str)
            yield chunk.file, line, record if readable else None


def redacted(value: Any, scanners: Sequence[Scanner], depth: int = 0) -> tuple[Any, int]:
    """A record with every string redacted, and how many places were changed. Raises RecursionError when it is too
    deep."""
    if depth > DEEP:
        raise RecursionError
    if isinstance(value, str):
        changed = 0
        for scanner in scanners:
            value, count = scanner.redact(value)
            changed += count
        return value, changed
    if isinstance(value, list):
        parts = [redacted(part, scanners, depth + 1) for part in value]
        return [part for part, _ in parts], sum(count for _, count in parts)
    if isinstance(value, dict):
        pairs = {key: redacted(part, scanners, depth + 1) for key, part in value.items()}
        return {key: part for key, (part, _) in pairs.items()}, sum(count for _, count in pairs.values())
    return value, 0


def write_clean(
    out: Path,
    source: Source,
    findings: Iterable[dict[str, Any]],
    policy: Policy,
    scanners: Sequence[Scanner],
    log: Path,
) -> dict[str, int]:
    """Write the cleaned dataset and its log, each whole or not at all; how many rows were kept, redacted and dropped.

    Raises RunError when a file cannot be written, UsageError when the output would overwrite an input.
    """
    if any(out.resolve() == path.resolve() for path in source.paths):
        raise UsageError(f"--clean `{out}` is one of the datasets that are read", "name another file")
    by_row = groupby(findings, key=lambda finding: int(finding["row"]))
    waiting = next(by_row, None)
    counts: Counter[str] = Counter({KEEP: 0, REDACT: 0, DROP: 0})
    partials = [path.with_name(f".{path.name}.partial") for path in (out, log)]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _opened(partials[0], out.suffix == ".gz") as rows, open(partials[1], "w", encoding="utf-8") as decisions:
            for number, (file, line, record) in enumerate(records(source)):
                own: list[dict[str, Any]] = []
                if waiting and waiting[0] == number:
                    own, waiting = list(waiting[1]), next(by_row, None)
                action, text, changed = _decided(record, own, policy, scanners)
                counts[action] += 1
                rows.write(text)
                if action != KEEP:
                    entry = {
                        "row": number,
                        "file": file,
                        "line": line,
                        "decision": action,
                        "labels": [f["label"] for f in own],
                        "why": own[0]["why"] if own else "cannot be written as JSON",
                        **({"redacted": changed} if changed else {}),
                    }
                    decisions.write(json.dumps(entry, ensure_ascii=True) + "\n")
        partials[0].replace(out)
        partials[1].replace(log)
    except OSError as error:
        for partial in partials:
            partial.unlink(missing_ok=True)
        raise cannot_write(out, error) from error
    return dict(counts)


def _opened(path: Path, packed: bool) -> IO[str]:
    return gzip.open(path, "wt", encoding="utf-8") if packed else open(path, "w", encoding="utf-8")


def _decided(
    record: dict[str, Any] | None, own: Sequence[dict[str, Any]], policy: Policy, scanners: Sequence[Scanner]
) -> tuple[str, str, int]:
    """What is done with a row, its line in the clean file, and how many places of it were redacted."""
    action = policy.decide((finding["scanner"], finding["label"]) for finding in own)
    if record is None or action == DROP:
        return DROP, "", 0
    changed = 0
    try:
        if action == REDACT:
            record, changed = redacted(record, scanners)
        return action, _line(record), changed
    except (RecursionError, ValueError):
        return DROP, "", 0


def _line(record: dict[str, Any]) -> str:
    text = json.dumps(record, ensure_ascii=False, default=str)
    # Lone surrogates cannot be written as UTF-8, but can as JSON escapes.
    whole = text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
    return (text if whole else json.dumps(record, default=str)) + "\n"
