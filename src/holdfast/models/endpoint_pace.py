"""How many calls an endpoint gets at a time: half as many when it is asked too much, one more after a round of answers.

    pace = Pace(8, 64)
    with pace.turn() as round: …          waits until a place is free
    pace.answered(); pace.too_much(round)

Additive increase, multiplicative decrease (Chiu and Jain 1989), as TCP shares a line whose width nobody knows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

CAUTION = 1 / 8  # of an ordinary step towards more, once the endpoint has complained
TOO_MUCH = {429, 503, 529}  # statuses by which an endpoint says that it is asked too much


class Pace:
    """Shared by the threads that ask one endpoint; `limit` calls may be under way, from `start`, at most `most`."""

    def __init__(self, start: int, most: int) -> None:
        self.limit, self.most = float(start), float(max(start, most))
        self.round = 0  # how often it was slowed down
        self.under_way = 0
        self.free = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[int]:
        """A place among the calls under way; gives the round that it belongs to."""
        with self.free:
            self.free.wait_for(lambda: self.under_way < int(self.limit))
            self.under_way += 1
            mine = self.round
        try:
            yield mine
        finally:
            with self.free:
                self.under_way -= 1
                self.free.notify_all()

    def answered(self) -> None:
        """An answer came: after a round of them one more may be under way; after eight rounds, once it complained."""
        with self.free:
            self.limit = min(self.most, self.limit + (CAUTION if self.round else 1) / self.limit)
            self.free.notify_all()

    def too_much(self, mine: int) -> bool:
        """The endpoint was asked too much by a call of a round; whether it is asked less from now on.

        Calls of one round slow down once, however many of them complain.
        """
        with self.free:
            together = min(self.limit, self.under_way + 1)  # with the one that complained, which is over
            if mine == self.round and together > 1:
                self.limit, self.round = max(1.0, together / 2), self.round + 1
            return mine < self.round
