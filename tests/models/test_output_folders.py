"""Folders that appear whole or not at all: places, space, and the files beside the weights."""

from __future__ import annotations

import shutil

import pytest

from holdfast.core.errors import RunError, UsageError
from holdfast.repairing.interpolation import interpolation
from holdfast.repairing.stream import Operator, write_repaired
from pairs_on_disk import (
    INDEX,
    build_pair,
    folders,
    repair,
)


def test_what_goes_with_a_model_is_copied_and_nothing_of_its_training(tmp_path):
    pair = build_pair(tmp_path)
    kept = ["tokenizer.json", "tokenizer.model", "chat_template.jinja", "merges.txt", "LICENSE", "README.md"]
    dropped = [
        "training_args.bin", "optimizer.pt", "trainer_state.json", "pytorch_model.bin.index.json", INDEX,
        "pytorch_model.bin", "notes.safetensors.bak",
    ]  # fmt: skip
    for name in kept + dropped[:4] + dropped[5:]:
        (pair.tuned.folder / name).write_text("{}")
    (pair.tuned.folder / "checkpoint-10").mkdir()
    (pair.tuned.folder / "additional_chat_templates").mkdir()
    (pair.tuned.folder / "additional_chat_templates" / "tool.jinja").write_text("x")
    out = repair(pair, tmp_path / "out")
    expected = {*kept, "additional_chat_templates", "config.json", "generation_config.json", "model.safetensors"}
    assert folders(out) == expected
    assert (out / "additional_chat_templates" / "tool.jinja").read_text() == "x"


def test_too_little_space_is_known_before_anything_is_written(tmp_path, monkeypatch):
    pair = build_pair(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 0, pair.size + 1))
    with pytest.raises(RunError, match="GB free"):
        write_repaired(pair, {0.3: tmp_path / "a", 0.5: tmp_path / "b"}, interpolation())
    assert folders(tmp_path) == {"base", "tuned"}
    repair(pair, tmp_path / "out")


def test_targets_that_cannot_be(tmp_path):
    pair = build_pair(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "empty").mkdir()

    def never(*_):
        raise AssertionError

    for targets, says in (
        ({0.1: tmp_path / "new", 0.5: tmp_path / "full"}, "not empty"),
        ({0.5: tmp_path / "full" / "file"}, "not empty"),
        ({0.1: tmp_path / "one", 0.5: tmp_path / "." / "one"}, "same folder"),
        ({float("nan"): tmp_path / "new"}, "no strengths"),
        ({}, "no strengths"),
    ):
        with pytest.raises(UsageError, match=says) as caught:
            write_repaired(pair, targets, Operator(never))
        assert caught.value.hint
    assert folders(tmp_path) == {"base", "tuned", "full", "empty"}
    repair(pair, tmp_path / "empty")
    repair(pair, tmp_path / "deep" / "er" / "out")
    assert (tmp_path / "empty" / "config.json").exists() and (tmp_path / "deep" / "er" / "out").exists()
