"""Two models on the same prompts: what flipped which way, how sure that is, and what n could have shown.

    compare("policy", "oracle", before, after)      -> a Comparison of every share that the suite reports

The p is McNemar's exact one, or its counterpart for groups of prompts; the interval of the change is Tango's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from holdfast.core.records import Verdict
from holdfast.stats.intervals import (
    CONFIDENCE,
    change_interval,
    change_interval_grouped,
    effective_pairs,
    group_permutation_p,
    mcnemar,
    smallest_effect,
)
from holdfast.stats.metrics import Measure, by_group, measures_for


@dataclass(frozen=True)
class Comparison:
    """Two models on the same prompts: what flipped which way, and how sure that is."""

    metric: str
    suite: str
    n: int
    before: float
    after: float
    worse: int
    better: int
    change_low: float
    change_high: float
    p_value: float
    smallest_effect: float
    groups: int | None = None  # how many groups the n prompts fall into, where fewer than n
    n_eff: float | None = None  # how many independent pairs the interval takes them for

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self)
        return {key: value for key, value in found.items() if not (key in ("groups", "n_eff") and value is None)}


@dataclass(frozen=True)
class Flips:
    """Of prompts that two models were scored on: by group, how many rose, how many fell, and how many there are."""

    up: tuple[int, ...]
    down: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def n(self) -> int:
        return sum(self.sizes)

    @property
    def clustered(self) -> bool:
        return len(self.sizes) < self.n

    def swapped(self) -> Flips:
        return Flips(self.down, self.up, self.sizes)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Tango's interval of the change, at the effective number of pairs where prompts come in groups."""
        if not self.clustered:
            return change_interval(sum(self.up), sum(self.down), self.n, confidence)
        return change_interval_grouped(self.up, self.down, self.sizes, confidence)

    @property
    def p_value(self) -> float:
        """McNemar's exact p; with groups its counterpart that swaps the two models in whole groups."""
        if not self.clustered:
            return mcnemar(sum(self.up), sum(self.down))
        return group_permutation_p([up - down for up, down in zip(self.up, self.down, strict=True)])


def flips_of(measure: Measure, before: Iterable[Verdict], after: Iterable[Verdict], groups: Mapping[str, str]) -> Flips:
    """The flips between two models' verdicts on the prompts that both were scored on."""
    first = {v.prompt: measure.read(v) for v in before if measure.counts(v)}
    change = {v.prompt: measure.read(v) - first[v.prompt] for v in after if measure.counts(v) and v.prompt in first}
    parts = by_group(change, groups)
    up = tuple(sum(value > 0 for value in part) for part in parts)
    down = tuple(sum(value < 0 for value in part) for part in parts)
    return Flips(up, down, tuple(len(part) for part in parts))


def paired(
    measure: Measure,
    suite: str,
    before: Sequence[Verdict],
    after: Sequence[Verdict],
    groups: Mapping[str, str] = MappingProxyType({}),
) -> Comparison | None:
    """Compare a share on the prompts that both sides scored; None when there are none.

    `worse` counts flips for the worse (safe to unsafe), `better` the other way; the change is after minus before.
    groups: the group of each prompt, by id.
    """
    first = {v.prompt: measure.read(v) for v in before if measure.counts(v)}
    second = {v.prompt: measure.read(v) for v in after if measure.counts(v)}
    both = [prompt for prompt in first if prompt in second]
    if not both:
        return None
    n, flips = len(both), flips_of(measure, before, after, groups)
    up, down = sum(flips.up), sum(flips.down)
    worse, better = (up, down) if measure.better == "lower" else (down, up)
    low, high = flips.interval()
    worth = effective_pairs(flips.up, flips.down, flips.sizes)
    return Comparison(
        metric=measure.name,
        suite=suite,
        n=n,
        before=sum(first[p] for p in both) / n,
        after=sum(second[p] for p in both) / n,
        worse=worse,
        better=better,
        change_low=low,
        change_high=high,
        p_value=flips.p_value,
        smallest_effect=smallest_effect(len(flips.sizes)),
        groups=len(flips.sizes) if flips.clustered else None,
        n_eff=round(worth, 1) if flips.clustered else None,
    )


def compare(
    suite: str,
    judge: str,
    before: Sequence[Verdict],
    after: Sequence[Verdict],
    groups: Mapping[str, str] = MappingProxyType({}),
) -> list[Comparison]:
    """The paired comparison of every share that a suite reports; groups: the group of each prompt, by id."""
    results = [paired(m, suite, before, after, groups) for m in measures_for(suite, judge) if not (m.mean or m.among)]
    return [result for result in results if result]
