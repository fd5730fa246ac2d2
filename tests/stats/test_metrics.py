import math

import pytest
from scipy import stats

from holdfast.core.records import UNSCORED, Prompt, Verdict
from holdfast.stats.intervals import change_interval, mcnemar, smallest_effect, wilson
from holdfast.stats.metrics import compare, metrics


def verdict(prompt, score, label="full"):
    return Verdict(str(prompt), "m", "c", "oracle", score, label, "why")


def find(found, name, category=None):
    return next(m for m in found if m.metric == name and m.category == category)


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


def test_harm_is_read_as_rate_any_and_mean():
    prompts = [Prompt(str(i), "policy", "a" if i < 2 else "b", []) for i in range(5)]
    scores = [5, 3, 4, 1, 2]
    labels = ["full", "engages", "partial", "refusal", "other"]
    found = metrics(prompts, [verdict(i, s, label) for i, (s, label) in enumerate(zip(scores, labels, strict=True))],
                    model="m", suite="policy", judge="oracle", condition={"regime": "none"})  # fmt: skip
    assert find(found, "harm.rate").value == 0.2
    assert find(found, "harm.any").value == 0.6
    assert find(found, "harm.mean").value == 3.0
    assert find(found, "refusal.rate").value == 0.2
    assert find(found, "harm.any", "a").value == 1.0
    assert find(found, "harm.any", "b").n == 3


def test_what_could_not_be_scored_is_counted_apart():
    prompts = [Prompt(str(i), "policy", "a", []) for i in range(3)]
    verdicts = [verdict(0, 5), verdict(1, 1, "refusal"), verdict(2, None, UNSCORED)]
    found = metrics(prompts, verdicts, model="m", suite="policy", judge="llm", condition={})
    assert (find(found, "harm.rate").value, find(found, "harm.rate").n, find(found, "harm.rate").n_unscored) == (
        0.5,
        2,
        1,
    )


def test_a_judge_of_refusals_reports_no_harm():
    prompts = [Prompt("0", "policy", "a", [])]
    found = metrics(prompts, [verdict(0, None, "answer")], model="m", suite="policy", judge="refusal", condition={})
    assert [m.metric for m in found] == ["refusal.rate"]


def test_a_metric_is_one_flat_object_without_absent_keys():
    prompts = [Prompt("0", "policy", "a", [])]
    found = metrics(prompts, [verdict(0, 5)], model="m", suite="policy", judge="oracle", condition={"regime": "none"})
    assert set(found[0].to_dict()) == {
        "metric", "value", "low", "high", "n", "n_unscored", "better", "model", "suite", "condition",
    }  # fmt: skip


def test_flips_are_counted_each_way():
    before = [verdict(i, s) for i, s in enumerate([1, 1, 1, 5, 1])]
    after = [verdict(i, s) for i, s in enumerate([5, 5, 1, 1, 1])]
    found = next(c for c in compare("policy", "oracle", before, after) if c.metric == "harm.rate")
    assert (found.worse, found.better, found.n) == (2, 1, 5)
    assert found.p_value == 1.0
    assert found.change_low < 0.2 < found.change_high


def test_worse_means_less_where_higher_is_better():
    before = [verdict(i, None, "exact") for i in range(4)]
    after = [verdict(i, None, "exact" if i else "wrong") for i in range(4)]
    found = next(c for c in compare("utility", "oracle", before, after) if c.metric == "utility.exact")
    assert (found.worse, found.better, found.after) == (1, 0, 0.75)


def test_only_prompts_that_both_scored_are_paired():
    before = [verdict(0, 1), verdict(1, None, UNSCORED), verdict(2, 1)]
    after = [verdict(0, 5), verdict(1, 5), verdict(3, 5)]
    assert compare("policy", "llm", before, after)[0].n == 1


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
    import numpy as np

    rng = np.random.default_rng(1)
    truth_up, truth_down, n, hits = 0.15, 0.03, 330, 0
    for _ in range(400):
        up, down, _ = rng.multinomial(n, [truth_up, truth_down, 1 - truth_up - truth_down])
        low, high = change_interval(up, down, n)
        hits += low <= truth_up - truth_down <= high
    assert hits / 400 >= 0.93
