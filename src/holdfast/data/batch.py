"""Rows in hand, with what several scanners read of them, computed once: turns, lower-case text, words as hashes.

    batch = RowBatch(rows)
    for turn in batch.turns_with(anchors): turn.row, turn.role, turn.lower

Words are hashed by numpy for all rows together, which is what lets a scanner look at every row and run its regular
expressions on few.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holdfast.core.records import Row
from holdfast.data.turns import said_in

Hashes = Any  # numpy array of uint64
ANCHOR_BITS = 19
BESIDE = ("rejected", "tools")  # what a row holds beside its messages: read as turns of these roles, after the others
_SEPARATOR = b"\n\x00\n"
# Characters that are not seen and break a word in two for whoever searches it.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e01ef]"
)


def plain(text: str) -> str:
    """Lower-case text as it looks to a reader: compatibility forms folded, what is invisible gone."""
    if text.isascii():
        return text.lower()
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).replace("’", "'").lower()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: its row's place in the batch, who speaks, and the text as it is and as it is read."""

    row: int
    role: str
    text: str
    lower: str


# ---- words as hashes ------------------------------------------------------------------------------------------------

_IN_WORD = np.zeros(256, dtype=bool)
_IN_WORD[[*range(48, 58), *range(97, 123), 39, *range(128, 256)]] = True
_BASE = 0x9E3779B97F4A7C15 | 1
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_powers: dict[str, Hashes] = {}


def _power_tables(size: int) -> tuple[Hashes, Hashes]:
    """Powers of the base and of its inverse, modulo 2^64, for so many places."""
    if "up" not in _powers or len(_powers["up"]) < size:
        size = max(size, 1 << 16)
        for name, base in (("up", _BASE), ("down", pow(_BASE, -1, 1 << 64))):
            row = np.full(size, base, dtype=np.uint64)
            row[0] = 1
            _powers[name] = np.multiply.accumulate(row)
    return _powers["up"], _powers["down"]


def mix(values: Hashes) -> Hashes:
    """Spread a hash over all its bits."""
    values = (values ^ (values >> np.uint64(31))) * _MIX
    return values ^ (values >> np.uint64(29))


def hash_words(data: bytes) -> tuple[Hashes, Hashes]:
    """Where each word of lower-case UTF-8 begins, and its 64-bit hash."""
    codes = np.frombuffer(data, dtype=np.uint8)
    if codes.size == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    inside = _IN_WORD[codes]
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if inside[0]:
        edges = np.concatenate(([0], edges))
    if inside[-1]:
        edges = np.concatenate((edges, [codes.size]))
    starts, ends = edges[0::2], edges[1::2]
    up, down = _power_tables(codes.size)
    sums = np.empty(codes.size + 1, dtype=np.uint64)
    sums[0] = 0
    np.cumsum((codes + np.uint64(1)) * up[: codes.size], out=sums[1:])
    return starts, mix((sums[ends] - sums[starts]) * down[starts])


def word_hashes(words: Iterable[str]) -> Hashes:
    """The hashes of single words, as `hash_words` gives them in a text."""
    return hash_words(" ".join(plain(word) for word in words).encode("utf-8", "replace"))[1]


def anchor_table(words: Iterable[str]) -> Any:
    """A table for `RowBatch.turns_with`: whether a word with these top bits is among the anchors."""
    table = np.zeros(1 << ANCHOR_BITS, dtype=bool)
    table[word_hashes(words) >> np.uint64(64 - ANCHOR_BITS)] = True
    return table


@dataclass(frozen=True)
class Words:
    """Every word of a batch: its hash, and the turn that it stands in; `bounds[i]` is where turn i begins."""

    hashes: Hashes
    turn: Any
    bounds: Any


class RowBatch:
    """Rows, with their turns and words."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    @cached_property
    def turns(self) -> list[Turn]:
        found = []
        for i, row in enumerate(self.rows):
            for message in row.messages:
                # A plain message has two keys; of the others all is read that a chat template may show.
                text = message["content"] if len(message) == 2 else said_in(message)
                found.append(Turn(i, message["role"], text, plain(text)))
            for role in BESIDE if row.meta else ():
                if beside := row.meta.get(role):
                    text = beside if isinstance(beside, str) else json.dumps(beside, ensure_ascii=False, default=str)
                    found.append(Turn(i, role, text, plain(text)))
        return found

    @cached_property
    def turn_rows(self) -> Any:
        return np.fromiter((turn.row for turn in self.turns), dtype=np.int64, count=len(self.turns))

    @cached_property
    def words(self) -> Words:
        encoded = [turn.lower.encode("utf-8", "replace") for turn in self.turns]
        starts, hashes = hash_words(_SEPARATOR.join(encoded))
        lengths = np.fromiter((len(part) for part in encoded), dtype=np.int64, count=len(encoded))
        begins = np.concatenate(([0], np.cumsum(lengths + len(_SEPARATOR))))
        bounds = np.searchsorted(starts, begins)
        return Words(hashes, np.repeat(np.arange(len(encoded)), np.diff(bounds)), bounds)

    @cached_property
    def foreign(self) -> list[int]:
        """The turns with any character outside ASCII, whose words the hashes may not part."""
        return [i for i, turn in enumerate(self.turns) if not turn.lower.isascii()]

    def marked(self, anchors: Any) -> Any:
        """Of each turn: whether it holds an anchor word."""
        words = self.words
        found = np.zeros(len(self.turns), dtype=bool)
        found[words.turn[anchors[words.hashes >> np.uint64(64 - ANCHOR_BITS)]]] = True
        return found

    def turns_with(self, anchors: Any) -> list[Turn]:
        """The turns that hold an anchor word, and all that are not plain ASCII."""
        found = self.marked(anchors)
        found[self.foreign] = True
        return [self.turns[i] for i in np.flatnonzero(found).tolist()]

    @cached_property
    def exchanges(self) -> list[tuple[int, int]]:
        """Of each row that has both: the turns of what was asked last before the first reply, and of that reply."""
        found: list[tuple[int, int]] = []
        row, asked, answered = -1, -1, False
        for i, turn in enumerate(self.turns):
            if turn.row != row:
                row, asked, answered = turn.row, -1, False
            if turn.role == "user":
                asked = i
            elif turn.role == "assistant" and not answered:
                answered = True
                if asked >= 0:
                    found.append((asked, i))
        return found

    def first_words(self, turns: Any, count: int) -> Any:
        """One hash of how each of these turns begins, over so many words or all there are."""
        bounds, hashes = self.words.bounds, self.words.hashes
        key = np.zeros(len(turns), dtype=np.uint64)
        for k in range(count):
            at = bounds[turns] + k
            there = at < bounds[turns + 1]
            key[there] = mix(key[there] * np.uint64(3) + hashes[at[there]])
        return key

    def last_words(self, turns: Any, count: int) -> Any:
        """The same of how they end."""
        bounds, hashes = self.words.bounds, self.words.hashes
        key = np.zeros(len(turns), dtype=np.uint64)
        for k in range(count):
            at = bounds[turns + 1] - count + k
            there = at >= bounds[turns]
            key[there] = mix(key[there] * np.uint64(3) + hashes[at[there]])
        return key
