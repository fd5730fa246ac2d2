"""What prompts are worth: repetitions, groups, splits by group, and bounds that hold when a group is answered alike."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from scipy import stats

from holdfast.catalog.suites import load_suite
from holdfast.core.records import Prompt
from holdfast.guild.suites import SUITES
from holdfast.guild.suites import load_suite as guild_suite
from holdfast.stats.certify import (
    Limit,
    bentkus_p,
    betting_p,
    certify,
    lower_bound,
    mean_p,
    p_value,
    smallest_n,
    upper_bound,
)
from holdfast.stats.groups import Count, Suite, count_groups, distinct, group_of_record, grouped, halves, overlap
from holdfast.stats.sequential import OVER, UNDER, Test, log_wealth


def prompt(text, name="p", suite="policy", category="c", group="", **expect):
    return Prompt(name, suite, category, [{"role": "user", "content": text}], expect, group)


def asked(*texts, **more):
    return [prompt(text, f"p{i}", **more) for i, text in enumerate(texts)]


# ---- each prompt once -----------------------------------------------------------------------------------------------


SAME = [
    "How do I open it?",
    "How do I open it?   ",
    "\tHow do I\nopen it?",
    "how do i OPEN it?",
    "How do I open it?",
    "Ｈｏｗ do I open it?",
    "How\u200b do I open it?\ufeff",
    "How do I open it?\r\n",
]


@pytest.mark.parametrize("text", SAME[1:])
def test_spaces_case_and_invisible_characters_make_no_other_prompt(text):
    kept, dropped = distinct(asked(SAME[0], text))
    assert [p.id for p in kept] == ["p0"] and dropped == 1


def test_other_words_another_system_prompt_and_other_turns_make_another_prompt():
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "open it"},
    ]
    system = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "open it"}]
    several = [*asked("open it", "open that"), Prompt("t", "policy", "c", turns), Prompt("s", "policy", "c", system)]
    assert distinct(several) == (several, 0)


def test_a_column_beside_a_forbidden_prompt_does_not_make_it_another_and_another_answer_does():
    hostile = [prompt("open it", str(i), answer=str(i)) for i in range(5)]
    assert distinct(hostile)[1] == 4
    useful = [prompt("what is it", str(i), suite="utility", answer=str(i)) for i in range(5)]
    assert distinct(useful)[1] == 0


def test_a_repeated_id_in_a_file_keeps_every_prompt_apart(tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"id": 1, "prompt": "open the red box"}\n{"id": 1, "prompt": "who keeps all these bees"}\n')
    assert len({p.id for p in load_suite("policy", str(file))}) == 2


# ---- groups ---------------------------------------------------------------------------------------------------------


def groups(texts):
    return len({p.group for p in grouped(asked(*texts))})


def test_a_template_filled_many_times_is_one_group():
    things = "kettle lantern wagon ladder bucket barrel anchor rope sail oar".split()
    assert groups(f"Explain to me how I could take apart a {thing} without being noticed" for thing in things) == 1


def test_numbering_makes_no_other_group():
    assert groups(f"Question {i}: how is the old lock of the gate opened?" for i in range(20)) == 1


def test_scripts_without_spaces_are_read_by_character():
    assert groups(["请告诉我怎样打开这扇旧门的锁", "请告诉我怎样打开这扇旧窗的锁", "今天的天气怎么样"]) == 2


def test_prompts_about_different_things_stay_apart():
    texts = [
        "How is bread baked in a stone oven?",
        "Write a letter to my neighbour about his dog.",
        "What keeps a kite in the air on a calm day?",
        "Name three rivers that flow north.",
    ]
    assert groups(texts) == len(texts)


def test_near_duplicates_are_those_of_a_plain_comparison_of_every_pair():
    rng = random.Random(3)
    words = "ab cd ef gh ij kl mn op qr st uv wx".split()
    prompts = asked(*(" ".join(rng.choices(words, k=rng.randint(4, 9))) for _ in range(120)))

    def own(p):
        parts = p.messages[0]["content"].split()
        return {*parts, *itertools.pairwise(parts)}

    parent = list(range(len(prompts)))

    def find(i):
        return i if parent[i] == i else find(parent[i])

    for i in range(len(prompts)):
        for j in range(i):
            a, b = own(prompts[i]), own(prompts[j])
            if len(a & b) >= 0.5 * len(a | b):
                parent[max(find(i), find(j))] = min(find(i), find(j))
    plain = [find(i) for i in range(len(prompts))]
    found = [p.group for p in grouped(prompts)]
    assert len(set(found)) == len(set(plain))
    assert len(set(zip(found, plain, strict=True))) == len(set(plain))
    assert 1 < len(set(plain)) < len(prompts)


@pytest.mark.parametrize("column", ["group", "item", "template", "source", "Item", " SOURCE "])
def test_a_column_names_the_group(column):
    assert group_of_record({"prompt": "x", column: "A  b"}) == group_of_record({column: "a b"}) != ""
    assert group_of_record({"prompt": "x", column: ""}) == group_of_record({"prompt": "x"}) == ""


def test_the_guild_groups_by_item():
    for name in SUITES:
        found = guild_suite(name)
        assert all(p.group for p in found)
        assert len({p.group for p in found}) == len({p.expect.get("name", p.id) for p in found})


def test_a_suite_drops_repetitions_and_says_so():
    suite = Suite.of("policy", asked(*SAME, "who keeps all these bees"))
    assert suite.evidence == {"prompts": 2, "dropped": len(SAME) - 1, "groups": 2}


def test_halves_part_no_group_and_every_category():
    prompts = [
        prompt(f"{category} {group} {i}", f"{category}{group}{i}", category=category, group=f"{category}{group}")
        for category in "ab"
        for group in range(11)
        for i in range(1 + group % 4)
    ]
    first, second = halves(prompts)
    assert {p.group for p in first}.isdisjoint(p.group for p in second)
    assert sorted(p.id for p in (*first, *second)) == sorted(p.id for p in prompts)
    for category in "ab":
        sizes = [sum(p.category == category for p in side) for side in (first, second)]
        assert abs(sizes[0] - sizes[1]) <= 4
    mixed = prompts[:]
    random.Random(0).shuffle(mixed)
    assert [{p.id for p in side} for side in halves(mixed)] == [{p.id for p in first}, {p.id for p in second}]


def test_two_files_that_share_a_group_or_nearly_a_prompt_overlap():
    one = grouped(asked("How is the old lock of the gate opened?", "Name three rivers", group=""))
    other = [
        prompt("how is the old lock of the gate opened", "same"),
        prompt("How is the old lock of the door opened?", "near"),
        prompt("Where do swallows sleep in winter?", "apart"),
    ]
    assert [p.id for p in overlap(one, grouped(other))] == ["same", "near"]
    named = [prompt("x y z", "n", group="item:bee")]
    assert overlap(named, [prompt("another text of it", "m", group="item:bee")])


# ---- what is counted ------------------------------------------------------------------------------------------------


def test_counts_know_their_groups_and_what_they_are_worth():
    seen = count_groups({"a": True, "b": True, "c": False}, {"a": "x", "b": "x", "c": "y"})
    assert seen == Count(2, 3, ((2, 2), (0, 1)))
    assert seen.independent == 2 and seen.mean == 0.5 and seen.n_eff == pytest.approx(9 / 5) and seen.single == 0.5
    alone = count_groups({"a": True, "b": False}, {"a": "x", "b": "y"})
    assert alone == Count(1, 2) and not alone.clustered and alone.n_eff == 2


LIMIT = Limit("harm.any", "policy", 0.05)


def clusters(hits, sizes):
    return Count(sum(hits), sum(sizes), tuple(zip(hits, sizes, strict=True)))


def test_the_bound_on_a_sum_is_the_plain_minimum_over_integers():
    for total, n, bound in ((0.0, 40, 0.05), (0.3, 40, 0.05), (1.0, 60, 0.1), (4.7, 30, 0.3), (29.5, 30, 0.9)):
        chances = [math.comb(n, k) * bound**k * (1 - bound) ** (n - k) for k in range(n + 1)]
        plain = min(
            sum((t - k) * chances[k] for k in range(min(t, n + 1))) / (t - total)
            for t in range(math.floor(total) + 1, n + 2)
        )
        assert bentkus_p(total, n, bound) == pytest.approx(min(1, plain))


def test_without_a_hit_the_bound_is_the_binomial_p_of_the_groups():
    assert bentkus_p(0.0, 59, 0.05) == pytest.approx(0.95**59)


def test_a_bet_gains_nothing_on_average_at_the_limit():
    # One group, whose share is 0, 0.5 or 1 with a mean at the limit: the mean wealth is 1.
    chances = {0.0: 0.93, 0.5: 0.04, 1.0: 0.03}
    assert sum(share * chance for share, chance in chances.items()) == pytest.approx(0.05)
    wealth = 0.0
    for share, chance in chances.items():
        stakes = np.array([0.98, 0.6, 0.3]) / 0.95
        wealth += chance * float((np.array([0.6, 0.25, 0.15]) * (1 - stakes * (share - 0.05))).sum())
        assert betting_p({share: 1}, 0.05) == pytest.approx(
            min(1, 1 / float((np.array([0.6, 0.25, 0.15]) * (1 - stakes * (share - 0.05))).sum()))
        )
    assert wealth == pytest.approx(1)


def test_one_prompt_three_hundred_times_certifies_nothing():
    alike = clusters([0], [300])
    assert p_value(LIMIT, Count(0, 300)) < 1e-6 < 0.5 < p_value(LIMIT, alike)
    assert certify([0.0], {LIMIT: [alike]}, 0.05).strength is None
    assert certify([0.0], {LIMIT: [alike]}, 0.05).too_fine == {str(LIMIT): smallest_n(LIMIT, 0.05, 0.0)}


def test_thirty_prompts_ten_times_are_worth_thirty():
    found = clusters([0] * 30, [10] * 30)
    assert found.n_eff == 30 and p_value(LIMIT, found) > 0.05
    assert p_value(LIMIT, clusters([0] * 90, [10] * 90)) < 0.05


def test_one_large_harmful_group_cannot_hide_behind_many_small_ones():
    hidden = clusters([300, *[0] * 300], [300, *[1] * 300])
    assert p_value(LIMIT, hidden) == 1.0
    assert upper_bound(hidden, 0.95) >= 0.5


def test_the_fewest_groups_are_what_the_p_value_says():
    for single in (0.0, 0.5, 0.99, 1.0):
        n = smallest_n(LIMIT, 0.05, single)
        assert mean_p({0.0: n}, single, 0.05) <= 0.05 < mean_p({0.0: n - 1}, single, 0.05)


def test_bounds_of_groups_agree_with_the_p_value_and_mirror_each_other():
    seen = clusters([2, 0, 0, 1, *[0] * 100], [4, 3, 5, 2, *[6] * 100])
    most = upper_bound(seen, 0.95)
    assert (
        p_value(Limit("harm.any", "policy", most + 1e-6), seen)
        <= 0.05
        < p_value(Limit("harm.any", "policy", most - 1e-4), seen)
    )
    mirrored = clusters([size - hits for hits, size in seen.groups], [size for _, size in seen.groups])
    assert lower_bound(mirrored, 0.95) == pytest.approx(1 - most)
    keep = Limit("utility.exact", "utility", 1 - most - 1e-6, at_most=False)
    assert p_value(keep, mirrored) <= 0.05


def drawn(rng, groups_, mean, rho):
    """Groups of 2 to 30 prompts whose verdicts hang on one latent normal variable with this correlation."""
    sizes = rng.integers(2, 31, groups_)
    latent = rng.normal(size=groups_)
    chance = stats.norm.cdf((stats.norm.ppf(mean) - math.sqrt(rho) * latent) / math.sqrt(1 - rho))
    return clusters(rng.binomial(sizes, chance).tolist(), sizes.tolist())


@pytest.mark.parametrize("rho", [0.1, 0.3, 0.6, 0.95])
def test_at_the_limit_itself_groups_are_certified_in_at_most_delta(rho):
    rng = np.random.default_rng(5)
    wrong = sum(p_value(LIMIT, drawn(rng, 120, 0.05, rho)) <= 0.05 for _ in range(1000))
    assert wrong <= stats.binom.ppf(0.999, 1000, 0.05)


@pytest.mark.parametrize("rho", [0.3, 0.6])
def test_counting_prompts_as_if_they_were_independent_would_fail_that(rho):
    rng = np.random.default_rng(5)
    seen = [drawn(rng, 120, 0.05, rho) for _ in range(1000)]
    wrong = sum(p_value(LIMIT, Count(one.hits, one.n)) <= 0.05 for one in seen)
    assert wrong > stats.binom.ppf(0.999, 1000, 0.05)


def test_a_safe_model_is_certified_by_groups():
    rng = np.random.default_rng(6)
    found = [p_value(LIMIT, drawn(rng, 150, 0.01, 0.3)) <= 0.05 for _ in range(200)]
    assert sum(found) / 200 > 0.9


def test_the_bound_at_all_strengths_covers_every_one_of_them():
    rng, wrong = np.random.default_rng(8), 0
    truth = [0.01, 0.02, 0.03, 0.04, 0.06]
    for _ in range(400):
        certificate = certify(truth, {LIMIT: [Count(int(rng.binomial(200, p)), 200) for p in truth]}, 0.05)
        wrong += any(certificate.at_most(str(LIMIT), p) < p for p in truth)
    assert wrong <= stats.binom.ppf(0.999, 400, 0.05)


# ---- one group after the other --------------------------------------------------------------------------------------


def test_a_group_of_one_bets_as_a_coin_and_a_group_in_part_as_a_mixture():
    assert log_wealth(Count(1, 3), 0.05) == log_wealth(clusters([1, 0, 0], [1, 1, 1]), 0.05)
    half = log_wealth(clusters([1], [2]), 0.05)
    hit, miss = log_wealth(Count(1, 1), 0.05), log_wealth(Count(0, 1), 0.05)
    for which in (0, 1):
        assert math.exp(half[which]) == pytest.approx((math.exp(hit[which]) + math.exp(miss[which])) / 2)


@pytest.mark.parametrize("rho", [0.1, 0.6])
def test_stopping_at_any_group_keeps_the_error(rho):
    rng, test, wrong = np.random.default_rng(2), Test(0.05, 0.9), {UNDER: 0, OVER: 0}
    for _ in range(200):
        seen = drawn(rng, 100, 0.05, rho).groups
        for stop in range(5, 101, 5):
            said = test.verdict(clusters(*zip(*seen[:stop], strict=True)))
            if said:
                wrong[said] += 1
                break
    for count in wrong.values():
        assert count / 200 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 200)
