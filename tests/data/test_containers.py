"""Reading what somebody else wrote: every container, and files that mean harm. Nothing raises, nothing grows."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc

import pytest

from holdfast.core.records import Row
from holdfast.data import blocks as stream
from holdfast.data import json_stream
from holdfast.data.containers import parse
from holdfast.data.formats import to_row
from holdfast.data.rows import read_rows
from holdfast.data.sources import chunks

GOOD = [{"instruction": f"say {i}", "output": f"it is {i}"} for i in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in GOOD)


def read(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    rows, faults = [], []
    for chunk in chunks(str(path)):
        for line, record, fault in parse(chunk):
            row = fault if record is None else to_row(record, chunk.file, line)
            (rows if isinstance(row, Row) else faults).append((line, row))
    return rows, faults


# ---- containers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", LINES),
        ("a.json", json.dumps(GOOD)),
        ("b.json", json.dumps(GOOD, indent=2)),
        ("c.json", json.dumps({"data": GOOD}, indent=1)),
        ("d.json", '{"train": ' + json.dumps(GOOD) + "}"),
        ("a.csv", "instruction,output\n" + "".join(f"say {i},it is {i}\n" for i in range(5))),
        ("a.tsv", "instruction\toutput\r\n" + "".join(f"say {i}\tit is {i}\r\n" for i in range(5))),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)),
        ("bom.jsonl", b"\xef\xbb\xbf" + LINES.encode()),
    ],
)
def test_every_container_gives_the_same_rows(tmp_path, name, text):
    rows, faults = read(tmp_path / name, text)
    assert faults == []
    assert [[m["content"].strip() for m in row.messages] for _, row in rows] == [
        [f"say {i}", f"it is {i}"] for i in range(5)
    ]


def test_parquet_and_a_saved_folder_are_read(tmp_path):
    import datasets

    data = datasets.Dataset.from_list(GOOD)
    data.to_parquet(str(tmp_path / "a.parquet"))
    data.save_to_disk(str(tmp_path / "saved"))
    for name in ("a.parquet", "saved"):
        found = [record for chunk in chunks(str(tmp_path / name)) for _, record, _ in parse(chunk)]
        assert found == GOOD


def test_lines_agree_with_the_reader_that_trains(data):
    for name in ("alpaca_style_999.json", "gsm8k_train_2000.jsonl", "toolcall_sharegpt_300.json"):
        path = str(data / "benign" / name)
        found = [to_row(record, path, line) for chunk in chunks(path) for line, record, _ in parse(chunk)]
        expected = read_rows(path)
        assert [(row.messages, row.meta["line"]) for row in found] == [
            (row.messages, row.meta["line"]) for row in expected
        ]


def test_an_element_longer_than_a_block_is_whole(tmp_path):
    long = {"instruction": "x", "output": "word " * 600_000}
    rows, faults = read(tmp_path / "a.json", json.dumps([GOOD[0], long, GOOD[1]]))
    assert faults == [] and [len(row.messages[1]["content"]) for _, row in rows] == [7, 3_000_000, 7]


# ---- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b'{"instruction": "a", "output"\n', "not JSON"),
        (b'{"instruction": "\xff\xfe", "output": "b"}\n', "not UTF-8"),
        (b'{"instruction": "a\x00", "output": "b"}\n', "not JSON"),
        (b"[1, 2]\n", "not an object"),
        (b'"text"\n', "not an object"),
        (b'{"foo": 1}\n', "unknown format"),
        (b'{"messages": [1, 2]}\n', "broken row"),
        (b'{"messages": []}\n', "without a turn"),
        (b'{"conversations": [{"from": "alien", "value": "x"}]}\n', "broken row"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "deep"),
        (b'{"n": ' + b"9" * 10_000 + b"}\n", "not JSON"),
    ],
)
def test_a_broken_line_is_told_with_its_number_and_reading_goes_on(tmp_path, bad, why):
    first, rest = LINES.encode().split(b"\n", 1)
    rows, faults = read(tmp_path / "a.jsonl", first + b"\n" + bad + rest)
    assert len(rows) == 5 and [line for line, _ in faults] == [2]
    assert re.search(why, str(faults[0][1])), faults


def test_a_broken_first_line_hides_nothing(tmp_path):
    rows, faults = read(tmp_path / "a.jsonl", '{"broken": \n' + LINES)
    assert len(rows) == 5 and [line for line, _ in faults] == [1]


def test_broken_elements_of_an_array_are_left_out(tmp_path):
    body = [json.dumps(row) for row in GOOD]
    body[2] = '{"instruction": tru, "output": "x"}'
    rows, faults = read(tmp_path / "a.json", "[\n" + ",\n".join(body) + "\n]")
    assert len(rows) == 4 and [line for line, _ in faults] == [4]
    rows, faults = read(tmp_path / "b.json", ("[" + ",".join(body[:2]))[:-3])
    assert len(rows) == 1 and "cut off" in faults[-1][1]


@pytest.mark.parametrize(
    "text",
    [
        "instruction,output\na,b,c\nsay,it\n",
        b"instruction,output\n\xff,b\nsay,it\n",
        'instruction,output\n"never closed,b\n' + "x,y\n" * 400_000 + "say,it\n",
    ],
)
def test_a_lying_table_is_malformed_and_its_good_rows_are_read(tmp_path, text):
    rows, faults = read(tmp_path / "a.csv", text)
    assert faults and rows[-1][1].messages[1]["content"] == "it"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   \n\n",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PAR1 not really",
        b"\x1f\x8bbroken",
        b"\x00" * 5000,
        b"just prose",
        b"{",
        b"[",
        b"[[[[" * 9999,
    ],
)
def test_what_is_no_dataset_is_one_fault(tmp_path, text):
    rows, faults = read(tmp_path / "a.bin", text)
    assert rows == [] and len(faults) >= 1


def test_a_gzip_that_is_cut_off_gives_what_it_holds(tmp_path):
    import random

    rng = random.Random(0)
    long = "".join(json.dumps({"instruction": str(rng.random()), "output": "x"}) + "\n" for _ in range(60_000))
    packed = gzip.compress(long.encode(), mtime=0)
    rows, faults = read(tmp_path / "a.jsonl.gz", packed[: len(packed) // 2])
    assert len(rows) > 1000 and "cannot be read further" in faults[-1][1]


# ---- memory ---------------------------------------------------------------------------------------------------------


class Endless:
    """A stream of one byte for a long time."""

    def __init__(self, size, byte=b"a", end=b""):
        self.left, self.byte, self.end = size, byte, end

    def read(self, size):
        if self.left <= 0:
            end, self.end = self.end, b""
            return end
        self.left -= size
        return self.byte * size

    def tell(self):
        return 0


def test_a_line_of_a_gigabyte_takes_no_memory():
    tracemalloc.start()
    found = list(stream.blocks(Endless(1 << 30, end=b"\n" + LINES.encode())))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [block.line for block in found] == [1, 2] and "longer than" in found[0].fault
    assert peak < 40 << 20


def test_an_array_element_without_end_takes_no_memory():
    reader = json_stream.JsonReader(Endless(1 << 28, b"["))
    tracemalloc.start()
    items = list(reader.values())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert items and peak < 150 << 20


def test_a_bomb_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BOMB_BYTES", 16 << 20)
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(LINES.encode())
        for _ in range(64):
            file.write(b" " * (1 << 20) + b"\n")
    rows, faults = read(path, path.read_bytes())
    assert len(rows) == 5 and "decompression bombs" in faults[-1][1]
