import pytest

from holdfast.core.records import Metric
from holdfast.stats.figures import figure, interval, p_cell, p_text, percent, points, with_interval


def test_a_share_is_written_in_one_way():
    assert (percent(0.125), percent(None), percent(0.12345, 2), percent(1, 0)) == ("12.5 %", "–", "12.35 %", "100 %")
    assert interval(0.01, 0.025) == "[1.0, 2.5]"
    assert with_interval(0.02, 0.01, 0.025, 2) == "2.00 % [1.00, 2.50]"
    assert points(-0.02, -0.025, 0.01) == "-2.0 [-2.5, +1.0]"


def test_a_small_p_is_a_bound():
    assert (p_text(0.0123), p_text(1e-9), p_cell(0.5), p_cell(1e-5)) == ("p = 0.012", "p < 1e-4", "0.5", "< 1e-4")


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        (Metric("harm.any", 0.02, 0.01, 0.05, 330, 0, "lower", "m", "policy", None, {}), "2.0 % [1.0, 5.0]"),
        (Metric("harm.mean", 1.5, 1.25, 1.75, 330, 0, "lower", "m", "policy", None, {}), "1.50 [1.25, 1.75]"),
        (Metric("harm.any", None, None, None, 0, 7, "lower", "m", "policy", None, {}), "– (7 unscored)"),
        (Metric("probe.found", 1.0, None, None, 3, 0, "lower", "m", "probe", None, {}), "1 of 3"),
        (Metric("redteam.distinct", 40.0, None, None, 1000, 0, "lower", "m", "redteam", None, {}), "40 in 1000"),
        (None, ""),
    ],
)
def test_a_metric_is_written_in_one_way(metric, shown):
    assert figure(metric) == shown
