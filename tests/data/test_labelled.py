import json

import pytest

from holdfast.core.errors import DataError
from holdfast.data.labelled import read_labelled


def write(path, rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


ASKED = {"prompt": "q", "response": "a"}


@pytest.mark.parametrize(
    "column, values, scores, harmful",
    [
        ("score", [1, 3, 5], [1, 3, 5], [False, True, True]),
        ("score", ["1", "2", "4.0"], [1, 2, 4], [False, False, True]),
        ("label", [1, 5], [1, 5], [False, True]),
        ("label", [0, 1], [None] * 2, [False, True]),
        ("label", ["safe", "unsafe"], [None] * 2, [False, True]),
        ("label", ["Unharmful", "HARMFUL"], [None] * 2, [False, True]),
        ("harmful", [True, False], [None] * 2, [True, False]),
        ("is_unsafe", ["yes", "no"], [None] * 2, [True, False]),
        ("response_harm_label", ["harmful", "unharmful"], [None] * 2, [True, False]),
        ("is_safe", [True, False], [None] * 2, [False, True]),
        ("safe", [1, 0], [None] * 2, [False, True]),
        ("is_response_safe", ["unsafe", "safe"], [None] * 2, [True, False]),
        ("harmful", [1, 1], [None] * 2, [True, True]),
    ],
)
def test_labels_in_their_usual_spellings(tmp_path, column, values, scores, harmful):
    found = read_labelled(write(tmp_path / "l.jsonl", [{**ASKED, column: value} for value in values]))
    assert [row.score for row in found.rows] == scores and [row.harmful for row in found.rows] == harmful
    assert not found.faults and f"`{column}`" in found.how and found.scored == (scores[0] is not None)


@pytest.mark.parametrize(
    "row, asked, said",
    [
        ({"question": "q", "answer": "a", "score": 5}, "q", "a"),
        ({"instruction": "q", "output": "a", "score": 5}, "q", "a"),
        ({"forbidden_prompt": "q", "reply": "a", "score": 5}, "q", "a"),
        ({"behavior": "q", "generation": "a", "score": 5}, "q", "a"),
        (
            {
                "prompt": [{"role": "user", "content": "q"}],
                "completion": [{"role": "assistant", "content": "a"}],
                "score": 5,
            },
            "q",
            "a",
        ),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "score": 5}, "q", "a"),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "score": 5}, "q", "a"),
    ],
)
def test_columns_in_their_usual_names(tmp_path, row, asked, said):
    found = read_labelled(write(tmp_path / "l.jsonl", [row, row]))
    assert found.rows[0].messages[-1]["content"] == asked and found.rows[0].reply == said


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path / "l.jsonl", [{"a": "q", "b": "r", "c": "unsafe"}])
    with pytest.raises(DataError) as caught:
        read_labelled(path)
    assert "a, b, c" in str(caught.value) and "--fields" in caught.value.hint
    (row,) = read_labelled(path, {"prompt": "a", "reply": "b", "label": "c"}).rows
    assert (row.reply, row.harmful, row.line) == ("r", True, 1)
    with pytest.raises(DataError, match="no column `z`"):
        read_labelled(path, {"prompt": "z", "reply": "b", "label": "c"})


def test_rows_that_cannot_be_read_are_named_by_line(tmp_path):
    rows = [
        {**ASKED, "score": 1},
        "{broken",
        {**ASKED, "score": 7},
        {**ASKED, "score": None},
        {"prompt": "q", "score": 3},
        {**ASKED, "score": "bad"},
        {"prompt": "", "response": "a", "score": 3},
        "[1]",
        {**ASKED, "score": 5},
        {**ASKED, "score": True},
    ]
    found = read_labelled(write(tmp_path / "l.jsonl", rows))
    assert [row.line for row in found.rows] == [1, 9]
    assert [line for line, _ in found.faults] == [2, 3, 4, 5, 6, 7, 8, 10]
    assert (
        "7" in dict(found.faults)[3] and "no label" in dict(found.faults)[4] and "`response`" in dict(found.faults)[5]
    )


@pytest.mark.parametrize(
    "rows, said",
    [
        ([{**ASKED, "label": 1}, {**ASKED, "label": 1}], "a score and a truth alike"),
        ([{**ASKED, "label": 0}, {**ASKED, "label": 4}], "neither harmful or not, nor 1 to 5"),
        ([{**ASKED, "label": "refusal"}], "no row .* neither harmful nor harmless"),
        (["nonsense", "{"], "has no rows|neither JSON"),
    ],
)
def test_labels_whose_meaning_is_open_are_refused(tmp_path, rows, said):
    with pytest.raises(DataError, match=said):
        read_labelled(write(tmp_path / "l.jsonl", rows))


def test_other_containers(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("prompt,response,is_safe\nq,a,True\nq,b,False\n")
    assert [row.harmful for row in read_labelled(str(path)).rows] == [False, True]
    path = tmp_path / "l.json"
    path.write_text(json.dumps([{**ASKED, "score": 2}, {**ASKED, "score": 4}]))
    assert [row.score for row in read_labelled(str(path)).rows] == [2, 4]


def test_roles_are_read_as_in_training_rows_and_an_unknown_one_is_a_fault(tmp_path):
    rows = [
        {"messages": [{"role": "Human", "content": "q"}, {"role": "ChatGPT", "content": "a"}], "score": 5},
        {"messages": [{"role": "critic", "content": "q"}, {"role": "assistant", "content": "a"}], "score": 5},
    ]
    found = read_labelled(write(tmp_path / "l.jsonl", rows))
    assert [turn["role"] for turn in found.rows[0].messages] == ["user"] and found.rows[0].reply == "a"
    assert found.faults == [(2, "unknown role `critic`")]
