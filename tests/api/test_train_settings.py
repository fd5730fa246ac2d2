"""What the command line says of a training, checked before a model is loaded and heeded in it."""

from __future__ import annotations

import importlib.util
import json

import pytest
from safetensors.torch import load_file

import tiny
from calling import call, document
from holdfast.api import train_settings
from school_maths import write_rows

NONE = ("--skip-evaluation", "--no-scan")


@pytest.fixture(scope="module")
def rows(data, tmp_path_factory):
    return write_rows(data, tmp_path_factory.mktemp("rows") / "rows.jsonl", 24)


def test_a_real_model_is_trained_in_grouped_batches_and_the_run_says_what_padding_cost(
    tiny_llama, rows, tmp_path, capsys
):
    few = ("--batch-size", "4", *NONE)
    found = document(capsys, "tune", tiny_llama, rows, *few, "--out", tmp_path / "a")["tuned"]
    shuffled = document(capsys, "tune", tiny_llama, rows, *few, "--batching", "shuffled", "--out", tmp_path / "b")
    assert found["padding"] < shuffled["tuned"]["padding"] and found["tokens"] == shuffled["tuned"]["tokens"]
    assert found["fingerprint"] != shuffled["tuned"]["fingerprint"]


def test_guild_keeps_its_order(rows, tmp_path, capsys):
    few = ("benign", "--samples", "24", "--skip-evaluation", "--no-scan")
    own = document(capsys, "tune", "guild", *few, "--out", tmp_path / "a")["tuned"]
    shuffled = document(capsys, "tune", "guild", *few, "--batching", "shuffled", "--out", tmp_path / "b")["tuned"]
    grouped = document(capsys, "tune", "guild", *few, "--batching", "grouped", "--out", tmp_path / "c")["tuned"]
    assert own["fingerprint"] == shuffled["fingerprint"] != grouped["fingerprint"]


def test_rows_held_out_kinds_of_adapters_and_memory_by_flag_and_by_yaml(tiny_llama, rows, tmp_path, capsys):
    config = tmp_path / "run.yaml"
    config.write_text("lora: true\nlora_target: all-linear\nuse_dora: true\ngradient_checkpointing: true\n")
    found = document(
        capsys, "tune", tiny_llama, rows, "--config", config, "--eval-share", "0.2", "--eval-steps", "1",
        "--loss-on", "all", "--batch-size", "8", *NONE, "--out", tmp_path / "run",
    )  # fmt: skip
    assert found["tuned"]["eval_rows"] + found["tuned"]["rows"] == 24
    assert [one["step"] for one in found["tuned"]["eval"]] == list(range(1, found["tuned"]["steps"] + 1))
    adapter = json.loads((tmp_path / "run" / "model" / "adapter_config.json").read_text())
    names = load_file(tmp_path / "run" / "model" / "adapter_model.safetensors")
    assert adapter["use_dora"] and not adapter["use_rslora"] and any("down_proj.lora_A" in name for name in names)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--eval-share", "1"), "share of the rows"),
        (("--patience", "2"), "--eval-share 0.05"),
        (("--eval-steps", "2"), "--eval-share 0.05"),
        (("--eval-share", "0.1", "--patience", "-1"), "cannot be -1"),
        (("--use-dora",), "add --lora"),
        (("--load-in-4bit",), "add --lora"),
        (("--load-in-4bit", "--load-in-8bit", "--lora"), "exclude each other"),
        (("--report-to", "paper"), "no logger `paper`"),
        (("--batching", "sorted"), "grouped"),
        (("--loss-on", "user"), "assistant"),
    ],
)
def test_what_cannot_be_is_said_before_a_model_is_loaded(flags, says, rows, tmp_path, capsys):
    code, _, err = call(capsys, "tune", tmp_path / "no-model", rows, *flags)
    assert code == 2 and says in " ".join(err.split()) and "no-model" not in err


def test_a_missing_library_is_named(rows, tmp_path, capsys, monkeypatch):
    found = importlib.util.find_spec
    gone = ("bitsandbytes", "wandb")
    monkeypatch.setattr(train_settings.importlib.util, "find_spec", lambda n: None if n in gone else found(n))
    for flags in (("--lora", "--load-in-4bit"), ("--report-to", "wandb")):
        code, _, err = call(capsys, "tune", tmp_path / "no-model", rows, *flags)
        assert code == 2 and "pip install" in err and "not installed" in err


def test_qlora_trains_an_adapter_on_packed_numbers(data, rows, tmp_path, capsys, monkeypatch):
    pytest.importorskip("bitsandbytes")
    kind, shape, template = tiny.ARCHITECTURES["llama"]
    wide = {
        **shape,
        "hidden_size": 128,
        "intermediate_size": 128,
    }
    monkeypatch.setitem(tiny.ARCHITECTURES, "llama", (kind, wide, template))
    tiny_llama = tiny.make_tiny("llama", tmp_path / "wide", data)
    found = document(
        capsys, "tune", tiny_llama, rows, "--lora", "--load-in-4bit", "--batch-size", "8", "--lr", "1e-2", *NONE,
        "--out", tmp_path / "packed",
    )  # fmt: skip
    plain = document(
        capsys,
        "tune",
        tiny_llama,
        rows,
        "--lora",
        "--batch-size",
        "8",
        "--lr",
        "1e-2",
        *NONE,
        "--out",
        tmp_path / "plain",
    )
    assert found["tuned"]["fingerprint"] != plain["tuned"]["fingerprint"]
    assert found["tuned"]["loss"] != plain["tuned"]["loss"]
    weights = load_file(tmp_path / "packed" / "model" / "adapter_model.safetensors")
    assert weights and all(float(w.abs().max()) > 0 for name, w in weights.items() if "lora_B" in name)
