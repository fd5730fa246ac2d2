"""One file to records with their lines, whatever its format: one reader for training and for scanning.

    for chunk in file_chunks(Path("train.jsonl.gz")):
        for line, record, fault in parse(chunk): ...        # a fault is an item, and reading goes on

Containers are told apart by content: JSON lines, a JSON array, an object with a list of rows in it, JSON values one
after another, CSV and TSV, parquet, arrow, gzip around any of them. Only JSON lines are left unparsed, so that other
processes can do it; memory does not grow with the file.
"""

from __future__ import annotations

import codecs
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from holdfast.core.errors import DataError
from holdfast.data.blocks import READ_ERRORS, Ambiguous, Fault, Inflated, Item, Unread, blocks
from holdfast.data.formats import QUESTION, TEXT, kind_of
from holdfast.data.json_stream import JsonReader, Survey, loads
from holdfast.data.tables import arrow_items, csv_items, delimiter_of, parquet_items

CHUNK_ROWS, CHUNK_BYTES = 2000, 1 << 20
HEAD = 1 << 16
NO_KIND = "neither JSON, JSON lines, CSV, parquet nor arrow"
# What other files begin with, so that the message can name them.
MAGIC = {
    b"PK\x03\x04": "a zip archive: unpack it", b"BZh": "bzip2: unpack it", b"\xfd7zXZ": "xz: unpack it",
    b"\x28\xb5\x2f\xfd": "zstandard: unpack it", codecs.BOM_UTF16_LE: "UTF-16: save it as UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16: save it as UTF-8", b"SQLite": "a database: export it as JSON lines",
}  # fmt: skip
Record = tuple[int, dict[str, Any]]  # line in the file (from 1), the raw record
# Columns of one row that are lists of objects.
OWN_LISTS = {"messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns", "prompt", "completion",
             "response", "chosen", "rejected", "tools", "functions", "history"}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """How a file was read: its container, the list or split that was taken, and what was left aside."""

    file: str
    container: str
    taken: str = ""
    left: tuple[str, ...] = ()

    def told(self) -> str:
        """In one sentence."""
        aside = f"; left aside: {', '.join(self.left[:12])}" if self.left else ""
        more = f" and {len(self.left) - 12} more" if len(self.left) > 12 else ""
        return f"{self.file}: {self.container}{f', {self.taken}' if self.taken else ''}{aside}{more}"


@dataclass(frozen=True)
class Chunk:
    """A piece of a file: lines as bytes, or records; `done` is how far into the file it reaches, in bytes.

    The first chunk of a file holds its `reading`.
    """

    file: str
    line: int  # of the first of `lines`
    lines: bytes = b""
    items: list[Item] = field(default_factory=list)
    done: int = 0
    reading: Reading | None = None


# ---- chunks of records ----------------------------------------------------------------------------------------------


def _lines(file: str, stream: Any) -> Iterator[Chunk]:
    """JSON lines, unparsed."""
    for block in blocks(stream):
        if block.fault:
            yield Chunk(file, block.line, items=[(block.line, None, block.fault)], done=stream.tell())
        else:
            data = block.data.removeprefix(codecs.BOM_UTF8) if block.line == 1 else block.data
            yield Chunk(file, block.line, data, done=stream.tell())


def gathered(file: str, items: Iterator[Item], stream: Any = None) -> Iterator[Chunk]:
    """Records in chunks."""
    held: list[Item] = []
    size = 0
    for item in items:
        held.append(item)
        size += sum(len(v) for v in item[1].values() if isinstance(v, (str, list))) if item[1] else 64
        if len(held) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield Chunk(file, held[0][0], items=held, done=stream.tell() if stream else 0)
            held, size = [], 0
    if held:
        yield Chunk(file, held[0][0], items=held, done=stream.tell() if stream else 0)


def parse(chunk: Chunk) -> Iterator[Item]:
    """The records of a chunk, with their lines and faults."""
    yield from chunk.items
    if not chunk.lines:
        return
    try:
        lines: list[Any] = chunk.lines.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        lines = chunk.lines.split(b"\n")
    for number, line in enumerate(lines, chunk.line):
        if not line or line.isspace():
            continue
        try:
            record, why = loads(line if isinstance(line, str) else line.decode("utf-8"))
        except UnicodeDecodeError as error:
            record, why = None, f"not UTF-8 (byte {error.start} of the line)"
        yield number, record, Fault(why) if why else ""


# ---- one file -------------------------------------------------------------------------------------------------------


class OpenFile:
    """A file whose format is to be recognised: its head, and a stream over its content that can be begun anew."""

    def __init__(self, path: Path, raw: IO[bytes], split: str | None) -> None:
        self.path, self.raw, self.split = path, raw, split
        self.packed = raw.read(2) == b"\x1f\x8b"
        self.head = self.start().read(HEAD)

    def start(self) -> Any:
        self.raw.seek(0)
        return Inflated(self.raw) if self.packed else self.raw

    def reading(self, container: str, taken: str = "", left: tuple[str, ...] = ()) -> Reading:
        packed = ", gzipped" if self.packed else ""
        return Reading(str(self.path), container + packed, taken, left)

    def chunks(self, reading: Reading, items: Callable[[Any], Iterator[Item]]) -> Iterator[Chunk]:
        stream = self.start()
        return begun(reading, gathered(reading.file, items(stream), stream))

    def lines(self) -> Iterator[Chunk]:
        return begun(self.reading("JSON lines"), _lines(str(self.path), self.start()))

    def fault(self, why: str) -> Iterator[Chunk]:
        yield Chunk(str(self.path), 1, items=[(1, None, Unread(why))], reading=self.reading(why))


def begun(reading: Reading, pieces: Iterator[Chunk]) -> Iterator[Chunk]:
    """The chunks of a file, the first of which says how it is read."""
    first = next(pieces, Chunk(reading.file, 1))
    yield replace(first, reading=reading)
    yield from pieces


def file_chunks(path: Path, split: str | None = None) -> Iterator[Chunk]:
    """The chunks of one file. Raises DataError only when it cannot be opened."""
    try:
        with path.open("rb") as raw:
            try:
                opened = OpenFile(path, raw, split)
            except READ_ERRORS as error:
                why = Unread(f"a broken gzip file: {error}")
                yield Chunk(str(path), 1, items=[(1, None, why)], reading=Reading(str(path), why))
                return
            yield from _told_apart(opened)
    except OSError as error:
        raise DataError(f"cannot read `{path}`: {error.strerror or error}", "check the path and its rights") from error


def _told_apart(opened: OpenFile) -> Iterator[Chunk]:
    head, suffix = opened.head, opened.path.suffix.lower()
    if head[:4] == b"PAR1":
        return _binary(opened, "parquet", parquet_items)
    # An arrow stream begins with a mark of four bytes that are no text.
    if head[:6] == b"ARROW1" or head[:4] == b"\xff\xff\xff\xff" or (suffix == ".arrow" and head[:1] not in b"{["):
        return _binary(opened, "arrow", arrow_items)
    magic = next((said for mark, said in MAGIC.items() if head.startswith(mark)), None)
    text = head.decode("utf-8-sig", "replace").lstrip()
    if magic:
        return opened.fault(f"{NO_KIND} ({magic})")
    if not text:
        return opened.fault("an empty file")
    if text[0] == "[":
        return opened.chunks(opened.reading("a JSON array"), lambda stream: JsonReader(stream).values())
    if text[0] == "{":
        return _objects(opened, text)
    begins = text.split("\n", 2)
    if len(begins) > 1 and loads(begins[1])[0] is not None:
        return opened.lines()  # JSON lines whose first is broken
    delimited = begins[0].count(delimiter_of(begins[0])) > 0
    if b"\x00" not in head[:512] and (delimited or suffix in (".csv", ".tsv")):
        what = "TSV" if delimiter_of(begins[0]) == "\t" else "CSV"
        return opened.chunks(opened.reading(what), csv_items)
    return opened.lines() if "\n{" in text else opened.fault(NO_KIND)


def _binary(opened: OpenFile, what: str, items: Callable[[Any], Iterator[Item]]) -> Iterator[Chunk]:
    """A table that is read from several places, unpacked into a temporary file where it is gzipped."""
    reading = opened.reading(what)
    if not opened.packed:
        # A file of this machine is opened by its path; what stands for an address is no path, but a stream is open.
        source = opened.path if isinstance(opened.path, Path) else opened.start()
        yield from begun(reading, gathered(reading.file, items(source)))
        return
    with tempfile.TemporaryFile() as plain:
        try:
            shutil.copyfileobj(opened.start(), plain)
        except READ_ERRORS as error:
            fault = Unread(f"a broken gzip file: {error}")
            yield Chunk(reading.file, 1, items=[(1, None, fault)], reading=reading)
            return
        plain.seek(0)
        yield from begun(reading, gathered(reading.file, items(plain)))


# ---- JSON that begins with an object --------------------------------------------------------------------------------


def _objects(opened: OpenFile, text: str) -> Iterator[Chunk]:
    """JSON lines, one object, an object with a list of rows, or objects one after another."""
    first, newline, rest = text.partition("\n")
    if newline and rest.strip() and loads(first)[0] is not None:
        return opened.lines()
    reader = JsonReader(opened.start())
    for name, (_, record, _) in reader.members():
        found = reader.survey.lists.get(name)
        if found:
            found.elements += 1
            found.objects += record is not None
            found.rows += record is not None and found.rows == 0 and _is_row_of_list(record)
    survey = reader.survey
    named = any(end in (".jsonl", ".ndjson") for end in opened.path.suffixes)
    if survey.lines or (survey.torn and (named or _has_lines(text))):
        return opened.lines()
    if not survey.torn and not survey.alone:
        return opened.chunks(opened.reading("JSON objects one after another"), lambda s: JsonReader(s).values())
    lists = _candidates(survey)
    if not lists:
        return opened.chunks(opened.reading("one JSON object"), lambda s: JsonReader(s).values())
    return _listed(opened, survey, lists)


def _is_row_of_list(record: dict[str, Any]) -> bool:
    """Whether an element of a list is a whole row, not a turn or a document that belongs to one."""
    if any(key in record for key in ("role", "from", "speaker")):
        return False
    return kind_of(record) not in (None, TEXT, QUESTION)


def _has_lines(text: str) -> bool:
    """Whether a file whose first object is broken goes on with JSON lines."""
    return any(loads(line)[0] is not None for line in text.split("\n")[1:50] if line[:1] == "{")


def _candidates(survey: Survey) -> list[str]:
    """The names of the lists that may be the rows; none when the object is a row itself."""
    lists = survey.of_objects()
    if kind_of(survey.columns) is None or survey.twice:
        return list(lists)
    # A row may have other lists of objects beside its own; a list of rows inside a row is two readings of one file.
    rows = [name for name, found in lists.items() if found.rows]
    return [name for name in lists if name in OWN_LISTS or name in rows] if rows else []


def _listed(opened: OpenFile, survey: Survey, lists: list[str]) -> Iterator[Chunk]:
    """The rows of the one list in an object, of the one that was asked for, or of all of them with a fault."""
    split = opened.split
    asked = [name for name in lists if split and split in (name, name.rsplit(".", 1)[-1])]
    chosen = asked if len(asked) == 1 else lists
    others = [f"`{name}`" for name in (*survey.columns, *survey.lists) if not _in(name, chosen)]
    taken = " and ".join(f"`{name}`" for name in chosen)
    reading = opened.reading("a JSON object", f"the list {taken}", tuple(dict.fromkeys(others)))
    fault: Fault | None = None
    if survey.twice:
        fault = Ambiguous(f"the key `{survey.twice[:60]}` stands twice in an object")
    elif len(chosen) > 1:
        counts = ", ".join(f"`{name[:60]}` ({survey.lists[name].elements})" for name in chosen[:8])
        fault = Ambiguous(
            f"{len(chosen)} lists of objects in one file, {counts}: which of them are the rows is not said"
        )
        fault.hint = "name one with --data-split NAME, or write each to a file of its own"
    line = survey.lists[chosen[-1]].line

    def items(stream: Any) -> Iterator[Item]:
        if fault:
            yield line, None, fault
        for name, item in JsonReader(stream).members():
            if name in chosen or not name:
                yield item

    return opened.chunks(reading, items)


def _in(name: str, chosen: list[str]) -> bool:
    """Whether a list is among the chosen ones, or holds one of them."""
    return any(one == name or one.startswith(f"{name}.") for one in chosen)
