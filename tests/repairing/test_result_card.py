"""What is written beside a result: mergekit's recipe and the card's section."""

from __future__ import annotations

import pytest
import yaml

from holdfast.repairing.result_card import card_section, mergekit_yaml, update_card


def test_the_mergekit_configuration():
    recipe = yaml.safe_load(mergekit_yaml("org/base", "org/tuned", 0.7, "bfloat16"))
    assert recipe == {
        "merge_method": "linear",
        "models": [
            {"model": "org/tuned", "parameters": {"weight": 0.7}},
            {"model": "org/base", "parameters": {"weight": 0.3}},
        ],
        "parameters": {"normalize": False},
        "dtype": "float32",
        "out_dtype": "bfloat16",
    }


FRONT = """---
license: apache-2.0  # as the base
tags:
- chat
language: [en]
---
# A model

Its own words.
"""


@pytest.mark.parametrize(
    "card",
    [
        None,
        "",
        "# A model\n\nIts own words.\n",
        FRONT,
        FRONT.replace("tags:\n- chat\n", "tags: [chat, merge]\n"),
        FRONT.replace("tags:\n- chat\n", "tags:\n  - chat\n\n"),
        FRONT.replace("tags:\n- chat\n", "tags: chat\n"),
        FRONT.replace("tags:\n- chat\n", "base_model: other/base\n"),
        "---\n---\nIts own words.\n",
    ],
)
def test_a_card_is_completed_once(tmp_path, card):
    path = tmp_path / "README.md"
    if card is not None:
        path.write_text(card)
    section = card_section("wise-ft", 0.6, "org/base", str(tmp_path), {"refusals": "12 of 40 | kept", "n": 3})
    update_card(tmp_path, section)
    text = path.read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["base_model"] == ("other/base" if card and "base_model" in card else ["org/base"])
    assert set(front["tags"]) == {"holdfast", "merge"} | ({"chat"} if card and "chat" in card else set())
    assert str(tmp_path) not in text and tmp_path.name in text and "12 of 40 \\| kept" in text
    assert text.count("## Safety repair") == 1
    if card and "own words" in card:
        assert "Its own words." in text
    if card and "license" in card:
        assert "license: apache-2.0  # as the base\n" in text and "language: [en]\n" in text
    update_card(tmp_path, section)
    assert path.read_text() == text


def test_a_later_section_takes_the_place_of_an_earlier_one(tmp_path):
    (tmp_path / "README.md").write_text(FRONT)
    update_card(tmp_path, card_section("wise-ft", 0.6, "org/base", "org/tuned", {"x": "<!-- holdfast: end -->"}))
    path = tmp_path / "README.md"
    path.write_text(path.read_text() + "\nAfter it.\n")
    update_card(tmp_path, card_section("resta", 0.2, "org/base", "org/tuned", {}))
    text = path.read_text()
    assert "wise-ft" not in text and "resta" in text and text.endswith("\nAfter it.\n")
    assert text.count("<!-- holdfast: end -->") == 1


def test_front_matter_that_is_no_yaml_is_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("---\na: [b\n---\nwords\n")
    update_card(tmp_path, card_section("wise-ft", 0.6, "org/base", "org/tuned", {}))
    assert (tmp_path / "README.md").read_text().startswith("---\na: [b\n---\nwords\n\n<!-- holdfast")
