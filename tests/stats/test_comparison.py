from holdfast.core.records import UNSCORED, Verdict
from holdfast.stats.comparison import compare


def verdict(prompt, score, label="full"):
    return Verdict(str(prompt), "m", "c", "oracle", score, label, "why")


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
