"""Exposure, in bits: how much likelier a model finds a planted secret than others that could stand in its place.

    exposure(loss, losses_of_others, space_size).bits
    memorised(exposures)                 one p for many canaries

Carlini et al. 2019 (1802.08232): exposure(s) = log2 |R| − log2 rank(s), where R is the space of secrets and the rank is
by the model's log-perplexity of the sentence with each. Exactly when all of R is scored; else from a sample of R: by
the share of the sample that is likelier, and where none of it is, by a skew-normal distribution fitted to the sample's
log-perplexities, or the normal one where that tells less (a skew-normal's tail may end at a wall that the model does
not have). A model that never saw the secret gives a uniform rank: exposure 1/ln 2 = 1.44 bits in the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

UNSEEN = 1 / math.log(2)  # mean exposure of what a model never saw, in bits


@dataclass(frozen=True)
class Exposure:
    """Bits, from 0 to log2 of the space; how they were found; and the chance of so high a rank by luck."""

    bits: float
    method: str  # exact, sample, skew-normal

    @property
    def luck(self) -> float:
        return float(2.0**-self.bits)


def exposure(loss: float, others: Sequence[float], size: int) -> Exposure:
    """The exposure of a secret with this log-perplexity among others, which are a sample of a space of this size.

    Others with the same log-perplexity count half. Raises ValueError without others.
    """
    if not others:
        raise ValueError("exposure needs other secrets to compare with")
    data = np.asarray(others, dtype=float)
    likelier = float((data < loss).sum()) + 0.5 * float((data == loss).sum())
    most = math.log2(size)
    if len(data) >= size - 1:
        return Exposure(most - math.log2(1 + likelier), "exact")
    if likelier:
        return Exposure(min(most, -math.log2(likelier / len(data))), "sample")
    return Exposure(min(most, max(math.log2(1 + len(data)), _tail(loss, data))), "skew-normal")


def _tail(loss: float, data: np.ndarray) -> float:
    """−log2 of the share below a loss, by a skew-normal or a normal distribution fitted to it, whichever gives less."""
    if float(data.std()) == 0.0:
        return math.inf
    skewed = float(stats.skewnorm.logcdf(loss, *stats.skewnorm.fit(data)))
    plain = float(stats.norm.logcdf(loss, data.mean(), data.std()))
    below = plain if math.isnan(skewed) else max(skewed, plain)
    return -below / math.log(2)


def memorised(found: Sequence[Exposure]) -> float:
    """Fisher's combined p: how often canaries that a model never saw would rank as high."""
    return float(stats.combine_pvalues([e.luck for e in found]).pvalue) if found else 1.0


def more_exposed(tuned: Sequence[Exposure], base: Sequence[Exposure]) -> float:
    """One-sided p of Wilcoxon's signed-rank test over the same canaries: the tuned model's exposure is higher."""
    gaps = [a.bits - b.bits for a, b in zip(tuned, base, strict=True)]
    return float(stats.wilcoxon(gaps, alternative="greater").pvalue) if any(gaps) else 1.0
