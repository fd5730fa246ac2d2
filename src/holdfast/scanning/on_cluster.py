"""A scan on a Ray cluster: each file is read and looked at by a worker, the looks come in the order of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from holdfast.core.cluster import Cluster, in_order
from holdfast.core.contracts import Scanner
from holdfast.data.sources import Part, Source
from holdfast.scanning.scan_chunk import Look, first_look, second_look

Tell = Callable[[str], None]


def look_at(part: Part, shared: tuple[list[Scanner], bool], known: int) -> Iterator[Look]:
    """On a worker: the looks of a part but the first `known`."""
    scanners, again = shared
    look = second_look if again else first_look
    for chunk in islice(part.chunks(), known, None):
        yield look(chunk, scanners)


def looks_on(
    cluster: Cluster,
    source: Source,
    scanners: list[Scanner],
    tell: Tell,
    again: bool = False,
    known: Sequence[int] = (),
) -> Iterator[tuple[int, Look]]:
    """The looks of all parts in order, with the part's number; again: the second look. known: looks of each part."""
    done = max(0, len(known) - 1)  # parts that are over, since a later one was begun
    units = [(part.name if part.path is None else str(part.path), part) for part in source.parts()[done:]]
    for number, look in in_order(units, look_at, (scanners, again), cluster, tell, known[done:]):
        yield done + number, look
