"""Records of tables: CSV and TSV, parquet, arrow. A row with too few cells is read with empty ones in their place."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from holdfast.data.blocks import Ambiguous, Fault, Item, Unread, blocks, first_line
from holdfast.data.json_stream import ESCAPED

LONGEST_FIELD = 1 << 20  # characters of a CSV field: what a quote that never closes may swallow
DELIMITERS, ONE_COLUMN = ",\t;|", "\x1f"


class _Lines:
    """The lines of a stream as text, which can be given back: those that an open quote has swallowed."""

    def __init__(self, stream: Any) -> None:
        self.source = self._read(stream)
        self.back: deque[str] = deque()
        self.taken: list[str] = []  # since the last row that was whole
        self.faults: list[Item] = []

    def _read(self, stream: Any) -> Iterator[str]:
        for block in blocks(stream):
            if block.fault:
                self.faults.append((block.line, None, block.fault))
                yield "\n"  # keeps the count of lines
                continue
            text = block.data.decode("utf-8-sig" if block.line == 1 else "utf-8", "surrogateescape")
            if "\r" in text and "\n" not in text:
                yield from text.splitlines(keepends=True)
            else:
                yield from (part + "\n" for part in text.removesuffix("\n").split("\n"))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.back.popleft() if self.back else next(self.source)
        self.taken.append(line)
        return line

    def give_back(self) -> int:
        """Give back all taken lines but the first; how many lines are used up by that."""
        self.back.extendleft(reversed(self.taken[1:]))
        used, self.taken = min(len(self.taken), 1), []
        return used


def delimiter_of(line: str) -> str:
    """The commonest delimiter of a header, outside its quotes; one that no text holds for a table of one column."""
    bare = "".join(line.split('"')[::2])
    found = max(DELIMITERS, key=bare.count)
    return found if found in bare else ONE_COLUMN


def _names(header: list[str]) -> tuple[list[str], str]:
    """The names of the columns, those without one by their place; and what is wrong with them."""
    names = [name.strip() or f"column {i}" for i, name in enumerate(header, 1)]
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    return names, f"the header names the column `{twice[:60]}` twice" if twice else ""


def csv_items(stream: Any) -> Iterator[Item]:
    """The rows of a table with a header. A row may have fewer cells than the header, or more that are empty."""
    lines = _Lines(stream)
    first = next(lines, "")
    lines.back.append(first)
    lines.taken = []
    delimiter = delimiter_of(first)
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    line = 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield line, None, Fault(f"not CSV ({error}): is a quote not closed, or not doubled?")
            line += lines.give_back()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            if names is None:
                names = []  # rows under no header are faults, each
            continue
        begin, line, lines.taken = line, line + len(lines.taken), []
        yield from lines.faults
        lines.faults.clear()
        if names is None:
            names, why = _names(fields)
            if why:
                yield begin, None, Ambiguous(why)
        elif any(fields):
            yield _record(begin, names, fields, delimiter)
    yield from lines.faults


def _record(line: int, names: list[str], fields: list[str], delimiter: str) -> Item:
    if len(fields) > len(names) and any(fields[len(names) :]):
        why = f"{len(fields)} fields, and the header has {len(names)} (delimiter {delimiter!r})"
        return line, None, Fault(why)
    if any(ESCAPED.search(value) for value in fields):
        return line, None, Fault("not UTF-8")
    return line, dict.fromkeys(names, "") | dict(zip(names, fields, strict=False)), ""


def _place(batch: Any, place: int) -> tuple[dict[str, Any] | None, str]:
    try:
        found: dict[str, Any] = batch.slice(place, 1).to_pylist(maps_as_pydicts="lossy")[0]
    except UnicodeDecodeError:
        return None, Fault("not UTF-8")
    return found, ""


def parquet_items(source: Path | IO[bytes]) -> Iterator[Item]:
    """The rows of a parquet file, numbered from 1."""
    import pyarrow
    from pyarrow import parquet

    number = 1
    try:
        file = parquet.ParquetFile(source)
        names = file.schema_arrow.names
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice:
            yield 1, None, Ambiguous(f"two columns are called `{twice[:60]}`")
            return
        rows = max(file.metadata.num_rows, 1)
        size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)) / rows
        for batch in file.iter_batches(batch_size=max(1, min(1024, int((32 << 20) / max(size, 1))))):
            for place in range(batch.num_rows):
                yield number, *_place(batch, place)
                number += 1
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        yield number, None, Unread(f"a broken parquet file: {first_line(error)}")


def arrow_items(source: Path | IO[bytes]) -> Iterator[Item]:
    """The rows of an arrow file, as a stream (which `save_to_disk` writes) or with a footer (feather)."""
    import pyarrow

    number = 1
    try:
        with (
            pyarrow.memory_map(str(source))
            if isinstance(source, Path)
            else pyarrow.PythonFile(source, mode="r") as file
        ):
            footed = file.read(6) == b"ARROW1"
            file.seek(0)
            if footed:
                reader = pyarrow.ipc.open_file(file)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            else:
                batches = iter(pyarrow.ipc.open_stream(file))
            for batch in batches:
                for place in range(batch.num_rows):
                    yield number, *_place(batch, place)
                    number += 1
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        yield number, None, Unread(f"a broken arrow file: {first_line(error)}")
