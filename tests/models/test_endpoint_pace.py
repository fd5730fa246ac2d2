"""An endpoint that takes few calls at a time is asked few at a time, and loses no reply; another is asked more."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from endpoint import FakeEndpoint, completion, error
from holdfast.models.endpoint import Endpoint
from holdfast.models.endpoint_pace import Pace


class Narrow:
    """An endpoint that complains of more than so many calls at a time."""

    def __init__(self, most: int, status: int = 429, seconds: float = 0.02) -> None:
        self.most, self.status, self.seconds = most, status, seconds
        self.now = self.widest = self.complaints = self.served = 0
        self.lock = threading.Lock()

    def __call__(self, number, body):
        with self.lock:
            if self.now >= self.most:
                self.complaints += 1
                return error(self.status, "too many requests")
            self.now += 1
            self.widest = max(self.widest, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
            self.served += 1
        return completion(body["messages"][0]["content"].upper())


def ask(behaviour, count, **settings):
    with FakeEndpoint(behaviour) as fake:
        found = Endpoint(fake.url, "m", backoff_s=0.01, **settings).chat_all(
            [[{"role": "user", "content": f"q{i}"}] for i in range(count)]
        )
    return [one.text for one in found]


@pytest.mark.parametrize("most", [1, 3])
def test_a_narrow_endpoint_loses_no_reply(most):
    narrow = Narrow(most)
    assert ask(narrow, 60, workers=16, tries=3) == [f"Q{i}" for i in range(60)]
    assert narrow.served == 60
    assert narrow.complaints < 60  # it learnt: not every call was tried in vain


def test_a_wide_endpoint_is_asked_more_and_more():
    wide = Narrow(1000, seconds=0.05)
    assert len(ask(wide, 150, workers=2)) == 150
    assert wide.widest > 8


def test_it_is_never_asked_more_than_the_most():
    wide = Narrow(1000, seconds=0.03)
    ask(wide, 80, workers=2, most_workers=5)
    assert 3 <= wide.widest <= 5


def test_calls_of_one_round_slow_it_down_once():
    pace = Pace(16, 64)
    with ExitStack() as under_way:
        rounds = [under_way.enter_context(pace.turn()) for _ in range(15)]  # beside the one that complains
        assert pace.too_much(rounds[0]) and pace.limit == 8
        assert pace.too_much(rounds[1]) and pace.limit == 8  # begun before it slowed down
    with ExitStack() as under_way:
        rounds = [under_way.enter_context(pace.turn()) for _ in range(7)]
        assert pace.too_much(rounds[0]) and pace.limit == 4
    for _ in range(8 * 5):
        pace.answered()
    assert 4.9 < pace.limit < 5.3  # one more for eight times as many answers as are under way
    assert not Pace(16, 64).too_much(0)  # a call that was alone: it cannot be asked less
