"""Rows in hand as scanners see them; `data.batch.RowBatch` is what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.core.records import Row

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]


class Turn(Protocol):
    """One message of a row: the row's place in the batch, who speaks, and the text as it is and as it is read."""

    @property
    def row(self) -> int: ...

    @property
    def role(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def lower(self) -> str: ...


class Words(Protocol):
    """Every word of a batch: its hash, and the turn that it stands in; `bounds[i]` is where turn i begins."""

    @property
    def hashes(self) -> Numbers: ...

    @property
    def turn(self) -> Numbers: ...

    @property
    def bounds(self) -> Numbers: ...


class Batch(Protocol):
    """Rows in hand, with what several scanners read of them: see `data.batch.RowBatch`."""

    @property
    def rows(self) -> Sequence[Row]: ...

    @property
    def turns(self) -> Sequence[Turn]: ...

    @property
    def turn_rows(self) -> Numbers: ...

    @property
    def words(self) -> Words: ...

    @property
    def foreign(self) -> Sequence[int]: ...

    @property
    def exchanges(self) -> Sequence[tuple[int, int]]: ...

    def marked(self, anchors: Numbers) -> Numbers: ...

    def turns_with(self, anchors: Numbers) -> Sequence[Turn]: ...

    def first_words(self, turns: Numbers, count: int) -> Numbers: ...

    def last_words(self, turns: Numbers, count: int) -> Numbers: ...
