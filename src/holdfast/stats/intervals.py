"""Confidence intervals and tests as pure functions of counts.

Numpy and scipy only, no model and no record is known here.

wilson(3, 330)                                  -> (0.0031, 0.0264): a share
change_interval(8, 2, 330)                      -> (-0.0012, 0.0418): a change of a share between pairs
mean_interval([1, 1, 5, 2], 1, 5)               -> (1.18, 4.35): a mean of values from 1 to 5
share_interval([3, 0, 1], [10, 4, 6])           -> a share of prompts that come in groups
group_permutation_p([3, 1, 0, -1])              -> an exact p of a change, groups being swapped as wholes

A group is a set of prompts whose answers may go together (an item, a template, a source). Groups are taken as
independent, the prompts in a group are not. docs/statistics.md says what each number means and how often it holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import optimize, stats

CONFIDENCE = 0.95
Array = np.ndarray[Any, np.dtype[np.float64]]


@lru_cache(maxsize=256)
def z_of(confidence: float) -> float:
    """The normal quantile of a two-sided confidence."""
    return float(stats.norm.ppf((1 + confidence) / 2))


# ---- shares of independent prompts ----------------------------------------------------------------------------------


def wilson(hits: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share; (0, 1) when nothing was counted. Counts need not be whole numbers."""
    if n <= 0:
        return 0.0, 1.0
    z, p = z_of(confidence), hits / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if hits <= 0 else (middle - spread) / (1 + z * z / n)
    high = 1.0 if hits >= n else (middle + spread) / (1 + z * z / n)
    return max(0.0, low), min(1.0, high)


# ---- changes between pairs ------------------------------------------------------------------------------------------


def mcnemar(worse: int, better: int) -> float:
    """McNemar's exact two-sided p over the discordant pairs."""
    return 1.0 if worse + better == 0 else float(stats.binomtest(worse, worse + better, 0.5).pvalue)


@lru_cache(maxsize=256)
def smallest_effect(n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest share of one-way flips that n pairs would have shown as significant with this power.

    Solved exactly: the fewest flips that McNemar's test calls significant, and the share at which that many are seen
    with the given probability. 1.0 when n is too small to show anything.
    """
    needed = next((k for k in range(1, n + 1) if mcnemar(k, 0) <= alpha), None)
    if needed is None or stats.binom.sf(needed - 1, n, 1.0) < power:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if stats.binom.sf(needed - 1, n, middle) >= power else (middle, high)
    return high


def _fewer(more: float, fewer: float, n: float, change: float) -> float:
    """The likeliest share of the `fewer` flips, if the share of `more` is larger by `change`, which is not negative."""
    linear = (2 * n - more + fewer) * change - more - fewer
    root = math.sqrt(linear * linear + 8 * n * fewer * change * (1 - change))
    if linear > 0:  # the other form of the same root, free of cancellation
        return 2 * fewer * change * (1 - change) / (root + linear)
    return (root - linear) / (4 * n)


def _tango_upper(up: float, down: float, n: float, z: float) -> float:
    """Where the score statistic of `the change is this large` reaches -z, by bisection."""

    def ruled_out(change: float) -> bool:
        least = _fewer(up, down, n, change) if change >= 0 else _fewer(down, up, n, -change)
        size = abs(change)
        return (n * change - up + down) ** 2 > z * z * n * (2 * least + size * (1 - size))

    inside, outside = (up - down) / n, 1.0
    while outside - inside > 1e-12:
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if ruled_out(middle) else (middle, outside)
    return outside


@lru_cache(maxsize=1 << 14)
def change_interval(up: float, down: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Tango's score interval (1998) of (up - down) / n, the change of a share between n pairs of which some flip.

    Counts need not be whole numbers: under a design effect all three are divided by it. (-1, 1) without pairs.
    """
    if n <= 0:
        return -1.0, 1.0
    z = z_of(confidence)
    return max(-1.0, -_tango_upper(down, up, n, z)), min(1.0, _tango_upper(up, down, n, z))


def group_permutation_p(net_flips: Sequence[int]) -> float:
    """Exact two-sided p of "before and after could be swapped in any group": McNemar's p where a group is one prompt.

    net_flips: for each group its flips for the worse less those for the better. The p is the share of all assignments
    of signs to the groups whose sum is at least as far from 0 as the one seen (a permutation test with groups as its
    units, Fisher 1935; Gail et al. 1996 for randomised groups).
    """
    sizes = np.abs(np.asarray(net_flips, dtype=np.int64))
    seen, total = abs(int(np.sum(net_flips))), int(sizes.sum())
    chances = np.ones(1)  # of the sum of the groups with a plus
    for size, groups in zip(*np.unique(sizes[sizes > 0], return_counts=True), strict=True):
        spread = np.zeros(int(size) * int(groups) + 1)
        spread[:: int(size)] = stats.binom.pmf(np.arange(groups + 1), groups, 0.5)
        chances = np.convolve(chances, spread)
    sums = 2 * np.arange(total + 1) - total
    return min(1.0, float(chances[np.abs(sums) >= seen].sum()))


# ---- shares and changes of prompts in groups ------------------------------------------------------------------------


def _correlation(sums: Array, squares: Array, sizes: Array, events: Array) -> float:
    """The correlation of two prompts of one group, taken towards 1 as far as the groups say little of it.

    sums, squares: of the values of each group. events: how often the rarer outcome was seen in each group. The larger
    of
    two moment estimates counts: from the spread between the groups (with their leverage, as in Bell and McCaffrey
    2002), and from the spread inside of them. One group with correlation 1 is added to those with an event.
    """
    n = sizes.sum()
    mean, largest = sums.sum() / n, (sizes**2).sum() / n
    total = squares.sum() / n - mean**2
    if sizes.size < 2 or largest <= 1 or total <= 1e-12:
        return 1.0
    between = ((sums - mean * sizes) ** 2 / (1 - sizes / n)).sum() / n
    inside = (squares - sums**2 / sizes).sum() / (n - sizes.size)
    found = max((between / total - 1) / (largest - 1), 1 - inside / total)
    told = int((events[sizes > 1] > 0).sum())
    return float((told * min(1.0, max(0.0, found)) + 1) / (told + 1))


def _effective(sums: Array, squares: Array, sizes: Array, events: Array) -> float:
    """Prompts over the design effect 1 + (m - 1) r, with m the mean size of the group of a prompt (Kish 1965)."""
    n, largest = float(sizes.sum()), float((sizes**2).sum() / sizes.sum())
    if largest <= 1:
        return n
    return n / (1 + (largest - 1) * _correlation(sums, squares, sizes, events))


def _told(n_eff: float, sizes: Array, confidence: float) -> float:
    """The effective number, less what few groups leave unknown of their own spread (Korn and Graubard 1998).

    It is multiplied by the squared ratio of Student's quantiles for prompts and for groups; groups of unlike sizes
    count as fewer.
    """
    n, groups = float(sizes.sum()), float(sizes.sum() ** 2 / (sizes**2).sum())
    if groups >= n:
        return n_eff
    upper = (1 + confidence) / 2
    few, many = (float(stats.t.ppf(upper, max(1.0, count - 1))) for count in (groups, n))
    return n_eff * float((many / few) ** 2)


def _arrays(*counts: Sequence[int]) -> list[Array]:
    """Counts by group as arrays, without empty groups; the sizes stand last.

    Raises ValueError where they do not fit.
    """
    found = [np.asarray(one, dtype=float) for one in counts]
    sizes = found[-1]
    if any(one.shape != sizes.shape for one in found) or any((one < 0).any() or (one > sizes).any() for one in found):
        raise ValueError("each group needs counts from 0 to its size")
    return [one[sizes > 0] for one in found]


def effective_n(hits: Sequence[int], sizes: Sequence[int]) -> float:
    """How many independent prompts would tell a share as precisely as these groups.

    All of them where each is one prompt.

    Where all prompts answer alike, nothing is known of the correlation and it is taken as 1: (sum m)^2 / sum m^2.
    """
    x, m = _arrays(hits, sizes)
    return _effective(x, x, m, x if 2 * x.sum() <= m.sum() else m - x) if m.size else 0.0


def share_interval(hits: Sequence[int], sizes: Sequence[int], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """An interval of the share of prompts, for groups with so many hits among so many prompts.

    Wilson's where each group is one prompt; else Clopper and Pearson's at the effective number of prompts (Korn and
    Graubard 1998), since at few groups Wilson's is too narrow. (0, 1) without prompts.
    """
    x, m = _arrays(hits, sizes)
    n = float(m.sum())
    if n == 0 or m.max() <= 1:
        return wilson(float(x.sum()), n, confidence)
    told = _told(effective_n(hits, sizes), m, confidence)
    return clopper_pearson(float(x.sum()) / n * told, told, confidence)


def clopper_pearson(hits: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval (1934) of a share; (0, 1) when nothing was counted. Counts need not be whole numbers."""
    alpha, slack = (1 - confidence) / 2, 1e-9 * n
    low = 0.0 if hits <= slack else float(stats.beta.ppf(alpha, hits, n - hits + 1))
    high = 1.0 if hits >= n - slack else float(stats.beta.ppf(1 - alpha, hits + 1, n - hits))
    return low, high


def effective_pairs(up: Sequence[int], down: Sequence[int], sizes: Sequence[int]) -> float:
    """How many independent pairs would tell a change as precisely as these groups with their flips up and down."""
    a, b, m = _arrays(up, down, sizes)
    return _effective(a - b, a + b, m, a + b) if m.size else 0.0


def change_interval_grouped(
    up: Sequence[int], down: Sequence[int], sizes: Sequence[int], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Tango's interval of a change at the effective number of pairs, for groups with so many flips up and down."""
    a, b, m = _arrays(up, down, sizes)
    n = float(m.sum())
    if n == 0:
        return -1.0, 1.0
    told = _told(effective_pairs(up, down, sizes), m, confidence)
    return change_interval(float(a.sum()) / n * told, float(b.sum()) / n * told, told, confidence)


# ---- means of bounded values ----------------------------------------------------------------------------------------

# Nodes u from 0 to infinity and weights for an integral of f(u) / u, by u = x / (1 - x).
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_U = (1 + _NODES) / (1 - _NODES)
_W = _WEIGHTS / 2 / _U / ((1 - _NODES) / 2) ** 2


def _chance_positive(coefficients: Array, counts: Array) -> float:
    """P(sum of coefficients x Gamma(counts) > 0) by inverting the characteristic function (Imhof 1961)."""
    kept = coefficients != 0
    c, k = coefficients[kept], counts[kept]
    if c.size == 0 or (c < 0).all():
        return 0.0
    if (c > 0).all():
        return 1.0
    c = c / math.sqrt(float((k * c * c).sum()))
    factors = 1 / (1 - 1j * _U[:, None] * c)  # the characteristic function of one exponential each
    if (k != 1).any():
        factors = factors**k
    found = 0.5 + float(factors.prod(axis=1).imag @ _W) / math.pi
    return min(1.0, max(0.0, found))


def _bootstrap_bound(values: Array, weights: Array, extreme: float, weight: float, alpha: float) -> float:
    """The 1 - alpha quantile of the mean under random weights, with one more value, the `extreme`, added to the sample.

    The weights of the values are exponential and sum to 1 (Rubin's Bayesian bootstrap, 1981), times `weights`.
    """
    pairs, counts = np.unique(
        np.column_stack([np.append(values, extreme), np.append(weights, weight)]), axis=0, return_counts=True
    )
    value, size = pairs[:, 0], pairs[:, 1]
    smallest = float(value.min())
    if smallest == extreme:
        return float(extreme)

    def excess(mean: float) -> float:
        return _chance_positive(size * (value - mean), counts.astype(float)) - alpha

    return float(optimize.brentq(excess, smallest, extreme, xtol=1e-9 * max(1.0, abs(extreme)), rtol=1e-12))


def mean_interval(
    values: Sequence[float] | Array,
    low: float | None = None,
    high: float | None = None,
    confidence: float = CONFIDENCE,
    sizes: Sequence[int] | None = None,
) -> tuple[float, float]:
    """An interval of a mean; where a bound of the values is known, one that no distribution within the bounds breaks.

    values: one for each prompt, or the mean of each group, with `sizes` its prompts (then the mean is over prompts).
    low, high: what a value can be at least and at most; None where nothing is known.

    To a known side it is Gaffke's bound (2005; Learned-Miller and Thomas 2019, 1905.06208): the Bayesian bootstrap of
    the values and of one more at the bound. Of zeros and ones it is Clopper and Pearson's. To an unknown side it is
    Student's t, and at least what a share of unseen values that n cannot rule out adds if they lie one unit further
    off. NaN without values. Raises ValueError for a value outside the bounds.
    """
    data = np.asarray(values, dtype=float)
    if data.size == 0:
        return math.nan, math.nan
    weights = np.ones(data.size) if sizes is None else np.asarray(sizes, dtype=float)
    if (low is not None and data.min() < low - 1e-9) or (high is not None and data.max() > high + 1e-9):
        raise ValueError(f"values from {data.min():g} to {data.max():g} are outside of [{low}, {high}]")
    alpha, extra = (1 - confidence) / 2, float((weights**2).sum() / weights.sum())
    if low is None or high is None:
        mean, half = float(weights @ data / weights.sum()), _half_width(data, weights, confidence)
    under = mean - half if low is None else -_bootstrap_bound(-data, weights, -low, extra, alpha)
    over = mean + half if high is None else _bootstrap_bound(data, weights, high, extra, alpha)
    return under + 0.0, over + 0.0  # no -0.0


def _half_width(data: Array, weights: Array, confidence: float) -> float:
    """Half of Student's interval of a weighted mean (ratio estimator), with a floor for values that hardly differ."""
    n = data.size
    floor = 1 - ((1 - confidence) / 2) ** (1 / n)
    if n == 1:
        return math.inf  # one value tells nothing of how far others lie
    shares = weights / weights.sum()
    spread = math.sqrt(float((shares**2 * (data - shares @ data) ** 2).sum()) * n / (n - 1))
    return float(max(floor, float(stats.t.ppf((1 + confidence) / 2, n - 1)) * spread))


# ---- shares counted by a judge that errs ----------------------------------------------------------------------------

DRAWS = 20_000  # from confidence distributions, with a fixed seed; the error at a 2.5 % tail is about 0.1 %


def _beta(rng: np.random.Generator, hits: float, misses: float) -> Array:
    """Draws of a beta distribution; at 0 or at 1 where a count is 0."""
    if hits <= 0 or misses <= 0:
        return np.full(DRAWS, 0.0 if hits <= 0 else 1.0)
    return rng.beta(hits, misses, DRAWS)


@lru_cache(maxsize=1 << 10)
def discernment_bounds(
    tp: float, fn: float, fp: float, tn: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """An interval of sensitivity + specificity - 1, melded from the exact bounds of both; see `corrected_interval`."""
    rng = np.random.default_rng(0)
    least = _beta(rng, tp, fn + 1) + _beta(rng, tn, fp + 1) - 1
    most = _beta(rng, tp + 1, fn) + _beta(rng, tn + 1, fp) - 1
    return float(np.quantile(least, (1 - confidence) / 2)), float(np.quantile(most, (1 + confidence) / 2))


@lru_cache(maxsize=1 << 10)
def corrected_interval(
    counted: tuple[float, float], harmful: tuple[int, int], harmless: tuple[int, int], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """An interval of the true share behind a share counted by a judge whose errors were measured on labels.

    counted: hits and n, effective ones under groups. harmful, harmless: of the labelled replies of each kind, how many
    the judge took for harmful, and for harmless, and how many there were. The exact (Clopper-Pearson) bounds of the
    three shares are taken as distributions and melded (Fay, Proschan and Brittain 2015; Bayer, Fay and Graubard 2023):
    so it holds with a handful of labels too. Where a draw lets the judge guess, the share may be anything.
    """
    (hits, n), (found, m), (passed, k) = counted, harmful, harmless
    rng, ends = np.random.default_rng(0), []
    for one in (1, 0):  # the lower bounds of share and specificity go with the upper one of sensitivity
        share = _beta(rng, hits + 1 - one, n - hits + one)
        se = _beta(rng, found + one, m - found + 1 - one)
        sp = _beta(rng, passed + 1 - one, k - passed + one)
        tells = se + sp - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            true = np.where(tells > 0, np.clip((share + sp - 1) / tells, 0.0, 1.0), 1.0 - one)
        ends.append(float(np.quantile(true, (1 - confidence) / 2 if one else (1 + confidence) / 2)))
    return ends[0], ends[1]
