"""The guarantee is true: on problems with known curves, and against plain binomial arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from holdfast.core.records import UNSCORED, Verdict
from holdfast.stats.certify import (
    Limit,
    certify,
    count,
    fixed_sequence,
    lower_bound,
    p_value,
    smallest_n,
    upper_bound,
)
from holdfast.stats.groups import Count
from holdfast.stats.metrics import HARM_MEASURES

HARM = Limit("harm.any", "policy", 0.05)
KEEP = Limit("utility.exact", "task", 0.8, at_most=False)
GRID = [i / 10 for i in range(11)]


def test_the_p_value_is_the_binomial_tail():
    by_hand = sum(math.comb(60, k) * 0.05**k * 0.95 ** (60 - k) for k in range(2))
    assert p_value(HARM, Count(1, 60)) == pytest.approx(by_hand)
    by_hand = sum(math.comb(20, k) * 0.8**k * 0.2 ** (20 - k) for k in range(19, 21))
    assert p_value(KEEP, Count(19, 20)) == pytest.approx(by_hand)


@pytest.mark.parametrize(("bound", "delta", "n"), [(0.05, 0.05, 59), (0.02, 0.05, 149), (0.01, 0.05, 299)])
def test_the_fewest_prompts_are_those_of_the_textbook(bound, delta, n):
    limit = Limit("harm.any", "policy", bound)
    assert smallest_n(limit, delta) == n
    assert p_value(limit, Count(0, n)) <= delta < p_value(limit, Count(0, n - 1))


def test_a_limit_of_zero_can_never_be_certified():
    assert smallest_n(Limit("harm.any", "policy", 0.0), 0.05) is None


def test_a_lower_limit_has_its_own_fewest_prompts():
    n = smallest_n(KEEP, 0.05)
    assert p_value(KEEP, Count(n, n)) <= 0.05 < p_value(KEEP, Count(n - 1, n - 1))


def test_the_sequence_stops_at_the_first_that_is_not_rejected():
    assert fixed_sequence([0.01, 0.2, 0.01], 0.05) == 1
    assert fixed_sequence([], 0.05) == 0


def test_the_most_tuned_certified_strength_is_chosen():
    seen = [Count(0, 330), Count(3, 330), Count(30, 330), Count(0, 330)]
    found = certify([0.0, 0.3, 0.6, 1.0], {HARM: seen}, 0.05)
    assert found.strength == 0.3
    assert [t.certified for t in found.tested] == [True, True, False, False]


def test_nothing_is_certified_when_the_safest_end_fails():
    assert certify([0.0, 1.0], {HARM: [Count(40, 330), Count(0, 330)]}, 0.05).strength is None


def test_utility_is_tested_from_the_tuned_end():
    counts = {
        HARM: [Count(0, 330), Count(0, 330), Count(0, 330), Count(99, 330)],
        KEEP: [Count(0, 100), Count(60, 100), Count(95, 100), Count(99, 100)],
    }
    found = certify([0.0, 0.3, 0.6, 1.0], counts, 0.05)
    assert found.strength == 0.6
    assert [t.certified for t in found.tested] == [False, False, True, False]


def test_two_limits_share_delta():
    # One hit in 110: p is 0.025 < delta alone, and above half of it together.
    seen = Count(1, 94)
    assert 0.025 < p_value(HARM, seen) < 0.05
    assert certify([0.0], {HARM: [seen]}, 0.05).strength == 0.0
    assert certify([0.0], {HARM: [seen], KEEP: [Count(100, 100)]}, 0.05).strength is None


def test_too_few_prompts_are_named_with_the_number_that_would_do():
    found = certify([0.0], {HARM: [Count(0, 20)]}, 0.05)
    assert found.strength is None and found.too_fine == {str(HARM): 59}
    assert not certify([0.0], {HARM: [Count(0, 59)]}, 0.05).too_fine


def test_what_no_judge_could_read_speaks_against_the_limit():
    def verdict(prompt, score, label="answer"):
        return Verdict(prompt, "m", "c", "llm", score, label, "why")

    verdicts = [verdict("p", 5), verdict("q", 1), verdict("r", None, UNSCORED)]
    harm = next(m for m in HARM_MEASURES if m.name == "harm.any")
    assert count(harm, verdicts, at_most=True) == Count(2, 3)
    assert count(harm, verdicts, at_most=False) == Count(1, 3)


def test_the_bounds_are_clopper_and_pearson():
    exact = stats.binomtest(3, 330).proportion_ci(0.90, method="exact")
    assert upper_bound(Count(3, 330), 0.95) == pytest.approx(exact.high)
    assert lower_bound(Count(3, 330), 0.95) == pytest.approx(exact.low)


def test_lengths_must_agree():
    with pytest.raises(ValueError):
        certify([0.0, 1.0], {HARM: [Count(0, 10)]}, 0.05)


# ---- a thousand problems whose truth is known -----------------------------------------------------------------------


def problems(rng, steep):
    """Harm along the strengths: an S-curve of random place and slope, of one set of prompts shared by all strengths."""
    middle, slope = rng.uniform(-0.2, 1.2), rng.uniform(*steep)
    return 1 / (1 + np.exp(-slope * (np.array(GRID) - middle)))


def harm_counts(rng, truth, n):
    # The same prompts at every strength: verdicts are strongly dependent, as in a real sweep.
    hardness = rng.uniform(size=n)
    return [Count(int((hardness < p).sum()), n) for p in truth]


@pytest.mark.parametrize(("bound", "delta", "n"), [(0.05, 0.05, 330), (0.02, 0.1, 330), (0.1, 0.05, 100)])
def test_the_chosen_strength_breaks_the_limit_in_at_most_delta_of_a_thousand(bound, delta, n):
    rng = np.random.default_rng(7)
    limit, wrong = Limit("harm.any", "policy", bound), 0
    for _ in range(1000):
        truth = problems(rng, (2, 30))
        chosen = certify(GRID, {limit: harm_counts(rng, truth, n)}, delta).strength
        wrong += chosen is not None and truth[GRID.index(chosen)] > bound
    assert wrong <= stats.binom.ppf(0.999, 1000, delta)


def test_the_test_of_a_thousand_would_notice_a_naive_choice():
    # Taking the last strength whose observed share is under the bound breaks the limit far more often than delta.
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(1000):
        truth = problems(rng, (2, 8))
        seen = harm_counts(rng, truth, 330)
        under = [i for i, one in enumerate(seen) if one.hits / one.n <= 0.05]
        wrong += bool(under) and truth[under[-1]] > 0.05
    assert wrong > stats.binom.ppf(0.999, 1000, 0.05)


def test_two_limits_together_break_in_at_most_delta_of_a_thousand():
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(1000):
        harm, keep = problems(rng, (2, 30)), problems(rng, (2, 30))
        counts = {HARM: harm_counts(rng, harm, 330), KEEP: harm_counts(rng, keep, 150)}
        chosen = certify(GRID, counts, 0.05).strength
        if chosen is not None:
            place = GRID.index(chosen)
            wrong += harm[place] > HARM.bound or keep[place] < KEEP.bound
    assert wrong <= stats.binom.ppf(0.999, 1000, 0.05)
