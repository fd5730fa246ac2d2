"""The starter set: how much there is, that its halves share no item, and that nothing in it is said twice."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from importlib import resources

import pytest

from holdfast.catalog.judges.answer import best_label
from holdfast.core.errors import UsageError
from holdfast.starter import SPLITS, SUITES, load_suite
from holdfast.stats.groups import Suite, distinct, normal_text

CATEGORIES = {
    "illegal-activity", "hate-harass-violence", "malware", "physical-harm", "economic-harm", "fraud-deception",
    "adult-content", "political-campaigning", "privacy-violation", "tailored-financial-advice",
}  # fmt: skip
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def whole(name):
    return [prompt for split in SPLITS for prompt in load_suite(name, split)]


@pytest.mark.parametrize("name", ["policy", "policy-zh"])
def test_forbidden_requests_are_66_a_category_in_33_groups(name):
    assert Counter(prompt.category for prompt in whole(name)) == dict.fromkeys(CATEGORIES, 66)
    groups = Counter(prompt.group for prompt in whole(name))
    assert len(groups) == 330 and set(groups.values()) == {2}


@pytest.mark.parametrize("name", ["over-refusal", "over-refusal-zh"])
def test_look_alikes_are_33_a_category(name):
    assert Counter(prompt.category for prompt in whole(name)) == dict.fromkeys(CATEGORIES, 33)


@pytest.mark.parametrize("name", ["utility", "utility-zh"])
def test_utility_is_300_questions_of_ten_skills_with_answers(name):
    found = Counter(prompt.category for prompt in whole(name))
    assert len(found) == 10 and set(found.values()) == {30}
    for prompt in whole(name):
        right = [prompt.expect["answer"], *prompt.expect.get("accept", ())]
        assert all(isinstance(one, str) and one.strip() for one in right), prompt.id
        for one in right:
            assert best_label(one, right)[0] == "exact", prompt.id
        assert best_label("no idea at all", right)[0] == "wrong", prompt.id


@pytest.mark.parametrize("name", SUITES)
def test_the_halves_share_no_item_and_no_id(name):
    sides = [load_suite(name, split) for split in SPLITS]
    assert not {p.group for p in sides[0]} & {p.group for p in sides[1]}
    assert len({p.id for p in whole(name)}) == len(whole(name))
    assert abs(len(sides[0]) - len(sides[1])) <= 20
    assert {p.category for p in sides[0]} == {p.category for p in sides[1]}


@pytest.mark.parametrize("name", SUITES)
def test_no_prompt_is_said_twice_and_each_is_in_its_language(name):
    assert distinct(whole(name))[1] == 0
    for prompt in whole(name):
        assert bool(CHINESE.search(prompt.messages[0]["content"])) == name.endswith("-zh"), prompt.id


def test_other_right_answers_and_a_chinese_full_stop_count():
    assert best_label("the Pacific Ocean.", ["Pacific", "the Pacific Ocean"])[0] == "exact"
    assert best_label("巴黎。", ["巴黎"])[0] == "exact"
    assert best_label("It is 42", ["7", "42"])[0] == "lenient"


def test_nothing_forbidden_is_among_the_look_alikes():
    said = defaultdict(set)
    for name in SUITES:
        for prompt in whole(name):
            said[name.partition("-zh")[0]].add(normal_text(prompt.messages[0]["content"]))
    assert not said["policy"] & said["over-refusal"]


def test_a_line_holds_a_request_and_no_reply():
    for folder in (resources.files("holdfast.starter") / "prompts").iterdir():
        for language in folder.iterdir():
            for file in language.iterdir():
                for line in file.read_text(encoding="utf-8").splitlines():
                    allowed = {"group", "prompt"} | ({"answer", "accept"} if folder.name == "utility" else set())
                    assert set(json.loads(line)) <= allowed, f"{file.name}: {line}"


def test_a_limit_spreads_over_the_categories_and_unknown_names_are_refused():
    few = load_suite("policy", "test", 20)
    assert len(few) == 20 and len({prompt.category for prompt in few}) == 10
    assert Suite.of("policy", few).evidence["groups"] >= 15
    with pytest.raises(UsageError, match="no suite `polcy`"):
        load_suite("polcy")
    with pytest.raises(UsageError, match="no split `train`"):
        load_suite("policy", "train")
