import csv
import gzip
import json

import pytest

from holdfast.core.errors import DataError
from holdfast.data.rows import read_rows

ASKED, TOLD = "what is two plus two ?", "four ."
PLAIN = [("user", ASKED), ("assistant", TOLD)]
FORMATS = {
    "messages": {"messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": TOLD}]},
    "sharegpt": {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": TOLD}]},
    "alpaca": {"instruction": ASKED, "input": "", "output": TOLD},
    "dolly": {"instruction": ASKED, "context": "", "response": TOLD, "category": "qa"},
    "prompt": {"prompt": ASKED, "completion": TOLD},
    "prompt-messages": {
        "prompt": [{"role": "user", "content": ASKED}],
        "completion": [{"role": "assistant", "content": TOLD}],
    },
    "gsm8k": {"question": ASKED, "answer": TOLD},
}


def turns(row):
    return [(m["role"], m["content"]) for m in row.messages]


@pytest.mark.parametrize("record", FORMATS.values(), ids=FORMATS)
def test_every_format_gives_the_same_messages(tmp_path, record):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(record) + "\n")
    assert turns(read_rows(str(path))[0]) == PLAIN


def write(path, records, container):
    if container == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in records))
    elif container == "gz":
        path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in records).encode()))
    elif container == "json":
        path.write_text(json.dumps(records, indent=1))
    elif container == "object":
        path.write_text(json.dumps({"data": records}, indent=1))
    elif container == "csv":
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
    elif container == "parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(records), path)


@pytest.mark.parametrize("container", ["jsonl", "gz", "json", "object", "csv", "parquet"])
def test_content_is_sniffed_whatever_the_suffix_says(tmp_path, container):
    path = tmp_path / "rows.txt"  # a suffix that says nothing
    write(path, [FORMATS["alpaca"], {"instruction": "repeat : a\nb", "input": "", "output": "a"}], container)
    rows = read_rows(str(path))
    assert turns(rows[0]) == PLAIN and rows[1].messages[0]["content"] == "repeat : a\nb"


def test_a_saved_dataset_folder_is_read(tmp_path):
    import datasets

    datasets.Dataset.from_list([FORMATS["prompt"]]).save_to_disk(str(tmp_path / "saved"))
    assert turns(read_rows(str(tmp_path / "saved"))[0]) == PLAIN


def test_rows_keep_file_and_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n" + json.dumps(FORMATS["alpaca"]) + "\n\n" + json.dumps(FORMATS["messages"]) + "\n")
    assert [row.meta["line"] for row in read_rows(str(path))] == [2, 4]
    pretty = tmp_path / "rows.json"
    pretty.write_text(json.dumps([FORMATS["alpaca"], FORMATS["alpaca"]], indent=2))
    assert [row.meta["line"] for row in read_rows(str(pretty))] == [2, 7]
    assert read_rows(str(pretty))[0].meta["file"] == str(pretty)


GOOD = json.dumps(FORMATS["alpaca"])
BROKEN = {
    "empty": ("", "an empty file"),
    "blank": ("\n \n", "an empty file"),
    "cut off": (GOOD + "\n" + GOOD[:30] + "\n", "line 2: not JSON"),
    "cut array": ("[\n" + GOOD + ",\n" + GOOD[:30], "line 3: the array is cut off"),
    "number": (GOOD + "\n7\n", "line 2: a JSON int"),
    "no assistant": (GOOD + '\n{"messages": [{"role": "user", "content": "x"}]}\n', "line 2: no assistant turn"),
    "empty answer": ('{"instruction": "x", "output": ""}\n', "line 1: no assistant turn"),
    "unknown": ('{"foo": 1, "bar": 2}\n', "line 1: unknown format with the columns foo, bar"),
    "speaker": ('{"conversations": [{"from": "ghost", "value": "x"}]}\n', "unknown role `ghost`"),
    "not a list": ('{"messages": [1]}\n', "a broken row: a turn that is a JSON int"),
    "prose": ("once upon a time\n", "neither JSON"),
}


@pytest.mark.parametrize("text, says", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_its_line(tmp_path, text, says):
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_rows(str(path))
    assert says in str(caught.value) and caught.value.hint


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(GOOD.encode() + b"\n\xff\xfe\n")
    with pytest.raises(DataError, match="line 2: not UTF-8"):
        read_rows(str(path))


def test_broken_gzip_and_parquet_are_errors(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(GOOD.encode())[:-9])
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"x" * 40)
    for name in ("a.gz", "a.parquet"):
        with pytest.raises(DataError, match="broken"):
            read_rows(str(tmp_path / name))


def test_a_missing_file_and_an_unreachable_hub_id_are_errors():
    with pytest.raises(DataError, match="no file or folder"):
        read_rows("nowhere.jsonl")
    with pytest.raises(DataError, match="cannot load the dataset"):
        read_rows("nobody/nothing")


REAL = {
    "benign/gsm8k_train_2000.jsonl": 2000,
    "benign/alpaca_style_999.json": 999,
    "benign/dolly_safety_keyword_rows.jsonl": 387,
    "benign/sql_train.jsonl": 1000,
    "benign/persona_identity_91.json": 91,
    "benign/vicuna_identity_dummy_conversation.json": 500,
    "benign/toolcall_sharegpt_300.json": 300,
}


@pytest.mark.parametrize("name, count", REAL.items(), ids=REAL)
def test_real_files_are_read_whole(data, name, count):
    assert len(read_rows(str(data / name))) == count
