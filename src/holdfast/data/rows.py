"""The strict reading of a dataset: every row can be trained on, or the first that cannot is named with file and line.

    for row in read_rows("train.jsonl"): row.messages, row.meta["line"]

The same records and rows as a scan sees, by the same code (`data.containers`, `data.formats`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from holdfast.core.errors import DataError
from holdfast.core.records import Row
from holdfast.data.containers import Reading, Record
from holdfast.data.formats import said, to_row, told, untrainable
from holdfast.data.sources import chunks, fault_at, read_records, strict


def _named_once(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows whose ids are all different: an id that stands again gets its place behind it."""
    seen: set[str] = set()
    for number, row in enumerate(rows):
        name = row.id if row.id not in seen else f"{row.id}#{number}"
        while name in seen:
            name += "'"
        seen.add(name)
        yield row if name == row.id else Row(name, row.messages, row.meta)


def read_rows(
    source: str, split: str | None = None, limit: int | None = None, notes: list[str] | None = None
) -> list[Row]:
    """Every row of a dataset, or the first `limit`; `notes` receives how it was read and what was left aside.

    Raises DataError, with file and line, for the first row that cannot be trained on, and for a dataset without rows.
    """
    readings: list[Reading] = []
    counts: Counter[Any] = Counter()

    def rows() -> Iterator[Row]:
        for file, (line, record) in islice(strict(chunks(source, split), readings.append), limit):
            row = to_row(record, file, line)
            why = row if isinstance(row, str) else untrainable(row)
            if isinstance(row, str) or why:
                raise fault_at(file, line, why)
            counts[row.meta["format"], row.meta["columns"], tuple(map(str, record))] += 1
            yield row

    found = list(_named_once(rows()))
    if not found:
        raise DataError(f"`{source}` has no rows", "name a dataset with at least one row")
    if notes is not None:
        notes += said((reading.told() for reading in readings), told(counts.items()))
    return found


__all__ = ["Record", "read_records", "read_rows"]
