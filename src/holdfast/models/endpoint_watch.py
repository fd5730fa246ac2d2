"""Many calls at a time: what is wrong with one, and when none is asked any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from holdfast.core.errors import HoldfastError
from holdfast.models.endpoint_reply import BLOCKED, ERROR, Completion


class EndpointDown(HoldfastError):
    """The endpoint did not answer, whatever was tried. `status`: of its last answer, 0 where there was none."""

    def __init__(self, message: str, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status


class EndpointUnreadable(HoldfastError):
    """The endpoint answered something that is no chat completion."""


class Unasked(Exception):
    """A call that was not made, since others had shown that none is answered."""


@dataclass
class Watch:
    """Counts faults in a row over several threads; after `patience` of them nothing more is asked."""

    patience: int | None
    fault: HoldfastError | None = None  # the first
    row: int = 0
    gave_up: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self, workers: int, places: Sequence[int], call: Callable[[int], Completion]
    ) -> dict[int, Completion | HoldfastError]:
        """The completion or the fault of each place that was asked."""
        with ThreadPoolExecutor(workers) as pool:
            heard = pool.map(lambda place: self._one(place, call), places)
            return {place: one for place, one in zip(places, heard, strict=True) if one is not None}

    def _one(self, place: int, call: Callable[[int], Completion]) -> Completion | HoldfastError | None:
        if self.gave_up:
            return None
        try:
            found = call(place)
        except Unasked:
            return None
        except (EndpointDown, EndpointUnreadable) as error:
            with self.lock:
                self.fault = self.fault or error
                self.row += 1
                self.gave_up = self.gave_up or (self.patience is not None and self.row >= self.patience)
            return error
        with self.lock:
            self.row = 0
        return found


def failed(error: HoldfastError) -> Completion:
    """The completion in the place of one that failed; a proxy that forbids single questions is a filter."""
    forbidden = isinstance(error, EndpointDown) and error.status in (403, 451)
    return Completion("", status=BLOCKED if forbidden else ERROR, why=str(error))
