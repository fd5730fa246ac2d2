"""Figures as people read them: the one way to write a share, an interval, a p-value and a metric, in every output."""

from __future__ import annotations

from holdfast.core.records import Metric
from holdfast.stats.metrics import reads_as_share

NONE = "–"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage: 0.125 is 12.5 %. A dash where there is none."""
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def interval(low: float, high: float, digits: int = 1) -> str:
    """The two ends of a share's interval in percent, without the sign: [1.0, 2.5]."""
    return f"[{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def with_interval(share: float | None, low: float, high: float, digits: int = 1) -> str:
    """A share and its interval: 2.0 % [1.0, 2.5]."""
    return f"{percent(share, digits)} {interval(low, high, digits)}"


def points(change: float, low: float, high: float) -> str:
    """A change between two shares in percentage points, with its interval: +2.0 [+1.0, +2.5]."""
    return f"{100 * change:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def p_text(p: float) -> str:
    """A p-value: p = 0.012, or p < 1e-4."""
    return f"p {p_cell(p)}" if p < 1e-4 else f"p = {p_cell(p)}"


def p_cell(p: float) -> str:
    """A p-value where its column says what it is: 0.012, or < 1e-4."""
    return "< 1e-4" if p < 1e-4 else f"{p:.2g}"


def value_text(metric: Metric) -> str:
    """The value alone; how many replies were unscored where there is none."""
    if metric.value is None:
        return f"{NONE} ({metric.n_unscored} unscored)"
    if metric.metric == "probe.found":
        return f"{metric.value:g} of {metric.n}"
    if metric.metric.endswith("distinct"):
        return f"{metric.value:g} in {metric.n}"
    return percent(metric.value) if reads_as_share(metric) else f"{metric.value:.2f}"


def interval_text(metric: Metric) -> str:
    """The 95 % interval, or nothing where there is none."""
    if metric.value is None or metric.low is None or metric.high is None:
        return ""
    return interval(metric.low, metric.high) if reads_as_share(metric) else f"[{metric.low:.2f}, {metric.high:.2f}]"


def figure(metric: Metric | None) -> str:
    """A metric with its 95 % interval; nothing where it was not measured."""
    return f"{value_text(metric)} {interval_text(metric)}".rstrip(" ") if metric else ""
