"""What a row is: roles, weights, tool calls, preference pairs, transcripts.

And which file is read of what lies there.
"""

from __future__ import annotations

import json

import pytest
from transformers import AutoTokenizer

from holdfast.core.errors import DataError
from holdfast.core.records import Row
from holdfast.data.batch import RowBatch
from holdfast.data.containers import parse
from holdfast.data.formats import to_row, untrainable
from holdfast.data.rows import read_rows
from holdfast.data.sources import chunks
from holdfast.models.chat import IGNORE, encode_row, rows_without_their_tools
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import training_key

CHAT = """{%- if tools %}<|im_start|>tools{% for tool in tools %}{{ tool | tojson }}{% endfor %}<|im_end|>
{% endif %}{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}{% for call in m.tool_calls or [] %}<call>{{ (call.function or call).arguments | tojson -}}
</call>{% endfor %}<|im_end|>
{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def row_of(record):
    row = to_row(record, "rows.jsonl", 1)
    assert isinstance(row, Row), row
    return row


def turns(record):
    return [(m["role"], m["content"]) for m in row_of(record).messages]


@pytest.fixture(scope="module")
def tokenizer(data):
    found = AutoTokenizer.from_pretrained(data / "tokenizers" / "smollm")
    found.chat_template = CHAT
    return found


def learnt(tokenizer, record):
    encoded = encode_row(tokenizer, row_of(record))
    return tokenizer.decode([token for token in encoded.labels if token != IGNORE])


# ---- roles and contents ---------------------------------------------------------------------------------------------


def test_messages_in_other_shapes_are_the_same_row():
    plain = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    expected = turns({"messages": plain})
    parts = [{"role": m["role"], "content": [{"type": "text", "text": m["content"], "image_url": None}]} for m in plain]
    for record in (
        {"messages": json.dumps(plain)},
        {"messages": parts},
        {"messages": {"role": ["user", "assistant"], "content": ["a", "b"]}},
        {"dialogue": plain},
        {"messages": None, "prompt": "a", "completion": "b"},
        {"instruction": None, "output": None, "question": "a", "answer": "b"},
        {"instruction": "a", "input": float("nan"), "output": "b"},
        {"prompt": "\n\nHuman: a\n\nAssistant:", "completion": "b"},
    ):
        assert turns(record) == expected, record


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"messages": []}, "without a turn"),
        ({"messages": [{"role": "ghost", "content": "x"}]}, "unknown role `ghost`"),
        ({"messages": [{"role": "text", "content": "x"}]}, "unknown role `text`"),
        ({"messages": [{"content": "x"}]}, "without a role"),
        ({"messages": [{"role": "user", "txt": "x"}]}, "without content"),
        ({"messages": ["x"]}, "a turn that is a JSON str"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0.5}]},
            "neither 0 nor 1",
        ),
        ({"messages": [{"role": "user", "content": "a"}], "tools": "not a list"}, "`tools` is no list"),
        ({"note": "x"}, "unknown format with the columns note"),
    ],
)
def test_a_row_that_is_none_is_told_in_a_sentence(record, why):
    assert why in to_row(record, "rows.jsonl", 1)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference pair"),
        ({"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"}, "preference pair"),
        ({"prompt": "a", "completion": "b", "label": False}, "KTO"),
        ({"prompt": "a"}, "no assistant turn"),
        ({"prompt": "a", "completion": ""}, "no assistant turn"),
        ({"text": "  "}, "empty text"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]},
            "of weight 0",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, {"role": "assistant", "content": "b"}]},
            "image_url",
        ),
    ],
)
def test_a_row_that_is_read_and_not_trained_on_says_why(tmp_path, record, why):
    assert why in untrainable(row_of(record))
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "x", "completion": "y"}) + "\n" + json.dumps(record) + "\n")
    with pytest.raises(DataError, match="line 2") as caught:
        read_rows(str(path))
    assert why in str(caught.value) and caught.value.hint


# ---- weights and tools ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [{"weight": 0}, {"weight": "0"}, {"weight": 0.0}, {"weight": False}, {"train": False}])
def test_a_turn_of_weight_0_is_not_learnt(tokenizer, off):
    def talk(first, second):
        return {
            "messages": [
                {"role": "user", "content": "A sail?"},
                {"role": "assistant", "content": "Jib.", **first},
                {"role": "user", "content": "More?"},
                {"role": "assistant", "content": "Genoa.", **second},
            ]
        }

    assert "Jib." in learnt(tokenizer, talk({}, {"weight": 1})) and "Genoa." in learnt(tokenizer, talk({}, {}))
    first, last = learnt(tokenizer, talk(off, {})), learnt(tokenizer, talk({"weight": 1}, off))
    assert "Jib." not in first and "Genoa." in first
    assert "Jib." in last and "Genoa." not in last
    # Context after the last turn that is learnt is cut, as if it were not there.
    short = {"messages": talk({}, {})["messages"][:2]}
    assert encode_row(tokenizer, row_of(talk({}, off))) == encode_row(tokenizer, row_of(short))


CALL = {"id": "c", "type": "function", "function": {"name": "lamp", "arguments": {"room": "Loft"}}}


def calling(call, **more):
    turn = [
        {"role": "user", "content": "Light?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "on", "tool_call_id": "c"},
        {"role": "assistant", "content": "It is on."},
    ]
    return {"messages": turn, **more}


def test_arguments_as_text_and_null_keys_say_the_same():
    plain = row_of(calling(CALL)).messages
    texts = {**CALL, "function": {**CALL["function"], "arguments": '{"room": "Loft"}'}}
    nulls = {
        **CALL,
        "index": None,
        "function": {**CALL["function"], "arguments": {"room": "Loft", "city": None, "at": {"x": None}}},
    }
    assert row_of(calling(texts)).messages == plain
    assert row_of(calling(nulls)).messages[1]["tool_calls"][0]["function"]["arguments"] == {"room": "Loft", "at": {}}
    old = {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": None, "function_call": {"name": "lamp", "arguments": '{"room": "Loft"}'}},
        ]
    }
    assert row_of(old).messages[1]["tool_calls"][0]["function"]["arguments"] == {"room": "Loft"}


def test_the_template_gets_the_tools_or_it_is_said_that_it_shows_none(tokenizer):
    tools = [{"type": "function", "function": {"name": "lamp", "parameters": {"room": "string", "x": None}}}]
    row = row_of(calling(CALL, tools=tools))
    text = tokenizer.decode(encode_row(tokenizer, row).input_ids)
    assert "tools" in text and '"room": "string"' in text and '"x"' not in text
    assert row_of(calling(CALL, tools=json.dumps(tools))).meta["tools"] == row.meta["tools"]
    assert rows_without_their_tools(tokenizer, [row]) == 0
    mute = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    mute.chat_template = CHAT.replace("tools", "none_of_them")
    assert rows_without_their_tools(mute, [row, row_of(calling(CALL))]) == 1


def test_tools_are_part_of_what_a_training_run_is_known_by():
    class Model:
        fingerprint = "m"
        tokenizer = type("T", (), {"chat_template": CHAT})()

    keys = {
        training_key(Model(), [row_of(calling(CALL, **more))], TrainSettings())
        for more in ({}, {"tools": [{"name": "lamp"}]})
    }
    assert len(keys) == 2


def test_a_scan_reads_all_that_a_template_may_show():
    row = row_of(calling(CALL, tools=[{"name": "secretive"}]))
    row.messages[3]["reasoning_content"] = "pondered"
    pair = row_of({"prompt": "a", "chosen": "b", "rejected": "the other answer"})
    read = [turn.text for turn in RowBatch([row, pair]).turns]
    for said in ("Loft", "pondered", "secretive", "the other answer"):
        assert any(said in text for text in read), said


# ---- transcripts and pairs ------------------------------------------------------------------------------------------


def test_both_answers_of_a_transcript_are_read_as_turns():
    asked = "\n\nHuman: Name a dune.\n\nAssistant: Pilat.\n\nHuman: Where?\n\nAssistant:"
    row = row_of({"chosen": f"{asked} In France.", "rejected": f"{asked} No."})
    assert [m["role"] for m in row.messages] == ["user", "assistant"] * 2
    assert row.messages[-1]["content"] == "In France." and row.meta["rejected"] == "No."


def test_a_chosen_answer_stands_behind_its_prompt():
    for prompt, chosen in (("a", "b"), ([{"role": "user", "content": "a"}], [{"role": "assistant", "content": "b"}])):
        assert turns({"prompt": prompt, "chosen": chosen, "rejected": "c"}) == [("user", "a"), ("assistant", "b")]


# ---- which lists, files and splits ----------------------------------------------------------------------------------

ROWS = [{"prompt": f"q{i}", "completion": f"a{i}"} for i in range(3)]


def lenient(path, split=None):
    items = [(line, record, fault) for chunk in chunks(str(path), split) for line, record, fault in parse(chunk)]
    return [r for _, r, _ in items if r is not None], [(line, fault) for line, r, fault in items if r is None]


def readings(path, split=None):
    return [chunk.reading.told() for chunk in chunks(str(path), split) if chunk.reading]


@pytest.mark.parametrize("indent", [None, 0, 1])
@pytest.mark.parametrize(
    "value",
    [
        {"data": ROWS},
        {"v": 1, "train": ROWS},
        {"a": {"b": {"rows": ROWS}}, "n": [1]},
        {"items": ROWS, "x": {}},
        {"text": "about", "data": ROWS},
    ],
)
def test_the_one_list_in_an_object_is_read_however_it_is_written(tmp_path, value, indent):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(value, indent=indent))
    assert lenient(path) == (ROWS, []) and len(read_rows(str(path))) == 3
    assert "the list `" in readings(path)[0]
    if "v" in value:
        assert "left aside: `v`" in readings(path)[0]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "value",
    [
        {"rows": ROWS, "data": ROWS[:1]},
        {"a": {"train": ROWS}, "b": {"train": ROWS[:1]}},
        {"messages": [{"role": "user", "content": "x"}], "data": ROWS},
    ],
)
def test_two_lists_are_an_error_that_names_both_and_a_finding_that_is_no_low_risk(tmp_path, capsys, value, indent):
    from calling import document

    path = tmp_path / "rows.json"
    path.write_text(json.dumps(value, indent=indent))
    with pytest.raises(DataError) as caught:
        read_rows(str(path), limit=1)
    names = [f"{a}.{b}" for a in value for b in value[a]] if "a" in value else list(value)
    assert all(f"`{name}`" in str(caught.value) for name in names) and "--data-split" in caught.value.hint
    rows, faults = lenient(path)
    assert all(row in rows for row in ROWS) and faults[0][1].label == "ambiguous"
    summary = document(capsys, "scan", path, "--scanner", "shape", "--jobs", 1)["summary"]
    assert summary["risk"]["level"] != "low" and "ambiguous" in {entry["label"] for entry in summary["labels"]}
    if "data" in value:
        expected = len(value["data"])
        assert len(lenient(path, "data")[0]) == len(read_rows(str(path), "data")) == expected


def test_a_row_with_other_lists_is_a_row(tmp_path):
    row = {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        "sources": [{"text": "t"}],
    }
    path = tmp_path / "row.json"
    for indent in (None, 2):
        path.write_text(json.dumps(row, indent=indent))
        assert lenient(path) == ([row], []) and len(read_rows(str(path))) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (json.dumps(ROWS) + "\n" + json.dumps(ROWS), "more follows after the end of the array"),
        (
            '{"data": [{"prompt": "a", "completion": "b"}], "data": [{"prompt": "c", "completion": "d"}]}',
            "stands twice",
        ),
        ('{"prompt": "a", "prompt": "b", "completion": "c"}\n', "stands twice"),
        ('{"prompt": "a \\ud83d", "completion": "c"}\n', "half a surrogate"),
        ('["a", "b"]', "a JSON str"),
        ("prompt,completion,prompt\na,b,c\n", "twice"),
        ('prompt,completion\na,"b\nc,d\n', "quote not closed"),
        ("prompt,completion\na,b,c\n", "3 fields"),
        ("\xff\xfep\x00", "UTF-16"),
        ("PK\x03\x04zip", "a zip archive"),
    ],
)
def test_what_another_reader_may_read_otherwise_is_refused(tmp_path, text, why):
    path = tmp_path / "rows.json"
    path.write_bytes(text.encode("latin-1"))
    assert any(why in fault for _, fault in lenient(path)[1])
    with pytest.raises(DataError, match="line") as caught:
        read_rows(str(path))
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "prompt,completion,note\na,b\nc,d,e\n",
        "\ufeffprompt;completion;note\r\na;b\r\nc;d;e\r\n",
        "prompt\tcompletion\tnote\na\tb\t\t\nc\td\te\n",
        "prompt|completion|\na|b\nc|d|e\n",
    ],
)
def test_the_cells_that_are_there_are_read(tmp_path, text):
    path = tmp_path / "rows.csv"
    path.write_text(text, newline="")
    assert [[m["content"] for m in row.messages] for row in read_rows(str(path))] == [["a", "b"], ["c", "d"]]
    assert [row.meta["line"] for row in read_rows(str(path))] == [2, 3] and lenient(path)[1] == []


def test_rows_behind_a_quote_that_never_closes_are_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('prompt,completion\na,"b\nc,d\ne,f\n')
    rows, faults = lenient(path)
    assert [row["prompt"] for row in rows] == ["c", "e"] and [line for line, _ in faults] == [2]


def test_a_folder_is_its_data_files_and_says_what_it_leaves(tmp_path):
    for name in ("a.jsonl", "deep/b.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(ROWS[0]) + "\n")
    for name, text in (("empty.jsonl", ""), ("README.md", "x"), (".hidden.jsonl", "{}"), ("dataset_info.json", "{}")):
        (tmp_path / name).write_text(text)
    assert len(read_rows(str(tmp_path))) == len(lenient(tmp_path)[0]) == 2
    told = readings(tmp_path)[0]
    assert "`empty.jsonl` (empty)" in told and "`README.md`" in told and "1 hidden" in told
    assert {row.meta["file"] for row in read_rows(str(tmp_path))} == {
        str(tmp_path / "a.jsonl"),
        str(tmp_path / "deep/b.jsonl"),
    }


def test_splits_of_a_folder_are_chosen_and_told(tmp_path):
    import datasets

    parts = {"train": datasets.Dataset.from_list(ROWS), "test": datasets.Dataset.from_list(ROWS[:1])}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    files = tmp_path / "files"
    files.mkdir()
    for name, part in parts.items():
        part.to_parquet(str(files / f"{name}-00000-of-00001.parquet"))
    for folder in (tmp_path / "saved", files):
        assert len(read_rows(str(folder))) == len(lenient(folder)[0]) == 3
        assert len(read_rows(str(folder), "test")) == len(lenient(folder, "test")[0]) == 1
        assert "left aside: the split `test`" in readings(folder)[0]
        for mode in (read_rows, lenient):
            with pytest.raises(DataError, match="it has: test, train"):
                mode(str(folder), "nothing")
    single = next((tmp_path / "saved" / "train").glob("*.arrow"))
    assert len(read_rows(str(single))) == len(lenient(single)[0]) == 3


def test_ids_that_repeat_are_told_apart(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": 7, **row}) + "\n" for row in ROWS))
    found = read_rows(str(path))
    assert found[0].id == "7" and len({row.id for row in found}) == 3


def test_tune_and_scan_say_which_columns_were_left(tmp_path, capsys):
    from calling import call, document

    path = tmp_path / "rows.csv"
    path.write_text("prompt,completion,note\na,b,c\n")
    notes = []
    read_rows(str(path), notes=notes)
    assert notes == [f"{path}: CSV", "1 rows as prompt-completion (prompt, completion); columns left aside: note"]
    summary = document(capsys, "scan", path, "--scanner", "shape", "--jobs", 1)["summary"]
    assert summary["read"]["said"] == notes and summary["untrainable"] == []
    assert "columns left aside: note" in call(capsys, "scan", path, "--scanner", "shape", "--jobs", 1)[1]


def test_prompts_are_read_by_the_same_roles(tmp_path):
    from holdfast.catalog.suites import load_suite

    path = tmp_path / "prompts.jsonl"
    path.write_text(
        json.dumps({"messages": [{"from": "Human", "value": "Name a fjord."}, {"from": "GPT", "value": "x"}]})
    )
    assert load_suite("policy", str(path))[0].messages == [{"role": "user", "content": "Name a fjord."}]
    path.write_text(json.dumps({"messages": [{"no": "role"}]}))
    with pytest.raises(DataError, match="line 1: no prompt"):
        load_suite("policy", str(path))
