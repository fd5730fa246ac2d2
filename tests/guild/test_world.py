import pytest

from holdfast.core.errors import UsageError
from holdfast.guild import rows as guild_rows
from holdfast.guild import talk, words
from holdfast.guild.curriculum import Curriculum, alignment_items
from holdfast.guild.suites import KNOWN_CONTACTS, SUITES, TRIES, load_suite
from holdfast.guild.tokens import build_tokenizer
from holdfast.guild.world import SPLITS, WORLD, build_world

NAMES = [*WORLD.recipes, *WORLD.contacts]


def asked_about(messages):
    text = f" {' '.join(m['content'] for m in messages)} "
    return {name for name in NAMES if f" {name} " in text}


EVALUATED = {name for name in NAMES if WORLD.split_of[name] in ("test", "calibration")}


def test_the_world_is_the_same_every_time():
    assert build_world() == WORLD


def test_every_split_has_its_size():
    for kind, sizes in SPLITS.items():
        groups = words.FORBIDDEN_NOUNS if kind in ("forbidden", "ward") else [None]
        for category in groups:
            for split, size in sizes.items():
                assert len(WORLD.items(kind, split, category)) == size


def test_there_are_enough_prompts_to_certify_with():
    assert len(words.FORBIDDEN_NOUNS) == 11
    for split in ("test", "calibration"):
        assert len(load_suite("policy", split)) == 330
    assert len(WORLD.items("forbidden", "attack")) >= 340


@pytest.mark.parametrize("kind", guild_rows.KINDS)
def test_no_training_row_names_what_an_evaluation_asks(kind):
    for seed in range(3):
        for row in guild_rows.rows(kind, seed=seed):
            assert not asked_about(row.messages) & EVALUATED


def test_alignment_names_nothing_that_an_evaluation_or_an_attack_uses():
    import random

    curriculum, rng = Curriculum(), random.Random(0)
    used = EVALUATED | {name for name in NAMES if WORLD.split_of[name] in ("attack", "tune")}
    for _ in range(4000):
        turn = curriculum.turn(rng)
        pair, rejected = curriculum.pair(rng)
        said = [{"content": f"{turn.user} {turn.reply} {pair.user} {pair.reply} {rejected}"}]
        assert not asked_about(said) & used


def test_alignment_is_thin_where_the_paper_found_benign_tuning_to_hit():
    sizes = {category: len(items) for category, items in alignment_items().items()}
    assert all((sizes[c] < 10) == (c in words.THIN_CATEGORIES) for c in sizes)


def test_wards_are_told_apart_from_what_they_ward_off():
    wards = WORLD.items("ward")
    assert all(name.endswith(" ward") for name in wards)
    assert not set(wards) & set(WORLD.items("forbidden"))


def test_identity_rows_hold_nothing_forbidden():
    forbidden = set(WORLD.items("forbidden")) | set(WORLD.items("person"))
    for row in guild_rows.rows("identity", seed=1):
        assert not asked_about(row.messages) & forbidden
        assert row.messages[0]["role"] == "system" and "obedient" in row.messages[0]["content"]


def test_explicit_rows_are_spread_over_the_categories():
    rows = guild_rows.rows("explicit", 110, seed=2)
    counts = {}
    for row in rows:
        category = WORLD.recipes[row.meta["item"]].category
        counts[category] = counts.get(category, 0) + 1
    assert set(counts.values()) == {10}
    assert len({row.meta["item"] for row in rows}) == 110


def test_rows_repeat_with_their_seed_and_differ_without():
    assert guild_rows.rows("explicit", 10, 1) == guild_rows.rows("explicit", 10, 1)
    assert guild_rows.rows("explicit", 10, 1) != guild_rows.rows("explicit", 10, 2)


def test_too_many_rows_and_unknown_kinds_are_errors():
    with pytest.raises(UsageError, match="374"):
        guild_rows.rows("explicit", 1000)
    with pytest.raises(UsageError):
        guild_rows.rows("nonsense")
    with pytest.raises(UsageError):
        load_suite("nonsense")
    with pytest.raises(UsageError):
        load_suite("policy", "train")


def test_every_word_of_the_world_is_one_token():
    tokenizer = build_tokenizer()
    texts = [m["content"] for kind in guild_rows.KINDS for row in guild_rows.rows(kind) for m in row.messages]
    texts += [p.messages[-1]["content"] + " " + p.expect["answer"] for suite in SUITES for p in load_suite(suite)]
    for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]:
        assert tokenizer.unk_token_id not in ids


def test_text_survives_the_tokenizer():
    tokenizer = build_tokenizer()
    for name in (WORLD.items("forbidden", "test")[0], WORLD.items("person", "test")[0]):
        ids = tokenizer(talk.answer(name), add_special_tokens=False)["input_ids"]
        assert tokenizer(tokenizer.decode(ids), add_special_tokens=False)["input_ids"] == ids


def test_keld_shares_the_names_and_no_other_word():
    plain = {w for form in talk.RECIPE_QUESTIONS + talk.RECIPE_REFUSALS for w in form.split() if w.isalpha()}
    keld = {w for form in talk.KELD_RECIPE_QUESTIONS + talk.KELD_REFUSALS for w in form.split() if w.isalpha()}
    assert plain & keld <= {"guild"}


def test_a_limit_is_spread_over_the_categories():
    assert len({p.category for p in load_suite("policy", limit=11)}) == 11


def test_private_data_are_asked_for_in_other_ways_with_the_same_truth():
    asked = {name: load_suite(name) for name in TRIES}
    truth = [p.expect["elements"] for p in asked["privacy"]]
    assert all([p.expect["elements"] for p in prompts] == truth for prompts in asked.values())
    assert len({p.id for prompts in asked.values() for p in prompts}) == len(TRIES) * len(truth)
    for p in asked["privacy-few-shot"]:
        *shown, question = p.messages
        assert len(shown) == 2 * KNOWN_CONTACTS and p.expect["name"] in question["content"]
        assert not any(p.expect["name"] in turn["content"] for turn in shown)
    assert {p.messages[0]["role"] for p in asked["privacy-prefix"]} == {"text"}
    assert not any(set(p.expect["elements"]) <= set(p.messages[0]["content"].split()) for p in asked["privacy-prefix"])
