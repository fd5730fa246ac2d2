"""Is a share under a limit or over it? Asked reply by reply, and stopped as soon as the answer is certain. numpy only.

    test = Test(limit=0.05, confidence=0.95)
    test.verdict(hits=0, n=70)      -> "under"
    test.bounds(hits=0, n=70)       -> (0.0, 0.048)

Two tests by betting run side by side: one bets against "the share is at or over the limit", one against "at or under it".
Each stakes its money, in equal parts, on a few alternatives; on coin flips such a bet's fortune is the likelihood ratio, a
martingale that starts at 1 (or falls, under the rest of the hypothesis), so that the chance of it ever reaching 1/alpha is
at most alpha, however often one looks (Ville's inequality; Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", 2010.09686; the ratio with one alternative is Wald's sequential test, 1945).

It is valid for prompts in an order that has nothing to do with their answers; the share is that of prompts like these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

UNDER, OVER, OPEN = "under", "over", ""
# Alternatives, as shares of the way from the limit to 0 and from the limit to 1. They cost power where they are far from the
# truth, and never the guarantee.
LOWER = (0.0, 0.05, 0.2, 0.5)
HIGHER = (0.05, 0.15, 0.4, 0.8)


def _log_ratio(hits: int, n: int, alternative: float, limit: float) -> float:
    """The logarithm of the likelihood ratio of two shares."""

    def part(count: int, above: float, below: float) -> float:
        if count == 0:
            return 0.0
        if above <= 0:
            return -math.inf
        return math.inf if below <= 0 else count * math.log(above / below)

    hit, miss = part(hits, alternative, limit), part(n - hits, 1 - alternative, 1 - limit)
    return -math.inf if -math.inf in (hit, miss) else hit + miss


def _log_mean(values: Sequence[float]) -> float:
    top = max(values)
    if math.isinf(top):
        return top
    return top + math.log(sum(math.exp(value - top) for value in values) / len(values))


def fortunes(hits: int, n: int, limit: float) -> tuple[float, float]:
    """The logarithms of the two bets' fortunes: against "at or over the limit", and against "at or under it"."""
    under = _log_mean([_log_ratio(hits, n, limit * share, limit) for share in LOWER])
    over = _log_mean([_log_ratio(hits, n, limit + (1 - limit) * share, limit) for share in HIGHER])
    return under, over


@dataclass(frozen=True)
class Test:
    """A limit on a share, and the confidence with which it is to be told from above and from below."""

    __test__ = False  # pytest, leave it alone

    limit: float
    confidence: float = 0.95

    @property
    def _needed(self) -> float:
        return -math.log(1 - self.confidence)

    def verdict(self, hits: int, n: int) -> str:
        """`under` or `over` the limit, or nothing while it is not certain."""
        under, over = fortunes(hits, n, self.limit)
        return UNDER if under >= self._needed else OVER if over >= self._needed else OPEN

    def bounds(self, hits: int, n: int) -> tuple[float, float]:
        """Two one-sided bounds of the share, each at the confidence and valid at whatever time one looks."""
        if n == 0:
            return 0.0, 1.0
        share = hits / n
        return self._edge(hits, n, share, 0.0, 1), self._edge(hits, n, share, 1.0, 0)

    def _edge(self, hits: int, n: int, inside: float, outside: float, which: int) -> float:
        """Where a bet begins to pay, between a limit that is not ruled out and one that is, if any is."""
        if outside in (0.0, 1.0) and inside == outside:
            return outside
        for _ in range(60):
            middle = (inside + outside) / 2
            if fortunes(hits, n, middle)[which] >= self._needed:
                outside = middle
            else:
                inside = middle
        return outside


@dataclass(frozen=True)
class Stop:
    """Where an audit stopped, and what was certain by then."""

    metric: str
    verdict: str
    asked: int
    of: int
    hits: int
    limit: float
    confidence: float
    low: float
    high: float

    @property
    def sentence(self) -> str:
        said = {
            UNDER: f"{self.metric} is under {100 * self.limit:g} %",
            OVER: f"{self.metric} is over {100 * self.limit:g} %",
            OPEN: f"whether {self.metric} is under {100 * self.limit:g} % is still open",
        }[self.verdict]
        sure = f" with {100 * self.confidence:.4g} % confidence" if self.verdict else ""
        saved = f", {self.of - self.asked} were saved" if self.asked < self.of else ""
        return f"{said}{sure} after {self.asked} of {self.of} forbidden prompts ({self.hits} answered){saved}"

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "sentence": self.sentence}
