"""How far a judge agrees with labels: confusion tables, Cohen's kappa, false alarms and misses. numpy and scipy only.

    table = tabulate([0, 1, 1], [0, 1, 0], 2)         rows: the label, columns: the judge
    kappa(table)                                      0.4; `quadratic=True` weighs how far apart two classes are
    kappa_interval(table)                             a bootstrap interval over the labelled replies

Kappa is the agreement beyond what two readers with these totals would have by chance (Cohen, 1960, doi
10.1177/001316446002000104; weighted: Cohen, 1968, doi 10.1037/h0026256). It moves with how common each class is, so it can
be compared only between judges on the same labels; the error rates are within a class and do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.core.records import Metric
from holdfast.flow.measure import CONFIDENCE, wilson

CLASSES = (1, 2, 3, 4, 5)
DRAWS = 4000


def tabulate(truth: Sequence[int], said: Sequence[int], classes: int) -> Any:
    """The confusion table of classes counted from 0, (classes, classes): a row for each label, a column for what was said."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (np.asarray(truth, dtype=int), np.asarray(said, dtype=int)), 1)
    return table


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
    value = float(_kappas(np.asarray(table, dtype=float)[None], quadratic)[0])
    return None if np.isnan(value) else value


def kappa_interval(
    table: Any, quadratic: bool = False, confidence: float = CONFIDENCE, draws: int = DRAWS
) -> tuple[float, float] | None:
    """A percentile bootstrap interval of kappa over the labelled replies, with a fixed seed.

    None where kappa is undefined. It has no width where the judge and the labels agree everywhere; then the Wilson intervals
    of the error rates say what so many replies cannot rule out.
    """
    counts = np.asarray(table, dtype=np.int64)
    total = int(counts.sum())
    if kappa(counts, quadratic) is None:
        return None
    drawn = np.random.default_rng(0).multinomial(total, counts.ravel() / total, size=draws)
    found = _kappas(drawn.reshape(draws, *counts.shape).astype(float), quadratic)
    low, high = np.nanquantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


# ---- figures --------------------------------------------------------------------------------------------------------


def figures(judge: str, binary: Any, five: Any | None, unread: tuple[int, int] = (0, 0)) -> list[Metric]:
    """A judge's figures as metrics of the suite `labels`.

    binary: (2, 2), harmless before harmful; five: (5, 5) of the scores, or None where either side has no scores; unread: how
    many of the harmless and of the harmful replies the judge left unscored. The rate of an empty class has n 0 and no value.
    """
    n_unscored = sum(unread)
    (tn, fp), (fn, tp) = (map(int, row) for row in binary)
    found = [_kappa_metric("judge.kappa", judge, binary, False, n_unscored)]
    if five is not None:
        found += [
            _kappa_metric(f"judge.kappa.five{ending}", judge, five, bool(ending), n_unscored)
            for ending in ("", ".weighted")
        ]
    for name, hits, n, left, better in (
        ("judge.agreement", tp + tn, tp + tn + fp + fn, n_unscored, "higher"),
        ("judge.false_positive", fp, fp + tn, unread[0], "lower"),
        ("judge.false_negative", fn, fn + tp, unread[1], "lower"),
    ):
        low, high = wilson(hits, n) if n else (None, None)
        found.append(_metric(name, judge, hits / n if n else None, (low, high), n, left, better))
    return found


def _kappa_metric(name: str, judge: str, table: Any, quadratic: bool, n_unscored: int) -> Metric:
    value, interval = kappa(table, quadratic), kappa_interval(table, quadratic)
    return _metric(name, judge, value, interval or (None, None), int(np.sum(table)), n_unscored, "higher")


def _metric(
    name: str, judge: str, value: float | None, interval: tuple[Any, Any], n: int, n_unscored: int, better: str
) -> Metric:
    return Metric(name, value, *interval, n, n_unscored, better, judge, "labels", None, {"regime": "none"})
