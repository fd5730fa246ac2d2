"""The twins scanner: rows that are there twice, exactly or nearly, and evaluation prompts that leaked into training.

Near twins by MinHash over the words and word pairs of a row (Broder 1997), found through bands (locality-sensitive
hashing, Indyk and Motwani 1998) and confirmed by the signature's estimate of the Jaccard similarity. Memory does not
grow with the data: the tables hold the last `capacity` rows or so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holdfast.core.batch import Batch
from holdfast.core.contracts import ScanContext
from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.data.batch import mix, word_hashes
from holdfast.data.containers import parse
from holdfast.data.formats import to_row
from holdfast.data.sources import chunks
from holdfast.scanning.engine import OptionScanner
from holdfast.stats.figures import percent

BANDS, BAND_ROWS = 12, 4
HASHES = 64  # of a signature; the bands use the first of them, the estimate of the similarity all
FEWEST_WORDS = 6  # below this two rows are alike by chance
SHINGLE = 5  # words in a piece of an evaluation prompt
_rng = np.random.default_rng(20110)
MULTIPLIERS = _rng.integers(0, 1 << 32, HASHES, dtype=np.uint64).astype(np.uint32) | np.uint32(1)
OFFSETS = _rng.integers(0, 1 << 32, HASHES, dtype=np.uint64).astype(np.uint32)


def bounds_of_rows(batch: Batch) -> Any:
    """Where each row's words begin in the batch's words; one more than there are rows."""
    begins = np.searchsorted(batch.turn_rows, np.arange(len(batch.rows) + 1))
    return batch.words.bounds[begins]


def signatures(hashes: Any, bounds: Any) -> Any:
    """MinHash signatures (rows × HASHES, uint32) of the words and word pairs of each row; 0 words give all ones."""
    pairs = mix(hashes[:-1] * np.uint64(3) + hashes[1:]) if len(hashes) > 1 else hashes
    low = np.empty(2 * len(hashes), dtype=np.uint32)
    low[0::2] = hashes >> np.uint64(32)
    low[1::2][: len(pairs)] = pairs >> np.uint64(32)
    low[1::2][len(pairs) :] = low[0::2][len(pairs) :]
    # A pair across the border of two rows is the first row's last: its own word takes the place.
    last = bounds[1:][np.diff(bounds) > 0] - 1
    low[2 * last + 1] = low[2 * last]
    out = np.full((len(bounds) - 1, HASHES), 0xFFFFFFFF, dtype=np.uint32)
    filled = np.flatnonzero(np.diff(bounds) > 0)
    if not len(filled):
        return out
    starts = 2 * bounds[:-1][filled]
    for k in range(HASHES):
        value = low * MULTIPLIERS[k] + OFFSETS[k]
        value ^= value >> np.uint32(15)  # a multiplier moves bits upwards only
        value *= np.uint32(0x2C1B3C6D)
        out[filled, k] = np.minimum.reduceat(value, starts)
    return out


def band_keys(signature: Any) -> Any:
    """One 64-bit key for each band of each row."""
    wide = signature[:, : BANDS * BAND_ROWS].astype(np.uint64).reshape(len(signature), BANDS, BAND_ROWS)
    key = np.broadcast_to(np.arange(1, BANDS + 1, dtype=np.uint64), wide.shape[:2]).copy()
    for k in range(BAND_ROWS):
        key = mix(key * np.uint64(0x9E3779B97F4A7C15) + wide[:, :, k])
    return key


@dataclass
class Sketch:
    """A batch for comparison: signatures, exact digests, and which rows have words enough."""

    signature: Any
    exact: Any
    words: Any


@dataclass(eq=False)
class Twins(OptionScanner):
    """Its options: how alike near twins are, how many rows are remembered, and the evaluation prompts to look for."""

    name = "twins"
    about = "exact and near duplicates, and leaked evaluation prompts"
    labels: ClassVar[dict[str, str]] = {"exact-twin": "note", "near-twin": "note", "evaluation-leak": "error"}
    blind = "twins in another wording or language; near twins farther apart than its memory holds"

    similarity: float = setting(0.7, "Jaccard similarity of words and word pairs from which rows are twins", 0.3, 1.0)
    capacity: int = setting(1 << 20, "rows that are remembered", low=1024)
    against: str | None = setting(None, "a file of evaluation prompts that must not be in the data")
    overlap: float = setting(0.6, "share of a prompt's five-word pieces that makes a leak", 0.05, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seen = 0
        self.prompts: list[int] = []  # how many pieces each evaluation prompt has
        self.pieces = np.zeros(0, dtype=np.uint64)  # sorted
        self.owner = np.zeros(0, dtype=np.int64)
        self.tables: dict[str, Any] = {}

    def prepare(self, context: ScanContext) -> None:
        if self.against:
            self._read_prompts(self.against)

    def _read_prompts(self, path: str) -> None:
        pieces, owners = [], []
        for chunk in chunks(path):
            for line, record, _ in parse(chunk):
                row = to_row(record, path, line) if record else ""
                asked = (
                    "" if isinstance(row, str) else " ".join(m["content"] for m in row.messages if m["role"] == "user")
                )
                found = np.unique(shingles(word_hashes([asked])))
                if len(found):
                    pieces.append(found)
                    owners.append(np.full(len(found), len(self.prompts)))
                    self.prompts.append(len(found))
        if not pieces:
            raise UsageError(f"`{path}` holds no evaluation prompt of {SHINGLE} words", "name another file in against=")
        order = np.argsort(np.concatenate(pieces), kind="stable")
        self.pieces, self.owner = np.concatenate(pieces)[order], np.concatenate(owners)[order]

    # ---- leaks, in any process --------------------------------------------------------------------------------------

    def scan(self, batch: Batch) -> list[Finding]:
        if not self.prompts:
            return []
        found = []
        bounds, hashes = bounds_of_rows(batch), batch.words.hashes
        for place in range(len(batch.rows)):
            own = np.unique(shingles(hashes[bounds[place] : bounds[place + 1]]))
            low, high = np.searchsorted(self.pieces, own, "left"), np.searchsorted(self.pieces, own, "right")
            hit = np.flatnonzero(high > low)
            if not len(hit):
                continue
            owners = np.concatenate([self.owner[low[i] : high[i]] for i in hit.tolist()])
            counts = np.bincount(owners, minlength=len(self.prompts))
            share = counts / np.asarray(self.prompts)
            best = int(share.argmax())
            if share[best] >= self.overlap:
                why = f"holds {percent(share[best], 0)} of evaluation prompt {best} of {self.against}"
                found.append(Finding(place, self.name, "evaluation-leak", float(share[best]), why))
        return found

    # ---- twins, gathered in order -----------------------------------------------------------------------------------

    def sketch(self, batch: Batch) -> Sketch:
        bounds, hashes = bounds_of_rows(batch), batch.words.hashes
        position = np.arange(len(hashes), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        # The order counts from the row's own beginning.
        start = np.repeat(bounds[:-1], np.diff(bounds)).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        sums = np.zeros(len(hashes) + 1, dtype=np.uint64)
        np.cumsum(mix(hashes + (position - start)), out=sums[1:])
        return Sketch(signatures(hashes, bounds), sums[bounds[1:]] - sums[bounds[:-1]], np.diff(bounds))

    def _tables(self) -> dict[str, Any]:
        if not self.tables:
            size = 1 << max(self.capacity - 1, 1).bit_length()
            # Zeros cost no memory until they are written, so a small dataset stays small.
            self.tables = {
                "exact_key": np.zeros(size, dtype=np.uint64),
                "exact_row": np.zeros(size, dtype=np.int64),
                # The upper half of a key and the row's home, in one number: one place in memory to go to.
                "band": np.zeros((BANDS, size), dtype=np.uint64),
                "signature": np.zeros((size, HASHES), dtype=np.uint8),
                "row": np.zeros(size, dtype=np.int64),
            }
        return self.tables

    def gather(self, sketch: Sketch, numbers: Sequence[int]) -> list[Finding]:
        tables, rows = self._tables(), np.asarray(numbers, dtype=np.int64)
        twins = self._exact(sketch, tables, rows)
        near = self._near(sketch, tables, rows, twins)
        self.seen += len(sketch.exact)
        found = []
        for place, row in sorted(twins.items()):
            found.append(Finding(place, self.name, "exact-twin", 1.0, f"the same words as row {row}"))
        for place, (row, alike) in sorted(near.items()):
            why = f"about {percent(alike, 0)} alike with row {row}"
            found.append(Finding(place, self.name, "near-twin", alike, why))
        return found

    @staticmethod
    def _exact(sketch: Sketch, tables: dict[str, Any], numbers: Any) -> dict[int, int]:
        """Each row that was there before, with the row that it repeats."""
        found: dict[int, int] = {}
        keys, rows = tables["exact_key"], tables["exact_row"]
        slots = (sketch.exact & np.uint64(len(keys) - 1)).astype(np.int64)
        for place in np.flatnonzero(sketch.words > 0).tolist():
            slot, key = slots[place], sketch.exact[place]
            if keys[slot] == key:
                found[place] = int(rows[slot])
            else:
                keys[slot], rows[slot] = key, numbers[place]
        return found

    def _near(
        self, sketch: Sketch, tables: dict[str, Any], numbers: Any, twins: dict[int, int]
    ) -> dict[int, tuple[int, float]]:
        """Each near twin of an earlier row, with that row and how alike they are."""
        keys, size = band_keys(sketch.signature), len(tables["row"])
        slots = (keys & np.uint64(size - 1)).astype(np.int64)
        marks = keys >> np.uint64(32) | np.uint64(1)  # 0 is an empty slot
        fit = sketch.words >= FEWEST_WORDS
        fit[list(twins)] = False
        chosen = np.flatnonzero(fit)
        small = (sketch.signature & np.uint32(0xFF)).astype(np.uint8)
        homes = (self.seen + np.arange(len(small))) & (size - 1)
        tables["signature"][homes] = small
        tables["row"][homes] = numbers
        pairs: list[tuple[Any, Any]] = []  # a row of the batch, and the home of one that it may be a twin of
        for band in range(BANDS):
            slot, mark = slots[chosen, band], marks[chosen, band]
            held = tables["band"][band][slot]
            hit = np.flatnonzero(held >> np.uint64(32) == mark)
            pairs.append((chosen[hit], (held[hit] & np.uint64(0xFFFFFFFF)).astype(np.int64)))
            # Inside the batch: rows with the same key of a band, each with the one before it.
            order = np.argsort(keys[chosen, band], kind="stable")
            ordered = keys[chosen[order], band]
            same = np.flatnonzero(ordered[1:] == ordered[:-1])
            pairs.append((chosen[order[same + 1]], homes[chosen[order[same]]]))
            tables["band"][band][slot] = mark << np.uint64(32) | homes[chosen].astype(np.uint64)
        return self._confirm(pairs, small, tables, numbers)

    def _confirm(
        self, pairs: list[tuple[Any, Any]], small: Any, tables: dict[str, Any], numbers: Any
    ) -> dict[int, tuple[int, float]]:
        """Of the pairs those whose signatures agree often enough; each row with its nearest twin."""
        place, home = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        earlier = tables["row"][home] < numbers[place]
        place, home = place[earlier], home[earlier]
        same = (tables["signature"][home] == small[place]).sum(axis=1) / HASHES
        alike = (same - 1 / 256) / (1 - 1 / 256)  # two bytes agree by chance once in 256
        found: dict[int, tuple[int, float]] = {}
        for i in np.flatnonzero(alike >= self.similarity).tolist():
            row = int(place[i])
            if row not in found or alike[i] > found[row][1]:
                found[row] = (int(tables["row"][home[i]]), float(min(alike[i], 1.0)))
        return found

    def state(self) -> dict[str, Any]:
        return {"seen": np.array(self.seen), **self.tables}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.seen = int(state["seen"])
        self.tables = {key: np.array(value) for key, value in state.items() if key != "seen"}

    def not_seen(self) -> str:
        if self.seen <= self.capacity:
            return "" if self.against else "twins: no evaluation prompts were looked for (twins:against=FILE)"
        return f"twins: rows more than about {self.capacity} apart were not compared (twins:capacity=N)"


def shingles(hashes: Any) -> Any:
    """The hashes of every run of SHINGLE words."""
    if len(hashes) < SHINGLE:
        return np.zeros(0, dtype=np.uint64)
    key = np.zeros(len(hashes) - SHINGLE + 1, dtype=np.uint64)
    for k in range(SHINGLE):
        key = mix(key * np.uint64(3) + hashes[k : len(hashes) - SHINGLE + 1 + k])
    return key


make = Twins
