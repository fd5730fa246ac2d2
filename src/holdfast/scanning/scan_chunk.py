"""A chunk of a dataset, looked at by every scanner: in this process or in several, one chunk after another."""

from __future__ import annotations

import gc
import json
import multiprocessing
import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from holdfast.core.contracts import Scanner
from holdfast.core.errors import RunError
from holdfast.core.options import make
from holdfast.core.records import Finding, Row
from holdfast.data.batch import RowBatch
from holdfast.data.blocks import Ambiguous, Fault, Unread
from holdfast.data.containers import Chunk, parse
from holdfast.data.formats import to_row, untrainable
from holdfast.text.safe import for_record

READER, MALFORMED = "reader", Fault.label
READER_LABELS = {MALFORMED: "warning", Ambiguous.label: "error", Unread.label: "error"}  # and their levels
WHY_CHARACTERS = 240
Label = tuple[str, str]  # scanner, label
Shape = tuple[str, tuple[str, ...], tuple[str, ...]]  # format, columns that were read, all columns


@dataclass
class Look:
    """What was seen in a chunk. `found` holds (item, scanner, label, rest of the JSON line); `places` the items that
    are rows."""

    file: str
    items: int
    places: list[int]
    lines: list[int]
    found: list[tuple[int, str, str, str]] = field(default_factory=list)
    sketches: dict[str, Any] = field(default_factory=dict)
    done: int = 0
    reading: str = ""  # how the file was read, in a sentence, where this is its first chunk
    shapes: Counter[Shape] = field(default_factory=Counter)  # rows by format and columns
    untrainable: Counter[str] = field(default_factory=Counter)  # rows that `tune` would refuse, by the reason


def safe(text: str) -> str:
    """A why as it may be shown, cut to a length."""
    text = for_record(text[: 2 * WHY_CHARACTERS])
    return text if len(text) <= WHY_CHARACTERS else text[: WHY_CHARACTERS - 1] + "…"


def _rest(file: str, line: int, finding: Finding) -> str:
    return (
        f'"file": {json.dumps(for_record(file))}, "line": {line}, "scanner": {json.dumps(finding.scanner)}, '
        f'"label": {json.dumps(finding.label)}, "score": {round(float(finding.score), 4)}, '
        f'"why": {json.dumps(safe(finding.why), ensure_ascii=False)}}}\n'
    )


def rows_of(chunk: Chunk) -> tuple[RowBatch, Look]:
    """The readable rows of a chunk; what is not is found `malformed`."""
    rows: list[Row] = []
    look = Look(chunk.file, 0, [], [], done=chunk.done, reading=chunk.reading.told() if chunk.reading else "")
    for line, record, fault in parse(chunk):
        row = fault if record is None else to_row(record, chunk.file, line)
        if isinstance(row, str):
            label = getattr(row, "label", MALFORMED)
            finding = Finding(look.items, READER, label, 1.0, _redactor().redact(row)[0])
            look.found.append((look.items, READER, label, _rest(chunk.file, line, finding)))
        else:
            rows.append(row)
            look.shapes[row.meta["format"], row.meta["columns"], tuple(record)] += 1  # type: ignore[arg-type]
            if why := untrainable(row):
                look.untrainable[why] += 1
            look.places.append(look.items)
            look.lines.append(line)
        look.items += 1
    return RowBatch(rows), look


_QUOTE = re.compile(r"“([^”]*)”|`([^`]*)`")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


class Quotes:
    """The whys of a batch, without the private values of the rows that they quote."""

    def __init__(self, batch: RowBatch | None, scanners: Sequence[Scanner]) -> None:
        own = (scanner for scanner in scanners if type(scanner).redact is not Scanner.redact)
        self.redact = (next(own, None) or _redactor()).redact
        self.batch = batch
        # What is left of a row without its private values; None where it has none.
        self.kept: dict[int, str | None] = {}

    @cached_property
    def texts(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for turn in self.batch.turns if self.batch else ():
            found.setdefault(turn.row, []).append(turn.text)
        return found

    def left(self, row: int) -> str | None:
        if row not in self.kept:
            found = [self.redact(text) for text in self.texts.get(row, ())]
            self.kept[row] = _plain("\n".join(text for text, _ in found)) if any(n for _, n in found) else None
        return self.kept[row]

    def quiet(self, finding: Finding) -> Finding:
        """The finding; a quote that is not whole in what is left of its row, since a value is in it or cut by it,
        goes."""
        if "“" not in finding.why and "`" not in finding.why:
            return finding
        left = self.left(finding.row)

        def shown(quote: re.Match[str]) -> str:
            said = quote[1] if quote[1] is not None else quote[2]
            return quote[0] if left is None or _plain(said) in left else "“[private]”"

        return replace(finding, why=self.redact(_QUOTE.sub(shown, finding.why))[0])


@lru_cache(maxsize=1)
def _redactor() -> Scanner:
    scanner: Scanner = make("scanners", "pii")
    return scanner


def note(look: Look, findings: Iterable[Finding], quotes: Quotes) -> None:
    for finding in map(quotes.quiet, findings):
        place, line = look.places[finding.row], look.lines[finding.row]
        look.found.append((place, finding.scanner, finding.label, _rest(look.file, line, finding)))


_here: list[Scanner] = []  # of a worker process


def _begin(scanners: list[Scanner]) -> None:
    # Rows and turns make no cycles; looking for some after every few hundred of them takes a tenth of the time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    _here[:] = scanners


def first_look(chunk: Chunk, scanners: Sequence[Scanner] | None = None) -> Look:
    """What every scanner finds in a chunk, and what each gathers of it; scanners None are those of this process."""
    batch, look = rows_of(chunk)
    scanners = _here if scanners is None else scanners
    quotes = Quotes(batch, scanners)
    for scanner in scanners:
        if batch.rows:
            note(look, scanner.scan(batch), quotes)
            look.sketches[scanner.name] = scanner.sketch(batch)
    return look


def second_look(chunk: Chunk, scanners: Sequence[Scanner] | None = None) -> Look:
    """What the scanners that look twice find in a chunk."""
    batch, look = rows_of(chunk)
    look.found.clear()  # the malformed ones were told in the first
    scanners = _here if scanners is None else scanners
    quotes = Quotes(batch, scanners)
    for scanner in scanners:
        if batch.rows:
            note(look, scanner.revisit(batch), quotes)
    return look


def looks(source: Iterator[Chunk], scanners: list[Scanner], jobs: int, look: Callable[..., Look]) -> Iterator[Look]:
    """The looks of all chunks in order, made by `jobs` processes, with few chunks under way at a time."""
    if jobs <= 1:
        for chunk in source:
            yield look(chunk, scanners)
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(jobs, context, _begin, (scanners,)) as pool:
        waiting: deque[Future[Look]] = deque()
        try:
            for chunk in islice(source, 2 * jobs + 2):
                waiting.append(pool.submit(look, chunk))
            while waiting:
                done = waiting.popleft().result()
                for chunk in islice(source, 1):
                    waiting.append(pool.submit(look, chunk))
                yield done
        except BrokenProcessPool as error:
            raise RunError("a worker process of the scan was lost", "is memory short? add --jobs 1") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
