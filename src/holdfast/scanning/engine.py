"""Rows to findings: every scanner over every chunk, in several processes, in constant memory, to a file in row order.

    totals = scan_sources(run_folder, ["train.jsonl"], make_scanners(["pii", "twins"], context))
    summary_of_rows(rows)            # the same for rows in memory, without a folder: what `tune` shows first

Two passes at most. In the first each chunk is parsed and scanned in whatever process is free, and what can only be seen
over the whole dataset is gathered in order. The second is for scanners that know only afterwards which rows they mean.
Findings lie in `cache/first.jsonl` and `cache/second.jsonl` while it runs, and become `findings.jsonl` at the end. A
killed scan goes on from its last checkpoint.
"""

from __future__ import annotations

import heapq
import json
import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.core.cluster import Cluster
from holdfast.core.contracts import ScanContext, Scanner
from holdfast.core.errors import UsageError
from holdfast.core.options import Optioned, make, spec_of
from holdfast.core.progress import ShowPart
from holdfast.core.records import Finding, Row
from holdfast.core.runs import cannot_write, read_jsonl, write_atomic
from holdfast.data.batch import RowBatch
from holdfast.data.containers import Chunk
from holdfast.data.sources import Source
from holdfast.scanning.on_cluster import Tell, looks_on
from holdfast.scanning.scan_chunk import (
    READER,
    READER_LABELS,
    Label,
    Look,
    Quotes,
    Shape,
    first_look,
    looks,
    note,
    second_look,
)
from holdfast.text.safe import for_record

MOST_READINGS, MOST_SHAPES = 50, 1000  # files whose reading is told; sets of columns that are counted
SMALL = 4 << 20  # bytes below which other processes cost more than they save
CHECKPOINT_S, CHECKPOINT_COST = 15.0, 20.0  # at least so far apart, and so many times what one takes
LEVELS = ("error", "warning", "note")


@dataclass(eq=False)
class OptionScanner(Optioned, Scanner):
    """A scanner whose dataclass fields are its options; `spec` names every one of them.

    Raises UsageError for a value that cannot be.
    """

    kind = "scanner"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.spec = spec_of(self)


def make_scanners(texts: Sequence[str], context: ScanContext) -> list[Scanner]:
    """The scanners of a run, prepared. Raises UsageError for what cannot be, and for one that is named twice."""
    scanners: list[Scanner] = [make("scanners", text) for text in texts]
    for i, scanner in enumerate(scanners):
        if any(scanner.name == other.name for other in scanners[:i]):
            raise UsageError(f"the scanner `{scanner.name}` is named twice", "give its options in one --scanner")
        scanner.prepare(context)
    return scanners


def levels_of(scanners: Iterable[Scanner]) -> dict[Label, str]:
    """The level of every label that can be found."""
    reader = {(READER, label): level for label, level in READER_LABELS.items()}
    return reader | {(s.name, label): level for s in scanners for label, level in s.labels.items()}  # fmt: skip


# ---- all chunks -----------------------------------------------------------------------------------------------------


@dataclass
class Totals:
    """What a scan counted; `labels` counts rows, since a row has a label at most once."""

    items: int = 0
    readable: int = 0
    labels: Counter[Label] = field(default_factory=Counter)
    rows_by_level: Counter[str] = field(default_factory=Counter)  # rows with a finding of the level, and "any"
    examples: dict[Label, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    not_seen: list[str] = field(default_factory=list)
    readings: list[str] = field(default_factory=list)  # how the first files were read, in sentences
    shapes: Counter[Shape] = field(default_factory=Counter)
    untrainable: Counter[str] = field(default_factory=Counter)

    def take(self, look: Look) -> None:
        """Count what a chunk held."""
        self.items += look.items
        self.readable += len(look.places)
        name = for_record(look.file)
        self.files[name] = self.files.get(name, 0) + look.items
        if look.reading and len(self.readings) < MOST_READINGS:
            self.readings.append(for_record(look.reading))
        for shape, count in look.shapes.items():
            if shape in self.shapes or len(self.shapes) < MOST_SHAPES:
                self.shapes[shape] += count
        self.untrainable.update(look.untrainable)

    def to_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"items": self.items, "readable": self.readable, "files": self.files, "not_seen": self.not_seen,
                "readings": self.readings, "shapes": [[*shape, n] for shape, n in self.shapes.items()],
                "untrainable": self.untrainable}  # fmt: skip

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Totals:
        """The same, from a checkpoint."""
        shapes = Counter({(kind, tuple(read), tuple(names)): n for kind, read, names, n in kept["shapes"]})
        return cls(
            kept["items"],
            kept["readable"],
            files=dict(kept["files"]),
            not_seen=list(kept["not_seen"]),
            readings=list(kept["readings"]),
            shapes=shapes,
            untrainable=Counter(kept["untrainable"]),
        )


class FirstPass:
    """The first pass over a source, with its checkpoints."""

    def __init__(self, folder: Path, source: Source, scanners: Sequence[Scanner]) -> None:
        self.folder, self.source, self.scanners = folder, source, scanners
        self.path, self.mark, self.arrays = folder / "first.jsonl", folder / "checkpoint.json", folder / "state.npz"
        self.totals = Totals()
        self.known: list[int] = []  # chunks of each part that were taken, up to the part under way

    def resume(self) -> bool:
        """Go back to the last checkpoint of the same files, if there is one; whether the pass is over."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            mark = json.loads(self.mark.read_text())
            with np.load(self.arrays, allow_pickle=False) as arrays:
                state = {name: arrays[name] for name in arrays.files}
            same = mark["source"] == self.source.fingerprint() and int(state["chunks"]) == sum(mark["known"])
            same = same and self.path.stat().st_size >= mark["bytes"]
        except (OSError, ValueError, KeyError, EOFError):
            same = False
        if not same:
            self.path.write_bytes(b"")
            return False
        os.truncate(self.path, mark["bytes"])
        self.known, self.totals = list(mark["known"]), Totals.from_dict(mark["totals"])
        for scanner in self.scanners:
            own = f"{scanner.name}/"
            kept = {key.removeprefix(own): value for key, value in state.items() if key.startswith(own)}
            if kept:
                scanner.restore(kept)
        return bool(mark["over"])

    def checkpoint(self, over: bool) -> None:
        self.totals.not_seen = [said for scanner in self.scanners if (said := scanner.not_seen())]
        # Once every row was seen, only a second look still needs what was gathered.
        needed = [scanner for scanner in self.scanners if not over or scanner.revisits]
        state = {f"{s.name}/{key}": value for s in needed for key, value in s.state().items()}
        partial = self.arrays.with_name(".state.partial.npz")
        try:
            np.savez(partial, chunks=np.array(sum(self.known)), **state)
            partial.replace(self.arrays)
        except OSError as error:
            raise cannot_write(self.arrays, error) from error
        mark = {"source": self.source.fingerprint(), "known": self.known, "over": over,
                "bytes": self.path.stat().st_size, "totals": self.totals.to_dict()}  # fmt: skip
        write_atomic(self.mark, json.dumps(mark))

    def take(self, part: int, look: Look) -> str:
        """Gather a chunk's sketches; its findings as lines, in the order of the rows."""
        quotes = Quotes(None, self.scanners)
        for scanner in self.scanners:
            sketch = look.sketches.get(scanner.name)
            if sketch is not None:
                note(look, scanner.gather(sketch, [self.totals.items + place for place in look.places]), quotes)
        text = lines_of(look, self.totals.items)
        self.totals.take(look)
        self.known += [0] * (part + 1 - len(self.known))
        self.known[part] += 1
        return text

    def go(self, place: Place, show: ShowPart) -> None:
        if self.resume():
            return
        began, cost, progress = time.monotonic(), 0.0, Meter(self.source, show, "scanned")
        try:
            with open(self.path, "ab") as file:
                for part, look in place.looks(self.source, list(self.scanners), known=self.known):
                    file.write(self.take(part, look).encode("utf-8", "replace"))
                    progress.at(look)
                    # A checkpoint that takes long is made more seldom.
                    if time.monotonic() - began > max(CHECKPOINT_S, CHECKPOINT_COST * cost):
                        began = time.monotonic()
                        file.flush()
                        self.checkpoint(over=False)
                        cost, began = time.monotonic() - began, time.monotonic()
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self.checkpoint(over=True)


@dataclass(frozen=True)
class Place:
    """Where a scan runs: in so many processes here, or on a cluster, whose lost workers are told of."""

    jobs: int = 1
    cluster: Cluster | None = None
    tell: Tell = lambda _: None

    def looks(
        self, source: Source, scanners: list[Scanner], again: bool = False, known: Sequence[int] = ()
    ) -> Iterator[tuple[int, Look]]:
        """The looks of all chunks in order, with the number of the part; known: how many of each part are there."""
        if self.cluster and not any(scanner.needs_model for scanner in scanners):
            return looks_on(self.cluster, source, scanners, self.tell, again, known)
        return self._here(source, scanners, again, known)

    def _here(
        self, source: Source, scanners: list[Scanner], again: bool, known: Sequence[int]
    ) -> Iterator[tuple[int, Look]]:
        # A model is in memory once, and its scanner keeps the order of the rows.
        small = bool(source.paths) and source.size < SMALL
        jobs = 1 if small or any(scanner.needs_model for scanner in scanners) else self.jobs
        numbers: deque[int] = deque()

        def rest() -> Iterator[Chunk]:
            for number, part in enumerate(source.parts()):
                if number < len(known) - 1:
                    continue  # a later one was begun
                for chunk in islice(part.chunks(), known[number] if number < len(known) else 0, None):
                    numbers.append(number)
                    yield chunk

        for look in looks(rest(), scanners, jobs, second_look if again else first_look):
            yield numbers.popleft(), look


class Meter:
    """How many MiB of a source are read."""

    def __init__(self, source: Source, show: ShowPart, what: str) -> None:
        self.source, self.show, self.what = source, show, what
        self.before, self.file, self.done = 0, "", 0

    def at(self, look: Look) -> None:
        if look.file != self.file:
            self.before += self.source.sizes.get(self.file, 0)
            self.file = look.file
        self.done = self.before + look.done
        self.show(f"{self.what} MiB", self.done >> 20, max(self.source.size >> 20, 1))


def lines_of(look: Look, first: int) -> str:
    look.found.sort(key=lambda found: found[0])
    return "".join(f'{{"row": {first + found[0]}, {found[3]}' for found in look.found)


def second_pass(folder: Path, source: Source, scanners: list[Scanner], place: Place, show: ShowPart) -> Path:
    """Every batch once more for the scanners that ask for it."""
    path, first = folder / "second.jsonl", 0
    progress = Meter(source, show, "second look, MiB")
    try:
        with open(path, "wb") as file:
            for _, look in place.looks(source, scanners, again=True) if scanners else ():
                file.write(lines_of(look, first).encode("utf-8", "replace"))
                first += look.items
                progress.at(look)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def _row_of(line: bytes) -> int:
    return int(line[8 : line.index(b",")])


def merge(parts: Sequence[Path], out: Path, totals: Totals, levels: dict[Label, str], examples: int = 3) -> None:
    """One file of findings in the order of the rows, and the counts that every output is made from."""
    partial = out.with_name(f".{out.name}.partial")
    files = [open(part, "rb") for part in parts]  # noqa: SIM115
    last, seen = -1, set[str]()
    try:
        with open(partial, "wb") as file:
            for line in heapq.merge(*files, key=_row_of):
                file.write(line)
                found = json.loads(line)
                label = (found["scanner"], found["label"])
                totals.labels[label] += 1
                kept = totals.examples.setdefault(label, [])
                if len(kept) < examples:
                    kept.append(found)
                if found["row"] != last:
                    totals.rows_by_level.update(seen)
                    last, seen = found["row"], {"any"}
                seen.add(levels[label])
            totals.rows_by_level.update(seen)
        partial.replace(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        for opened in files:
            opened.close()


def scan_sources(
    folder: Path, source: Source, scanners: list[Scanner], place: Place | None = None, show: ShowPart | None = None
) -> Totals:
    """Scan every row of a source into `folder/findings.jsonl`, resuming what a killed scan left.

    Raises DataError for a dataset that cannot be opened, RunError for a folder that cannot be written.
    """
    show, place = show or (lambda what, done, total: None), place or Place()
    first = FirstPass(folder / "cache", source, scanners)
    first.go(place, show)
    again = [scanner for scanner in scanners if scanner.revisits]
    second = second_pass(folder / "cache", source, again, place, show)
    merge((first.path, second), folder / "findings.jsonl", first.totals, levels_of(scanners))
    return first.totals


def scan_rows(rows: Sequence[Row], scanners: Sequence[Scanner]) -> list[tuple[int, Finding]]:
    """The findings on rows in memory, with each row's number, in order: what `stress` and `tune` need."""
    found: list[tuple[int, Finding]] = []
    size = 500
    batches = [(first, RowBatch(rows[first : first + size])) for first in range(0, len(rows), size)]
    for first, batch in batches:
        for scanner in scanners:
            found += [(first + f.row, f) for f in scanner.scan(batch)]
            sketch = scanner.sketch(batch)
            if sketch is not None:
                numbers = range(first, first + len(batch.rows))
                found += [(first + f.row, f) for f in scanner.gather(sketch, numbers)]
    for first, batch in batches:
        found += [(first + f.row, f) for s in scanners if s.revisits for f in s.revisit(batch)]
    return sorted(found, key=lambda pair: (pair[0], pair[1].scanner, pair[1].label))


def findings_in(folder: Path) -> Iterator[dict[str, Any]]:
    """The findings of a scan's folder, one by one, in the order of the rows."""
    path = folder / "findings.jsonl"
    if path.stat().st_size < SMALL:
        yield from read_jsonl(path)
        return
    with open(path, "rb") as file:
        for line in file:
            yield json.loads(line)
