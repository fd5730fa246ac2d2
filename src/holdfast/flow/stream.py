"""Datasets in chunks, in constant memory, with every fault on its own line: how untrusted files of any size are read.

    for chunk in chunks("train.jsonl.gz"):
        for line, record, fault in parse(chunk): ...

Nothing in a file raises: a line that cannot be read comes out as a fault with its number, and reading goes on. Containers
are those of `flow.data`, told apart by content: JSON lines, a JSON array, CSV and TSV, parquet, gzip around any of the
first three, a `save_to_disk` folder, a folder of such files, a hub id. Only JSON lines are left unparsed, so that other
processes can do it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any

from holdfast.core.errors import DataError
from holdfast.core.records import Message, Row
from holdfast.flow.data import HUB_ID, flat, read_records, sniff, to_messages

BLOCK = 1 << 20  # bytes read at once
LONGEST_LINE = 8 << 20  # bytes; a longer line is a fault, and is skipped without being held
LONGEST_FIELD = 1 << 20  # characters of a CSV field: what a quote that never closes may swallow
CHUNK_ROWS, CHUNK_BYTES = 2000, 1 << 20
BOMB_RATIO, BOMB_BYTES = 200, 256 << 20  # a gzip file that grows more than this, once past so many bytes
ARRAY_FAULTS = 1000  # broken elements after which the rest of a JSON array is given up
SUFFIXES = {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".gz"}

Item = tuple[int, dict[str, Any] | None, str]  # line from 1, the record or None, what is wrong with it


@dataclass(frozen=True)
class Chunk:
    """A piece of a file: lines as bytes, or records; `done` is how far into the file it reaches, in bytes."""

    file: str
    line: int  # of the first of `lines`
    lines: bytes = b""
    items: list[Item] = field(default_factory=list)
    done: int = 0


# ---- bytes ----------------------------------------------------------------------------------------------------------


class Inflated:
    """A gzip stream that stops with a fault, in place of filling the disk or the night, when it is a bomb."""

    def __init__(self, raw: IO[bytes]) -> None:
        self.raw, self.file, self.given = raw, gzip.GzipFile(fileobj=raw), 0

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.given += len(data)
        if self.given > BOMB_BYTES and self.given > BOMB_RATIO * max(self.raw.tell(), 1):
            raise OSError(f"it expands more than {BOMB_RATIO} times, as decompression bombs do; the rest was not read")
        return data

    def tell(self) -> int:
        return self.raw.tell()


@dataclass(frozen=True)
class Block:
    """Whole lines, or the number of a line that cannot be held, or a fault that ends the file."""

    line: int
    data: bytes = b""
    fault: str = ""


def blocks(stream: Any) -> Iterator[Block]:
    """Whole lines in blocks of about BLOCK bytes; never more than a block and the longest line in memory."""
    line, held, skipping = 1, b"", False
    while True:
        try:
            data = stream.read(BLOCK)
        except (OSError, EOFError, zlib.error) as error:
            if held and not skipping:
                yield Block(line, held)
                line += held.count(b"\n") + 1
            yield Block(line, fault=f"cannot be read further: {error}")
            return
        if skipping:
            end = data.find(b"\n")
            if data and end < 0:
                continue
            yield Block(line, fault=f"longer than {LONGEST_LINE >> 20} MiB")
            line, data, skipping = line + 1, data[end + 1 :], False
            if end < 0:
                return
        if not data:
            break
        cut = data.rfind(b"\n") + 1
        if cut:
            whole, held = held + data[:cut], data[cut:]
            yield Block(line, whole)
            line += whole.count(b"\n")
        else:
            held += data
        if len(held) > LONGEST_LINE:
            held, skipping = b"", True
    if held:
        yield Block(line, held)


# ---- containers -----------------------------------------------------------------------------------------------------


def _lines(file: str, stream: Any) -> Iterator[Chunk]:
    """JSON lines, unparsed."""
    for block in blocks(stream):
        if block.fault:
            yield Chunk(file, block.line, items=[(block.line, None, block.fault)], done=stream.tell())
        else:
            data = block.data.removeprefix(codecs.BOM_UTF8) if block.line == 1 else block.data
            yield Chunk(file, block.line, data, done=stream.tell())


def _gathered(file: str, items: Iterator[Item], stream: Any = None) -> Iterator[Chunk]:
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


class ArrayReader:
    """The elements of a JSON array, one by one, from a window that holds little more than one of them."""

    gap = re.compile(r"[\s,]*")
    # Where the next element may begin after a broken one: an object after a comma, or on a line of its own.
    next = re.compile(r"(?:\}\s{0,64},|\n)\s{0,64}(?=\{)")
    escaped = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as surrogateescape leaves them

    def __init__(self, stream: Any) -> None:
        self.stream, self.decoder = stream, codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self.json = json.JSONDecoder()
        self.window, self.at, self.line, self.ended = "", 0, 1, False
        self.broken = ""  # why the file cannot be read further
        self.faults = self.wasted = 0

    def more(self, size: int = BLOCK) -> bool:
        """Read on, dropping what was used; False at the end."""
        if self.ended:
            return False
        self.move(self.at)
        self.window, self.at = self.window[self.at :], 0
        try:
            data = self.stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            data, self.broken = b"", f"cannot be read further: {error}"
        self.ended = not data
        self.window += self.decoder.decode(data, self.ended)
        return not self.ended

    def move(self, to: int) -> None:
        """Go to a place in the window, counting lines; always forward."""
        self.line += self.window.count("\n", self.at, to)
        self.at = to

    def items(self) -> Iterator[Item]:
        self.more()
        start = self.window.find("[")
        self.move(start + 1)
        while self.skip_gap():
            if self.window[self.at] == "]":
                return
            item = self.element()
            if item:
                yield item
            if self.faults > ARRAY_FAULTS or self.wasted > 8 * LONGEST_LINE:
                yield self.line, None, f"after {self.faults} broken elements the rest of the file was not read"
                return
        yield self.line, None, self.broken or "the array is cut off: no `]` at its end"

    def skip_gap(self) -> bool:
        """Stand on the next element; False when there is none."""
        while True:
            self.move(self.gap.match(self.window, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self.window):
                return True
            if not self.more():
                return False

    def element(self) -> Item | None:
        """The element here, or its fault; the window grows until it is whole or too long."""
        size = BLOCK
        while True:
            try:
                value, end = self.json.raw_decode(self.window, self.at)
            except RecursionError:
                return self.skip("nested too deeply")
            except ValueError as error:
                message, place = str(getattr(error, "msg", error)), getattr(error, "pos", len(self.window))
                open_end = message.startswith("Unterminated string") or place >= len(self.window) - 16
                if open_end and len(self.window) - self.at < LONGEST_LINE and self.more(size):
                    size *= 2  # doubling keeps the repeated attempts linear in the element's length
                    continue
                self.wasted += min(place - self.at, LONGEST_LINE) if not open_end else len(self.window) - self.at
                if self.ended and open_end and not self.next.search(self.window, self.at + 1):
                    self.move(len(self.window))
                    return None  # the cut-off end, told once by `items`
                return self.skip(f"not JSON ({message})")
            line, text_from = self.line, self.at
            self.move(end)
            if not isinstance(value, dict):
                return line, None, f"a JSON {type(value).__name__}, not an object with columns"
            if self.escaped.search(self.window, text_from, end):
                return line, None, "not UTF-8"
            return line, value, ""

    def skip(self, why: str) -> Item:
        """Report a broken element and stand where the next may begin."""
        line, self.faults = self.line, self.faults + 1
        while True:
            found = self.next.search(self.window, self.at + 1)
            if found:
                self.move(found.end())
                return line, None, why
            self.move(max(self.at, len(self.window) - 160))  # a boundary may lie across two blocks
            if not self.more():
                self.move(len(self.window))
                return line, None, why


def _csv_lines(stream: Any, faults: list[Item]) -> Iterator[str]:
    for block in blocks(stream):
        if block.fault:
            faults.append((block.line, None, block.fault))
            yield "\n"  # keeps the reader's count of lines
            continue
        text = block.data.decode("utf-8-sig" if block.line == 1 else "utf-8", "surrogateescape")
        yield from (
            text.splitlines(keepends=True)
            if "\r" in text and "\n" not in text
            else (part + "\n" for part in text.removesuffix("\n").split("\n"))
        )


def _csv(stream: Any) -> Iterator[Item]:
    """Rows of a table whose every line must have as many fields as its header."""
    faults: list[Item] = []
    lines = _csv_lines(stream, faults)
    first = next(lines, "")
    delimiter = max(",\t;|", key=first.count)
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(chain([first], lines), delimiter=delimiter)
    header: list[str] | None = None
    line = 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield line, None, f"not CSV ({error})"
            line = reader.line_num + 1
            continue
        yield from faults
        faults.clear()
        begin, line = line, reader.line_num + 1
        if header is None:
            header = fields
        elif not fields:
            continue
        elif len(fields) != len(header):
            yield begin, None, f"{len(fields)} fields, and the header has {len(header)} (delimiter {delimiter!r})"
        elif any(ArrayReader.escaped.search(value) for value in fields):
            yield begin, None, "not UTF-8"
        else:
            yield begin, dict(zip(header, fields, strict=True)), ""
    yield from faults


def _parquet(path: Path) -> Iterator[Item]:
    import pyarrow
    from pyarrow import parquet

    number = 1
    try:
        file = parquet.ParquetFile(path)
        rows = max(file.metadata.num_rows, 1)
        size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)) / rows
        for batch in file.iter_batches(batch_size=max(1, min(1024, int((32 << 20) / max(size, 1))))):
            for place in range(batch.num_rows):
                yield number, batch.slice(place, 1).to_pylist()[0], ""
                number += 1
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        yield number, None, f"a broken parquet file: {_first_line(error)}"


def _arrow(paths: list[Path]) -> Iterator[Item]:
    import pyarrow

    number = 1
    for path in paths:
        try:
            with pyarrow.memory_map(str(path)) as source, pyarrow.ipc.open_stream(source) as reader:
                for batch in reader:
                    for record in batch.to_pylist():
                        yield number, record, ""
                        number += 1
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            yield number, None, f"a broken arrow file: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]


# ---- what a file is -------------------------------------------------------------------------------------------------

_ARRAY_INSIDE = re.compile(rb'\s*\{\s*"(?:data|train|rows)"\s*:\s*\[')


def _is_table(head: str) -> bool:
    first = head.split("\n", 1)[0]
    return bool(first.strip()) and max(first.count(mark) for mark in ",\t;|") > 0


def _one_object(stream: Any, head: bytes) -> Iterator[Item] | None:
    """The single object that a small file is, when its first line alone is none."""
    if b"\n" not in head.strip():
        return None
    second = head.strip().split(b"\n", 1)[1].lstrip(b" \t\r\n")
    if second[:1] == b"{":
        return None
    data = stream.read(LONGEST_LINE)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return iter([(1, value, "")]) if isinstance(value, dict) else None


def file_chunks(path: Path) -> Iterator[Chunk]:
    """The chunks of one file. Raises DataError only when it cannot be opened."""
    try:
        with open(path, "rb") as raw:
            yield from _opened(path, raw)
    except OSError as error:
        raise DataError(f"cannot read `{path}`: {error.strerror or error}", "check the path and its rights") from error


def _opened(path: Path, raw: IO[bytes]) -> Iterator[Chunk]:
    name, magic = str(path), raw.read(6)
    if magic[:4] == b"PAR1":
        yield from _gathered(name, _parquet(path))
        return
    if magic == b"ARROW1" or path.suffix == ".arrow":
        yield from _gathered(name, _arrow([path]))
        return

    def start() -> Any:
        raw.seek(0)
        return Inflated(raw) if magic[:2] == b"\x1f\x8b" else raw

    try:
        head = start().read(1 << 16)
    except (OSError, EOFError, zlib.error) as error:
        yield Chunk(name, 1, items=[(1, None, f"a broken gzip file: {error}")])
        return
    text = head.decode("utf-8-sig", "replace").lstrip()
    stream = start()
    if text[:1] == "[" or _ARRAY_INSIDE.match(head.removeprefix(codecs.BOM_UTF8)):
        yield from _gathered(name, ArrayReader(stream).items(), stream)
    elif text[:1] == "{":
        single = _one_object(stream, head)
        yield from _gathered(name, single, stream) if single else _lines(name, start())
    elif not head.strip():
        yield Chunk(name, 1, items=[(1, None, "an empty file")])
    elif b"\x00" not in head[:512] and (_is_table(text) or path.suffix.lower() in (".csv", ".tsv")):
        yield from _gathered(name, _csv(stream), stream)
    elif b"\n{" in head:
        yield from _lines(name, stream)  # JSON lines whose first is broken
    else:
        yield Chunk(name, 1, items=[(1, None, "neither JSON, JSON lines, CSV nor parquet")])


def files_of(source: str, split: str = "train") -> list[Path]:
    """The files that a path stands for: itself, the data files in a folder, or those of a `save_to_disk` folder.

    Empty for a hub id. Raises DataError when there is nothing of that name.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        if (path / "dataset_dict.json").exists():
            if not (path / split).is_dir():
                raise DataError(f"`{path}` has no split `{split}`", "name another with --data-split")
            path = path / split
        if (path / "state.json").exists():
            return sorted(path.glob("*.arrow"))
        found = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() in SUFFIXES and p.name[0] != ".")
        if found:
            return found
        raise DataError(f"`{path}` holds no data files", f"it should hold some of: {', '.join(sorted(SUFFIXES))}")
    if HUB_ID.match(source) and not path.suffix:
        return []
    raise DataError(f"there is no file or folder `{source}`", "check the path")


def chunks(source: str, split: str = "train") -> Iterator[Chunk]:
    """The chunks of a file, a folder or a hub id, in order. Raises DataError when it cannot be opened."""
    for path in (files := files_of(source, split)):
        yield from file_chunks(path)
    if not files:
        yield from _gathered(source, ((line, record, "") for line, record in read_records(source, split)))


# ---- rows -----------------------------------------------------------------------------------------------------------


def parse(chunk: Chunk) -> Iterator[Item]:
    """The records of a chunk, with their lines and faults."""
    yield from chunk.items
    if not chunk.lines:
        return
    try:
        lines: list[Any] = chunk.lines.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        lines = chunk.lines.split(b"\n")
    loads = json.loads
    for number, line in enumerate(lines, chunk.line):
        if not line or line.isspace():
            continue
        try:
            value = loads(line if isinstance(line, str) else line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield number, None, f"not UTF-8 (byte {error.start} of the line)"
        except (ValueError, RecursionError) as error:
            yield number, None, f"not JSON ({getattr(error, 'msg', 'nested too deeply')})"
        else:
            if isinstance(value, dict):
                yield number, value, ""
            else:
                yield number, None, f"a JSON {type(value).__name__}, not an object with columns"


# Columns that hold a question without an answer: such a row is read, and the scanner `shape` says what it lacks.
QUESTIONS = ("prompt", "question", "instruction", "forbidden_prompt", "prompts_final", "query", "input", "turns")


def _question(record: dict[str, Any]) -> list[Message] | None:
    for name in QUESTIONS:
        value = record.get(name)
        if isinstance(value, str) and value:
            return [{"role": "user", "content": value}]
        if isinstance(value, list) and value:
            turns = value if isinstance(value[0], str) else [value]
            return [{"role": "user", "content": flat(turn)} for turn in turns]
    return None


def _preference(record: dict[str, Any]) -> list[Message]:
    """The chosen side of a preference pair, after its prompt."""
    chosen, prompt = record["chosen"], record.get("prompt")
    if isinstance(chosen, list):
        return to_messages({"messages": chosen}, "messages")
    before = [{"role": "user", "content": flat(prompt)}] if prompt else []
    return [*before, {"role": "assistant", "content": flat(chosen)}]


def to_scan_row(record: dict[str, Any], file: str, line: int) -> Row | str:
    """A record as a row, whether or not it can be trained on; or what is wrong with it."""
    meta: dict[str, Any] = {"file": file, "line": line}
    try:
        if "chosen" in record and "rejected" in record:
            rejected = record["rejected"]
            meta["rejected"] = flat(
                rejected[-1].get("content") if isinstance(rejected, list) and rejected else rejected
            )
            return Row("", _preference(record), {**meta, "format": "preference"})
        kind = sniff(record)
        if kind is not None:
            messages = to_messages(record, kind)
            return Row("", messages, {**meta, "format": kind}) if messages else f"a `{kind}` row without a turn"
        asked = _question(record)
        if asked:
            return Row("", asked, {**meta, "format": "question"})
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"a broken row: {type(error).__name__} {_first_line(error)[:80]}"
    return f"unknown format with the columns {', '.join(str(key)[:40] for key in list(record)[:8]) or '(none)'}"
