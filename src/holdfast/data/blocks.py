"""Bytes of untrusted files in whole lines and constant memory, gzip undone; and what a fault is.

for block in blocks(Inflated(file)): block.line, block.data, block.fault
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

BLOCK = 1 << 20  # bytes read at once
LONGEST_LINE = 8 << 20  # bytes; a longer line is a fault, and is skipped without being held
BOMB_RATIO, BOMB_BYTES = 200, 256 << 20  # a gzip file that grows more than this, once past so many bytes
READ_ERRORS = (OSError, EOFError, zlib.error)


class Fault(str):
    """What is wrong at a line, in a sentence; `label` is how a scan calls it, `hint` what to do about it."""

    label = "malformed"
    hint = ""


class Ambiguous(Fault):
    """A file that can be read in more than one way, so that another reader may see other rows."""

    label = "ambiguous"


class Unread(Fault):
    """A part of a file that could not be read: what it holds is not known."""

    label = "unread"


Item = tuple[int, dict[str, Any] | None, str]  # line from 1, the record or None, what is wrong with it


@dataclass(frozen=True)
class Block:
    """Whole lines, or the number of a line that cannot be held, or a fault that ends the file."""

    line: int
    data: bytes = b""
    fault: str = field(default="")


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


def blocks(stream: Any) -> Iterator[Block]:
    """Whole lines in blocks of about BLOCK bytes; never more than a block and the longest line in memory."""
    line, held, skipping = 1, b"", False
    while True:
        try:
            data = stream.read(BLOCK)
        except READ_ERRORS as error:
            if held and not skipping:
                yield Block(line, held)
                line += held.count(b"\n") + 1
            yield Block(line, fault=Unread(f"cannot be read further: {error}"))
            return
        if skipping:
            end = data.find(b"\n")
            if data and end < 0:
                continue
            yield Block(line, fault=Unread(f"longer than {LONGEST_LINE >> 20} MiB"))
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


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).strip() or repr(error)).splitlines()[0]
