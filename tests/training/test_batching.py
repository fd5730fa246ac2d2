"""Rows of one length together: little padding, every row once, and the same order when a run is resumed."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoTokenizer

from holdfast.data.rows import read_rows
from holdfast.models.chat import encode_row
from holdfast.training.batching import GroupedByLength, padding

LENGTHS = [int(n) for n in torch.randint(5, 400, (1003,), generator=torch.Generator().manual_seed(3))]


@pytest.mark.parametrize(("rows", "batch"), [(1003, 8), (1003, 1), (16, 8), (7, 8), (1000, 250), (1, 4)])
def test_every_row_comes_once_and_the_batch_that_is_not_full_is_the_last(rows, batch):
    order = list(GroupedByLength(LENGTHS[:rows], batch, 0))
    assert sorted(order) == list(range(rows)) and len(GroupedByLength(LENGTHS[:rows], batch, 0)) == rows
    spans = [
        max(part) - min(part)
        for part in ([LENGTHS[row] for row in order[i : i + batch]] for i in range(0, rows - rows % batch, batch))
    ]
    assert not spans or max(spans) <= max(LENGTHS) // 2 or rows <= 16 or batch >= 250


def test_batches_come_in_any_order_and_another_one_each_epoch():
    sampler = GroupedByLength(LENGTHS, 8, 0)
    first = list(sampler)
    assert first == list(sampler) == list(GroupedByLength(LENGTHS, 8, 0))
    heads = [LENGTHS[row] for row in first[::8]]
    assert heads != sorted(heads) and heads != sorted(heads, reverse=True)
    sampler.set_epoch(1)
    assert list(sampler) != first != list(GroupedByLength(LENGTHS, 8, 1))


def test_padding_is_counted_as_a_plain_loop_counts_it():
    assert padding([3, 5, 2], [0, 1, 2], 2) == (5 + 5 + 2) / 10
    assert padding([4, 4, 4, 4], [3, 1, 2, 0], 3) == 1.0


SETS = ("gsm8k_train_2000.jsonl", "sql_train.jsonl", "alpaca_style_999.json", "toolcall_sharegpt_300.json")


@pytest.mark.parametrize("name", SETS)
def test_ordinary_sets_are_padded_by_six_percent_at_most(data, name):
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "minimind")
    rows = read_rows(str(data / "benign" / name))
    lengths = [len(encode_row(tokenizer, row, 1024).input_ids) for row in rows]
    shuffled = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(0)).tolist()
    grouped = padding(lengths, GroupedByLength(lengths, 8, 0), 8)
    print(json.dumps({"set": name, "shuffled": round(padding(lengths, shuffled, 8), 3), "grouped": round(grouped, 3)}))
    assert grouped <= 1.06 < 1.2 < padding(lengths, shuffled, 8)
