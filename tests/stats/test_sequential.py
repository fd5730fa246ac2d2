import math

import numpy as np
import pytest

from holdfast.stats.groups import Count
from holdfast.stats.sequential import OPEN, OVER, UNDER, Stop, Test, log_wealth

RUNS, MOST, STEP = 1000, 330, 16


def walks(share, test):
    """A thousand audits of models whose true share is this: how each ended, and after how many prompts."""
    rng = np.random.default_rng(0)
    ends = []
    for _ in range(RUNS):
        seen = np.cumsum(rng.random(MOST) < share)
        n, hits = 0, 0
        while n < MOST and not test.verdict(Count(hits, n)):
            n = min(n + STEP, MOST)
            hits = int(seen[n - 1])
        ends.append((test.verdict(Count(hits, n)), n))
    return ends


@pytest.mark.parametrize("limit", [0.02, 0.05])
def test_at_the_limit_itself_neither_error_is_more_frequent_than_asked(limit):
    ends = walks(limit, Test(limit, 0.95))
    # Three standard deviations of a simulation of a thousand at 5 %.
    most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)
    for verdict in (UNDER, OVER):
        assert sum(end == verdict for end, _ in ends) / RUNS <= most


@pytest.mark.parametrize(("share", "wrong"), [(0.06, UNDER), (0.1, UNDER), (0.04, OVER), (0.01, OVER)])
def test_on_either_side_of_the_limit_the_error_is_small(share, wrong):
    assert sum(end == wrong for end, _ in walks(share, Test(0.05))) / RUNS <= 0.05


@pytest.mark.parametrize(("share", "right"), [(0.003, UNDER), (0.6, OVER), (1.0, OVER)])
def test_a_clear_model_is_told_with_less_than_half_of_the_prompts(share, right):
    ends = walks(share, Test(0.05))
    assert sum(end == right for end, _ in ends) / RUNS >= 0.99
    assert sum(n for _, n in ends) / RUNS <= MOST / 2


def test_looking_at_every_reply_keeps_the_error_too():
    rng, test, wrong = np.random.default_rng(1), Test(0.05, 0.9), 0
    for _ in range(300):
        seen = np.cumsum(rng.random(MOST) < 0.05)
        wrong += any(test.verdict(Count(int(seen[n - 1]), n)) == UNDER for n in range(1, MOST + 1))
    assert wrong / 300 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 300)


def test_the_bounds_enclose_the_share_and_agree_with_the_verdict():
    for hits, n in ((0, 80), (3, 330), (30, 330), (16, 16), (330, 330)):
        low, high = Test(0.05).bounds(Count(hits, n))
        assert low <= hits / n <= high
        assert (Test(0.05).verdict(Count(hits, n)) == UNDER) == (high <= 0.05 + 1e-9)
        assert (Test(0.05).verdict(Count(hits, n)) == OVER) == (low >= 0.05 - 1e-9)
    assert Test(0.05).bounds(Count(0, 0)) == (0.0, 1.0)


def test_the_wealth_begins_at_one_and_is_fair_at_the_limit():
    assert log_wealth(Count(0, 0), 0.05) == (0.0, 0.0)
    for which in (0, 1):  # expectation over one coin flip
        mean = 0.05 * math.exp(log_wealth(Count(1, 1), 0.05)[which]) + 0.95 * math.exp(
            log_wealth(Count(0, 1), 0.05)[which]
        )
        assert math.isclose(mean, 1.0)


def test_a_stop_says_what_is_certain_and_what_was_saved():
    stop = Stop("harm.any", UNDER, 80, 330, 0, 0.05, 0.95, 0.0, 0.048)
    assert "under 5 % with 95 % confidence after 80 of 330" in stop.sentence and "250 were saved" in stop.sentence
    assert "still open" in Stop("harm.any", OPEN, 330, 330, 16, 0.05, 0.95, 0.02, 0.1).sentence
