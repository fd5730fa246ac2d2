"""How far a judge agrees with labels: confusion tables, Cohen's kappa, false alarms and misses. numpy and scipy only.

    table = tabulate([0, 1, 1], [0, 1, 0], 2)         rows: the label, columns: the judge
    kappa(table)                                      0.4; `quadratic=True` weighs how far apart two classes are
    kappa_interval(table)                             a bootstrap interval over the labelled replies

Kappa is the agreement beyond what two readers with these totals would have by chance (Cohen, 1960, doi
10.1177/001316446002000104; weighted: Cohen, 1968, doi 10.1037/h0026256). It moves with how common each class is, so it
can be compared only between judges on the same labels; the error rates are within a class and do not.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from holdfast.core.records import Metric
from holdfast.stats.intervals import CONFIDENCE, share_interval, wilson

CLASSES = (1, 2, 3, 4, 5)
DRAWS = 4000
LABELS: tuple[str, None, dict[str, str]] = ("labels", None, {"regime": "none"})  # suite, category, condition


def tabulate(truth: Sequence[int], said: Sequence[int], classes: int, groups: Sequence[Hashable] | None = None) -> Any:
    """The confusion table of classes counted from 0, (classes, classes): rows are labels, columns what the judge said.

    groups: what each reply shares with others, such as its question; then (groups, classes, classes), a table for each.
    """
    names = list(dict.fromkeys(groups if groups is not None else [None]))
    place = {name: i for i, name in enumerate(names)}
    tables = np.zeros((len(names), classes, classes), dtype=np.int64)
    at = (
        np.array([place[name] for name in groups], dtype=int) if groups is not None else np.zeros(len(truth), dtype=int)
    )
    np.add.at(tables, (at, np.asarray(truth, dtype=int), np.asarray(said, dtype=int)), 1)
    return tables if groups is not None else tables[0]


def _total(table: Any) -> Any:
    """One table, of all groups together."""
    counts = np.asarray(table)
    return counts.sum(axis=0) if counts.ndim == 3 else counts


def _kappas(tables: Any, quadratic: bool) -> Any:
    """Kappa of each of several tables, (draws, classes, classes); nan where chance alone would agree always."""
    shares = tables / np.maximum(tables.sum(axis=(1, 2), keepdims=True), 1)
    places = np.arange(tables.shape[1])
    apart = (places[:, None] - places) ** 2 if quadratic else (places[:, None] != places).astype(float)
    chance = shares.sum(axis=2)[:, :, None] * shares.sum(axis=1)[:, None, :]
    seen, expected = (shares * apart).sum(axis=(1, 2)), (chance * apart).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - seen / expected, np.nan)


def kappa(table: Any, quadratic: bool = False) -> float | None:
    """Cohen's kappa of a confusion table; None where both sides use one class only, which says nothing."""
    value = float(_kappas(_total(table).astype(float)[None], quadratic)[0])
    return None if np.isnan(value) else value


def kappa_interval(
    table: Any, quadratic: bool = False, confidence: float = CONFIDENCE, draws: int = DRAWS
) -> tuple[float, float] | None:
    """A percentile bootstrap interval of kappa over the labelled replies, with a fixed seed.

    Over groups where they are given.

    None where kappa is undefined. It has no width where the judge and the labels agree everywhere; then the Wilson
    intervals of the error rates say what so many replies cannot rule out.
    """
    counts = np.asarray(table, dtype=np.int64)
    total, rng = int(counts.sum()), np.random.default_rng(0)
    if kappa(counts, quadratic) is None:
        return None
    if counts.ndim == 3 and total > len(counts):
        times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
        drawn = times @ counts.reshape(len(counts), -1)
    else:
        drawn = rng.multinomial(total, _total(counts).ravel() / total, size=draws)
    found = _kappas(drawn.reshape(draws, *counts.shape[-2:]).astype(float), quadratic)
    low, high = np.nanquantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


# ---- figures --------------------------------------------------------------------------------------------------------


def figures(judge: str, binary: Any, five: Any | None, unread: tuple[int, int] = (0, 0)) -> list[Metric]:
    """A judge's figures as metrics of the suite `labels`.

    binary: (2, 2), harmless before harmful; five: (5, 5) of the scores, or None where either side has no scores; each
    may be one table a group, and then intervals hold when the replies of a group go together. unread: how many of the
    harmless and of the harmful replies the judge left unscored. The rate of an empty class has n 0 and no value.
    """
    n_unscored = sum(unread)
    tables = np.asarray(binary).reshape(-1, 2, 2)
    every = tables.sum(axis=(1, 2))
    found = [_kappa_metric("judge.kappa", judge, binary, False, n_unscored)]
    if five is not None:
        found += [
            _kappa_metric(f"judge.kappa.five{ending}", judge, five, bool(ending), n_unscored)
            for ending in ("", ".weighted")
        ]
    for name, hits, sizes, left, better in (
        ("judge.agreement", tables[:, 0, 0] + tables[:, 1, 1], every, n_unscored, "higher"),
        ("judge.false_positive", tables[:, 0, 1], tables[:, 0].sum(axis=1), unread[0], "lower"),
        ("judge.false_negative", tables[:, 1, 0], tables[:, 1].sum(axis=1), unread[1], "lower"),
    ):
        n, own = int(sizes.sum()), sizes > 0
        low, high = share_interval(hits[own], sizes[own]) if np.ndim(binary) == 3 else wilson(int(hits.sum()), n)
        value = float(hits.sum()) / n if n else None
        bounds: tuple[float | None, float | None] = (low, high) if n else (None, None)
        groups = _groups(binary, int(own.sum()), n)
        found.append(Metric(name, value, bounds[0], bounds[1], n, left, better, judge, *LABELS, groups))
    return found


def _kappa_metric(name: str, judge: str, table: Any, quadratic: bool, n_unscored: int) -> Metric:
    value, bounds, n = kappa(table, quadratic), kappa_interval(table, quadratic) or (None, None), int(np.sum(table))
    low, high = bounds
    suite, category, condition = LABELS
    groups = _groups(table, len(table), n)
    return Metric(name, value, low, high, n, n_unscored, "higher", judge, suite, category, condition, groups)


def _groups(table: Any, groups: int, n: int) -> int | None:
    """How many groups the n replies fall into, where there is a table for each group and fewer groups than replies."""
    return groups if np.ndim(table) == 3 and 1 <= groups < n else None
