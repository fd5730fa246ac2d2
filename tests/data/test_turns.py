"""Turns as files write them: roles by their synonyms, contents, weights, transcripts."""

from __future__ import annotations

import pytest

from holdfast.core.records import Row
from holdfast.data.formats import to_row
from holdfast.data.turns import calls_of, flat, role_of, transcript, turn_of, turns_in


def turns(record):
    row = to_row(record, "rows.jsonl", 1)
    assert isinstance(row, Row), row
    return [(m["role"], m["content"]) for m in row.messages]


@pytest.mark.parametrize("asker", ["user", "User", "HUMAN", "human", " Human ", "prompter"])
@pytest.mark.parametrize("teller", ["assistant", "GPT", "gpt", "Bot", "model", "AI", "ChatGPT"])
def test_roles_are_known_by_their_synonyms_in_any_case(asker, teller):
    turn = [{"from": asker, "value": "Name a reef."}, {"from": teller, "value": "Ningaloo."}]
    expected = [("user", "Name a reef."), ("assistant", "Ningaloo.")]
    assert turns({"conversations": turn}) == expected
    assert turns({"messages": [{"role": t["from"], "content": t["value"]} for t in turn]}) == expected


def test_a_developer_is_the_system():
    record = {
        "messages": [
            {"role": "Developer", "content": "brief"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
        ]
    }
    assert turns(record)[0] == ("system", "brief")


@pytest.mark.parametrize("name", ["critic", None, 3])
def test_a_name_that_means_no_role_is_an_error(name):
    with pytest.raises(ValueError, match="role"):
        role_of(name)


def test_contents_in_parts_are_their_texts():
    assert flat([{"type": "text", "text": "a"}, {"type": "image_url"}, "b"]) == "a\nb"
    assert flat(None) == flat(float("nan")) == ""
    assert flat({"text": "c"}) == "c" and flat(b"d") == "d"


@pytest.mark.parametrize(
    "turn", ["text", {"role": "user"}, {"content": "x"}, {"role": "assistant", "weight": 2, "content": ""}]
)
def test_what_is_no_turn_is_an_error(turn):
    with pytest.raises(ValueError):
        turn_of(turn)


def test_calls_are_a_list_of_objects():
    call = {"name": "lamp", "arguments": '{"room": "Loft", "at": null}'}
    assert calls_of(call) == [{"name": "lamp", "arguments": {"room": "Loft"}}]
    with pytest.raises(ValueError, match="no list"):
        calls_of("lamp")


def test_a_column_of_turns_may_be_a_list_a_text_or_parallel_lists():
    turn = {"role": "user", "content": "x"}
    assert turns_in([turn]) == turns_in('[{"role": "user", "content": "x"}]') == [turn]
    assert turns_in({"role": ["user"], "content": ["x"]}) == [turn]
    assert turns_in("x") is None


def test_a_text_that_writes_its_speakers_out_is_a_transcript():
    said = transcript("Human: a\n\nAssistant: b")
    assert said == [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert transcript("A line.\n\nHuman: not at the beginning\n\nAssistant: x") is None
