"""Files, folders and hub ids to records, strictly for training and leniently for scanning, by the one reader of files.

for chunk in chunks("train.jsonl.gz"):                      # lenient: a fault is an item, and reading goes on
    for line, record, fault in parse(chunk): ...
for line, record in read_records("train.jsonl.gz"): ...     # strict: the same items; the first fault is raised
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast import __version__
from holdfast.core.errors import DataError
from holdfast.core.records import digest
from holdfast.data.blocks import first_line
from holdfast.data.containers import Chunk, Reading, Record, begun, file_chunks, gathered, parse
from holdfast.data.folders import files_of
from holdfast.data.formats import hint_of


@dataclass(frozen=True)
class Part:
    """A piece of a dataset that can be read by itself: a file, a dataset of the hub, or how a folder was read."""

    name: str
    split: str | None = None
    path: Path | None = None
    reading: Reading | None = None

    def chunks(self) -> Iterator[Chunk]:
        """Its chunks in order. Raises DataError when it cannot be opened."""
        if self.reading:
            yield Chunk(self.name, 1, reading=self.reading)
        elif self.path:
            yield from file_chunks(self.path, self.split)
        else:
            yield from _hub(self.name, str(self.split))


def parts(source: str, split: str | None = None) -> list[Part]:
    """The pieces of a file, a folder or a hub id, in order. Raises DataError where there is none of that name."""
    files = files_of(source, split)
    if files.of_hub:
        return [Part(source, files.split)]
    found = [Part(source, split, path) for path in files.paths]
    if files.split or files.left:
        taken = f"the split `{files.split}`, " if files.split else ""
        number = f"{len(files.paths)} file{'s' * (len(files.paths) > 1)}"
        reading = Reading(source, "a folder", f"{taken}{number}", tuple(files.left))
        found.insert(0, Part(source, reading=reading))
    return found


def chunks(source: str, split: str | None = None) -> Iterator[Chunk]:
    """The chunks of a file, a folder or a hub id, in order. Raises DataError when it cannot be opened."""
    for part in parts(source, split):
        yield from part.chunks()


def _hub(name: str, split: str) -> Iterator[Chunk]:
    import datasets

    try:
        data = datasets.load_dataset(name, split=split)
    except Exception as error:  # the library raises many kinds; all of them mean that there is no such data
        raise DataError(
            f"cannot load the dataset `{name}` (split `{split}`): {first_line(error)}",
            "check the id, the split (--data-split) and the network, or name a local file",
        ) from error
    others = tuple(f"the split `{other}`" for other in data.info.splits or () if other != split)
    reading = Reading(name, "a dataset of the hub", f"the split `{split}`", others)
    records = ((number, dict(record), "") for number, record in enumerate(data, 1))
    yield from begun(reading, gathered(name, records))


class Source:
    """The chunks of all named datasets, with how far they are read."""

    def __init__(self, names: Sequence[str], split: str | None = None) -> None:
        self.names, self.split = names, split
        self.paths = [path for name in names for path in files_of(name, split).paths]
        self.sizes = {str(path): path.stat().st_size for path in self.paths}

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    def fingerprint(self) -> str:
        stamps = [(str(p), s.st_size, s.st_mtime_ns) for p in self.paths for s in [p.stat()]]
        return digest({"files": stamps, "names": list(self.names), "split": self.split, "version": __version__})

    def parts(self) -> list[Part]:
        """Its pieces, in the order in which they are read."""
        return [part for name in self.names for part in parts(name, self.split)]

    def chunks(self) -> Iterator[Chunk]:
        for name in self.names:
            yield from chunks(name, self.split)


def fault_at(file: str, line: int, what: str, hint: str = "") -> DataError:
    """The error of a strict reading, with file and line."""
    return DataError(f"{file} line {line}: {what}", hint or hint_of(what))


def strict(pieces: Iterator[Chunk], show: Callable[[Reading], None] | None = None) -> Iterator[tuple[str, Record]]:
    """Every record with its file; the first fault is raised. `show` is told how each file was read."""
    for chunk in pieces:
        if chunk.reading and show:
            show(chunk.reading)
        for line, record, fault in parse(chunk):
            if record is None:
                raise fault_at(chunk.file, line, fault, getattr(fault, "hint", ""))
            yield chunk.file, (line, record)


def read_records(source: str, split: str | None = None) -> Iterator[Record]:
    """The raw records of a file, a folder or a hub id. Raises DataError with file and line for the first fault."""
    return (record for _, record in strict(chunks(source, split)))
