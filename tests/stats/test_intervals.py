import importlib.util
import math
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from holdfast.stats.groups import Count
from holdfast.stats.intervals import (
    change_interval,
    change_interval_grouped,
    clopper_pearson,
    corrected_interval,
    effective_n,
    effective_pairs,
    group_permutation_p,
    mcnemar,
    mean_interval,
    share_interval,
    smallest_effect,
    wilson,
)
from holdfast.stats.sequential import change_bounds

spec = importlib.util.spec_from_file_location(
    "coverage_of_intervals", Path(__file__).parents[2] / "benchmarks" / "coverage.py"
)
coverage = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = coverage  # dataclasses look their module up
spec.loader.exec_module(coverage)


def held(draw, setting, draws, seed=0):
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(draws):
        (low, high), truth = draw(rng, *setting)
        found += low - 1e-9 <= truth <= high + 1e-9
    return found / draws


def least(nominal, draws):
    """Three binomial standard errors of the simulation below the nominal coverage."""
    return nominal - 3 * math.sqrt(nominal * (1 - nominal) / draws)


# ---- changes between pairs ------------------------------------------------------------------------------------------


def tango(b, c, n, change):
    """The score statistic of Tango (1998), its nuisance share found by maximising the likelihood numerically."""

    def minus(q):
        cells = ((b, q + change), (c, q), (n - b - c, 1 - 2 * q - change))
        return -sum(k * math.log(max(p, 1e-300)) for k, p in cells if k)

    least_q, most_q = max(0.0, -change), (1 - change) / 2
    q = optimize.minimize_scalar(minus, bounds=(least_q, most_q), method="bounded", options={"xatol": 1e-13}).x
    q = min((q, least_q, most_q), key=minus)
    variance = n * (2 * q + change * (1 - change))
    return (b - c - n * change) / math.sqrt(max(variance, 1e-300))


@pytest.mark.parametrize(
    "b, c, n", [(1, 7, 21), (40, 20, 160), (8, 2, 330), (0, 3, 12), (5, 5, 10), (9, 1, 10), (1, 0, 44)]
)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_change_is_tangos_by_a_plain_solver(b, c, n, confidence):
    low, high = change_interval(b, c, n, confidence)
    z = stats.norm.ppf((1 + confidence) / 2)
    assert low <= (b - c) / n <= high
    for bound, wanted in ((low, z), (high, -z)):
        if abs(bound) < 1 - 1e-9:
            assert tango(b, c, n, bound) == pytest.approx(wanted, abs=2e-4)


def test_the_change_of_a_published_table():
    # 1 and 7 of 21 children flip (Fagerland, Lydersen and Laake 2014, after Bentur et al. 2009).
    assert change_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_the_edges_of_a_change():
    z = stats.norm.ppf(0.975)
    for n in (1, 5, 330):
        edge = z * z / (n + z * z)
        assert change_interval(0, 0, n) == pytest.approx((-edge, edge))  # as Wilson's bound at no hits
        low, high = change_interval(n, 0, n)
        assert low < 1 == high
        assert change_interval(0, n, n) == pytest.approx((-high, -low))
    assert change_interval(0, 0, 0) == (-1, 1)
    assert change_interval(2.5, 0.5, 40.25) == pytest.approx(tuple(-x for x in change_interval(0.5, 2.5, 40.25)[::-1]))


@pytest.mark.parametrize("n", [10, 30, 100])
@pytest.mark.parametrize("up, down", [(0.5, 0.5), (0.4, 0.6), (0.3, 0.3), (0.05, 0.05)])
def test_flips_both_ways_are_covered(n, up, down):
    # Exactly, over all tables. The square-and-add interval without the correlation covered 82.5 % at a half each way.
    a, b = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    inside = a + b <= n
    chance = stats.multinomial.pmf(np.stack([a, b, n - a - b], axis=-1)[inside], n, [up, down, max(0.0, 1 - up - down)])
    found = 0.0
    for i, j, p in zip(a[inside].tolist(), b[inside].tolist(), chance, strict=True):
        if p > 1e-9:
            low, high = change_interval(i, j, n)
            found += p * (low <= up - down <= high)
    assert found >= 0.935


def test_five_thousand_changes_a_second():
    begun = time.process_time()
    for b, c in product(range(30), range(30)):
        change_interval.__wrapped__(b, c, 331)
    assert 900 / (time.process_time() - begun) >= 1500  # 8,000 on an idle core; less where the core is shared


# ---- means ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hits, n", [(0, 1), (1, 2), (0, 20), (3, 20), (33, 330), (500, 1000), (330, 330)])
def test_a_mean_of_zeros_and_ones_is_clopper_and_pearsons(hits, n):
    exact = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert mean_interval([1.0] * hits + [0.0] * (n - hits), 0, 1) == pytest.approx((exact.low, exact.high), abs=1e-5)
    assert clopper_pearson(hits, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_a_mean_is_the_quantile_of_random_weights():
    values, rng = np.array([1, 1, 5, 2, 4.5]), np.random.default_rng(3)
    weights = rng.exponential(size=(200_000, 6))
    means = weights @ np.append(values, 5) / weights.sum(axis=1)
    assert mean_interval(values, 1, 5)[1] == pytest.approx(float(np.quantile(means, 0.975)), abs=0.01)


@pytest.mark.parametrize("value", [1.0, 3.0, 5.0])
@pytest.mark.parametrize("n", [1, 2, 20, 500])
def test_a_constant_has_a_width(value, n):
    low, high = mean_interval([value] * n, 1, 5)
    assert 1 <= low <= value <= high <= 5 and high - low > 0.9 * 4 * (1 - 0.025 ** (1 / n)) * 0.5
    assert mean_interval([value] * n)[0] < value < mean_interval([value] * n)[1]
    grouped = mean_interval([value] * n, 1, 5, sizes=[3] * n)
    assert grouped == pytest.approx((low, high))  # groups that answer alike are worth one prompt each


def test_more_confidence_and_fewer_values_widen_a_mean():
    values = [1, 2, 2, 5, 1, 1, 3, 1]
    widths = [np.diff(mean_interval(values, 1, 5, c))[0] for c in (0.8, 0.95, 0.99)]
    assert widths == sorted(widths) and np.diff(mean_interval(values * 4, 1, 5))[0] < widths[1]
    assert all(math.isnan(x) for x in mean_interval([], 1, 5))
    with pytest.raises(ValueError, match="outside"):
        mean_interval([0.0, 2.0], 1, 5)


@pytest.mark.parametrize("scores", ["97 % ones, 3 % fives", "90 % ones, some of each", "half ones, half fives"])
@pytest.mark.parametrize("n", [10, 40])
def test_a_mean_of_skewed_scores_is_covered(n, scores):
    assert held(coverage.mean, (n, scores), 300) >= least(0.95, 300)


# ---- groups ---------------------------------------------------------------------------------------------------------


def test_groups_of_one_are_prompts():
    hits = [1] * 7 + [0] * 43
    assert share_interval(hits, [1] * 50) == wilson(7, 50) and effective_n(hits, [1] * 50) == 50
    up, down = [1] * 4 + [0] * 46, [0] * 48 + [1] * 2
    assert change_interval_grouped(up, down, [1] * 50) == change_interval(4, 2, 50)
    assert effective_pairs(up, down, [1] * 50) == 50


def test_groups_that_answer_alike_are_worth_one_prompt_each():
    hits, sizes = [10] * 5 + [0] * 25, [10] * 30
    assert effective_n(hits, sizes) == pytest.approx(30) and effective_n([0] * 30, sizes) == 30
    assert effective_n([0] * 3, [10, 20, 30]) == pytest.approx(60**2 / 1400)
    low, high = share_interval(hits, sizes)
    assert low < clopper_pearson(5, 30)[0] and high > clopper_pearson(5, 30)[1]  # 29 degrees of freedom, and not 299
    assert np.diff(share_interval([10], [10]))[0] > 0.99  # one group tells next to nothing


def test_groups_whose_prompts_have_nothing_to_do_with_each_other_cost_little():
    rng = np.random.default_rng(0)
    hits = rng.binomial(10, 0.3, 100)
    assert effective_n(hits.tolist(), [10] * 100) > 700


def test_empty_groups_and_wrong_counts():
    assert share_interval([], []) == (0.0, 1.0) and share_interval([0, 2], [0, 4]) == share_interval([2], [4])
    assert change_interval_grouped([], [], []) == (-1.0, 1.0) and effective_n([], []) == 0
    with pytest.raises(ValueError, match="from 0 to its size"):
        share_interval([5], [4])


@pytest.mark.parametrize("rho", [0.1, 0.6])
@pytest.mark.parametrize("kind", coverage.SIZES)
@pytest.mark.parametrize("truth", [0.05, 0.5])
def test_a_share_of_grouped_prompts_is_covered(truth, kind, rho):
    assert held(coverage.share_in_groups, (30, kind, truth, rho), 200) >= least(0.95, 200)


@pytest.mark.parametrize("kind", coverage.SIZES)
@pytest.mark.parametrize("up, down", [(0.15, 0.03), (0.3, 0.3)])
def test_a_change_of_grouped_prompts_is_covered(kind, up, down):
    assert held(coverage.change_in_groups, (40, kind, up, down, 0.6), 200) >= least(0.95, 200)


@pytest.mark.parametrize("net", [[], [0, 0], [1] * 6, [1] * 5 + [-1] * 2, [-1] * 9 + [1, 0, 0]])
def test_the_permutation_is_mcnemars_for_single_prompts(net):
    assert group_permutation_p(net) == pytest.approx(mcnemar(net.count(1), net.count(-1)), rel=1e-12)


@pytest.mark.parametrize("net", [[3, 1, 0, -1], [5, 5, -2], [30], [7, -7], [2, 3, 4, 5, 6, -1]])
def test_the_permutation_counts_all_signs(net):
    sums = [sum(s * x for s, x in zip(signs, net, strict=True)) for signs in product((1, -1), repeat=len(net))]
    assert group_permutation_p(net) == pytest.approx(np.mean([abs(s) >= abs(sum(net)) for s in sums]))


def test_a_change_that_is_none_is_rarely_called_one_when_groups_flip_as_one():
    ours, single = coverage.rejections(np.random.default_rng(0), 40, "2-30", 0.3, 0.6, 200)
    assert ours <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200) < single


# ---- a judge that errs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [10, 20])
@pytest.mark.parametrize("se, sp, truth", [(0.7, 0.95, 0.1), (0.9, 0.9, 0.01), (0.99, 0.99, 0.5)])
def test_ten_labels_are_enough_for_an_interval_that_holds(labels, se, sp, truth):
    assert held(coverage.corrected, (labels, 1000, se, sp, truth), 150) >= least(0.95, 150)


def test_effective_counts_widen_a_corrected_share():
    wide, narrow = (np.diff(corrected_interval((0.1 * n, n), (18, 20), (19, 20)))[0] for n in (40.5, 330.0))
    assert wide > narrow > 0


# ---- at any time ----------------------------------------------------------------------------------------------------


def test_bounds_at_any_time_hold_where_one_stops():
    for setting in (("single", 0.05, 0.01), ("10", 0.05, 0.6)):
        assert held(coverage.stopped, setting, 60) >= least(0.9, 60)
    assert held(coverage.stopped_change, (0.3, 0.3), 60) >= least(0.9, 60)


def test_a_change_at_any_time_is_wider_than_at_a_fixed_one():
    low, high = change_bounds(Count(20, 300), Count(5, 300), 0.95)
    fixed = change_interval(20, 5, 300, 0.9)
    assert low < fixed[0] and high > fixed[1] and change_bounds(Count(0, 0), Count(0, 0), 0.95) == (-1.0, 1.0)


@pytest.mark.parametrize("hits, n", [(0, 330), (3, 330), (165, 330), (330, 330), (1, 1)])
def test_wilson_is_the_textbook_formula(hits, n):
    z = stats.norm.ppf(0.975)
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = wilson(hits, n)
    assert (low, high) == pytest.approx((max(0, centre - half), min(1, centre + half)), abs=1e-9)


def test_nothing_counted_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("worse, better", [(0, 0), (5, 0), (6, 0), (10, 3), (1, 9)])
def test_mcnemar_is_the_binomial_tail(worse, better):
    n = worse + better
    tail = sum(math.comb(n, k) for k in range(min(worse, better) + 1)) / 2**n
    assert mcnemar(worse, better) == pytest.approx(min(1.0, 2 * tail) if n else 1.0)


def test_the_smallest_effect_is_what_n_could_show():
    # Six one-way flips are the fewest that McNemar's exact test calls significant at 5 %.
    assert mcnemar(5, 0) > 0.05 > mcnemar(6, 0)
    effect = smallest_effect(330)
    assert stats.binom.sf(5, 330, effect) == pytest.approx(0.8, abs=1e-6)
    assert smallest_effect(5) == 1.0
    assert smallest_effect(330) < smallest_effect(100) < 1.0


def test_the_change_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    truth_up, truth_down, n, hits = 0.15, 0.03, 330, 0
    for _ in range(400):
        up, down, _ = rng.multinomial(n, [truth_up, truth_down, 1 - truth_up - truth_down])
        low, high = change_interval(up, down, n)
        hits += low <= truth_up - truth_down <= high
    assert hits / 400 >= 0.93
