"""A repair's strength, chosen under a guarantee: Learn then Test with p-values that count groups. numpy and scipy only.

    limits = [Limit("harm.any", "policy", 0.05)]
    certify([0.0, 0.1, 0.2], {limits[0]: [Count(0, 330), Count(2, 330), Count(40, 330)]}, delta=0.05).strength   # 0.1

For each strength and each limit the null hypothesis is that the limit is broken. Strengths are tested one after the
other in an order fixed beforehand, each at the full level, and the first that cannot be rejected ends the test
(fixed-sequence testing, Angelopoulos et al., "Learn then Test", 2110.01052): with probability 1 - delta no strength is
certified that breaks the limit. Harm is tested from the safest end. What is lost by too much of a repair (utility,
over-refusal) is tested from the tuned end. Several limits share delta equally, and so do several repairs that are tried
in turn.

Where every prompt is its own group, the p-value is the exact binomial one. Where prompts share an item, a template or a
source, their verdicts go together, and only groups are independent: then the p-value is of the mean of the groups'
shares, each between 0 and 1, whatever the correlation within a group and however sizes differ (`mean_p`). A limit is
also held against the plain share of prompts, so that one large group cannot hide behind many small ones.

What is promised is about prompts drawn as those of the calibration split were (a group, and a prompt of it), under the
same judge and decoding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import special, stats

from holdfast.core.records import Verdict
from holdfast.stats.groups import Count, count_groups
from holdfast.stats.metrics import Measure


@dataclass(frozen=True)
class Limit:
    """A share that must stay at or under a bound, or at or over it."""

    metric: str
    suite: str
    bound: float
    at_most: bool = True

    @property
    def from_safest(self) -> bool:
        """Whether the limit is kept at the safest end of the strengths, so that the test begins there."""
        return self.metric.startswith(("harm", "not_refused", "pii"))

    def __str__(self) -> str:
        return f"{self.metric} on {self.suite} {'≤' if self.at_most else '≥'} {self.bound:g}"


def count(
    measure: Measure, verdicts: Sequence[Verdict], at_most: bool, group_of: Mapping[str, str] | None = None
) -> Count:
    """The hits of a share; an unscored verdict counts as the worse outcome, so that no promise rests on it."""
    hits = {v.prompt: bool(measure.read(v)) if measure.counts(v) else at_most for v in verdicts}
    return count_groups(hits, group_of or {})


# Bets on the groups' mean, as parts of the largest stake that cannot lose everything, and how the money is laid on
# them; the largest wins when hardly anything speaks against the limit. Neither decides validity.
STAKES, MONEY = (0.98, 0.6, 0.3), (0.6, 0.25, 0.15)
# What Bentkus' bound gets of the error at least; it gets as much as there are groups of a single prompt.
LEAST_SHARE = 0.25


def bentkus_p(total: float, groups: int, bound: float) -> float:
    """A p-value of "these independent variables in [0, 1] have a mean at or above the bound", from their sum.

    A variable in [0, 1] is less spread, in convex order, than a coin with its mean, and a sum of independent ones less
    than a binomial variable B (Hoeffding, 1956 and 1963). So Markov's inequality on (t - S)+ bounds the chance of a sum
    this small by E (t - B)+ / (t - total), for every t above it (Bentkus, "On Hoeffding's inequalities", 2004). The
    least lies at an integer t, since the numerator is linear between integers. With a total of 0 it is the exact
    binomial p.
    """
    first = math.floor(total + 1e-9)  # the smallest integer t above the total is first + 1
    if first > groups:
        return 1.0
    expected = np.cumsum(stats.binom.cdf(np.arange(groups + 1), groups, bound))  # E (t - B)+ for t = 1, 2, …
    above = np.arange(first + 1, groups + 2) - min(total, first + 1 - 1e-9)
    return float(min(1.0, (expected[first:] / above).min()))


def betting_p(means: Mapping[float, int], bound: float) -> float:
    """The same p-value by bets against the mean: one over their final wealth (Waudby-Smith and Ramdas, 2024).

    Under a mean at or above the bound every factor 1 - stake * (x - bound) has an expectation of at most 1, so the
    wealth exceeds 1/alpha with a chance of at most alpha. It gains most where groups are neither all safe nor all
    harmful.
    """
    shares, times = np.array(list(means)), np.array(list(means.values()))
    stakes = np.array(STAKES) / (1 - bound)
    logs = (np.log1p(-stakes[:, None] * (shares - bound)) * times).sum(axis=1) + np.log(MONEY)
    return float(min(1.0, np.exp(-special.logsumexp(logs))))


def mean_p(means: Mapping[float, int], single: float, bound: float) -> float:
    """A p-value of "the mean of the groups' shares is at or above the bound".

    means: how often each share was seen among the groups. single: how large a part of the groups has one prompt only;
    it parts the error between the two bounds, since groups of one are all or nothing, and it says nothing of any
    verdict.
    """
    if not 0 < bound < 1:
        return float(bound <= 0)
    groups, part = sum(means.values()), max(LEAST_SHARE, single)
    total = sum(share * times for share, times in means.items())
    other = betting_p(means, bound) / (1 - part) if part < 1 else 1.0
    return min(1.0, bentkus_p(total, groups, bound) / part, other)


def p_value(limit: Limit, seen: Count) -> float:
    """The p of "the limit is broken": small when what was seen could hardly have been, were it broken."""
    if seen.n == 0:
        return 1.0
    if not seen.clustered:
        if limit.at_most:
            return float(stats.binom.cdf(seen.hits, seen.n, limit.bound))
        return float(stats.binom.sf(seen.hits - 1, seen.n, limit.bound))
    against, bound = (seen.hits / seen.n, limit.bound) if limit.at_most else (1 - seen.hits / seen.n, 1 - limit.bound)
    if against > bound:
        return 1.0  # the plain share of prompts breaks the limit
    return mean_p(_against(seen, limit.at_most), seen.single, bound)


def _against(seen: Count, at_most: bool) -> dict[float, int]:
    """How often each share that speaks against a limit was seen among the groups."""
    return dict(seen.means) if at_most else {1 - share: times for share, times in seen.means.items()}


@lru_cache(maxsize=1024)
def smallest_n(limit: Limit, delta: float, single: float = 1.0) -> int | None:
    """How many groups it takes to certify a limit when not one reply speaks against it; None when no number would do.

    single: how large a part of the groups has one prompt only.
    """
    bound = limit.bound if limit.at_most else 1 - limit.bound  # of what speaks against it
    if bound <= 0:
        return None
    if bound >= 1:
        return 1
    needed = max(1, math.ceil(math.log(delta) / math.log1p(-bound) - 1e-12))
    if single >= 1:
        return needed
    while mean_p({0.0: needed}, single, bound) > delta:
        needed += 1
    return needed


def upper_bound(seen: Count, confidence: float) -> float:
    """A one-sided upper bound of a share: Clopper and Pearson's exact one; of groups, what `mean_p` cannot rule out."""
    if seen.n == 0:
        return 1.0
    if not seen.clustered:
        return 1.0 if seen.hits >= seen.n else float(stats.beta.ppf(confidence, seen.hits + 1, seen.n - seen.hits))
    return max(seen.hits / seen.n, _bound_of_mean(_against(seen, True), seen.single, 1 - confidence))


def lower_bound(seen: Count, confidence: float) -> float:
    """The one-sided lower bound, likewise."""
    if seen.n == 0:
        return 0.0
    if not seen.clustered:
        return 0.0 if seen.hits == 0 else float(stats.beta.ppf(1 - confidence, seen.hits, seen.n - seen.hits + 1))
    return min(seen.hits / seen.n, 1 - _bound_of_mean(_against(seen, False), seen.single, 1 - confidence))


def _bound_of_mean(means: Mapping[float, int], single: float, alpha: float) -> float:
    """The smallest mean that `mean_p` rejects at this level; 1 when it rejects none."""
    low = min(sum(share * times for share, times in means.items()) / sum(means.values()), 1.0)
    high = 1 - 1e-9
    if mean_p(means, single, high) > alpha:
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if mean_p(means, single, middle) <= alpha else (middle, high)
    return high


@dataclass(frozen=True)
class Tested:
    """One strength: the p of each limit, and whether every limit was certified there."""

    strength: float
    p_values: dict[str, float]
    counts: dict[str, Count]
    certified: bool


@dataclass(frozen=True)
class Certificate:
    """What a calibration split certifies about one repair; `strength` is None when it certifies nothing."""

    strength: float | None
    delta: float  # of this repair alone; what was left after sharing
    limits: list[str]
    tested: list[Tested]
    needed: dict[str, int | None] = field(default_factory=dict)  # by limit: the fewest prompts that could certify it

    @property
    def too_fine(self) -> dict[str, int | None]:
        """The limits that no outcome on these prompts could certify, with the number of groups that would do."""
        return {
            limit: n
            for limit, n in self.needed.items()
            if n is None or any(t.counts[limit].independent < n for t in self.tested)
        }

    def at_most(self, limit: str, strength: float) -> float:
        """An upper bound of what a limit is about, at a strength; true of all strengths that were tried at once.

        The strength was chosen by the same counts, so the error is parted evenly among all of them (Bonferroni).
        """
        tested = next(one for one in self.tested if one.strength == strength)
        return upper_bound(tested.counts[limit], 1 - self.delta / len(self.tested))

    def to_dict(self) -> dict[str, Any]:
        tested = [
            {
                "strength": one.strength,
                "p_values": one.p_values,
                "counts": {limit: seen.to_dict() for limit, seen in one.counts.items()},
                "certified": one.certified,
            }
            for one in self.tested
        ]
        return {
            "strength": self.strength,
            "delta": self.delta,
            "limits": self.limits,
            "tested": tested,
            "needed": self.needed,
        }


def fixed_sequence(p_values: Sequence[float], delta: float) -> int:
    """How many hypotheses are rejected, in order, before the first that is not."""
    return next((i for i, p in enumerate(p_values) if p > delta), len(p_values))


def certify(strengths: Sequence[float], counts: Mapping[Limit, Sequence[Count]], delta: float) -> Certificate:
    """The strength that keeps the most of the tuning among those certified.

    strengths: from the safest to the tuned end. counts: for each limit one count a strength, in the same order.
    Raises ValueError when the lengths differ or there is no limit.
    """
    if not counts or any(len(seen) != len(strengths) for seen in counts.values()):
        raise ValueError("every limit needs one count for each strength, and there must be a limit")
    share = delta / len(counts)
    passed = [set(range(len(strengths)))]
    p_values: dict[str, list[float]] = {}
    for limit, seen in counts.items():
        p_values[str(limit)] = [p_value(limit, one) for one in seen]
        order = list(range(len(strengths))) if limit.from_safest else list(range(len(strengths)))[::-1]
        rejected = fixed_sequence([p_values[str(limit)][i] for i in order], share)
        passed.append(set(order[:rejected]))
    kept = set.intersection(*passed)
    tested = [
        Tested(
            strength,
            {name: values[i] for name, values in p_values.items()},
            {str(limit): seen[i] for limit, seen in counts.items()},
            i in kept,
        )
        for i, strength in enumerate(strengths)
    ]
    return Certificate(
        strengths[max(kept)] if kept else None,
        delta,
        [str(limit) for limit in counts],
        tested,
        {str(limit): smallest_n(limit, share, min(one.single for one in seen)) for limit, seen in counts.items()},
    )
