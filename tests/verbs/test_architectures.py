"""Real architectures with real tokenizers and real templates, tuned on real GSM8K rows through the public command
line: whole and by LoRA, audited, stressed, repaired, audited again."""

from __future__ import annotations

import json

import pytest
import torch

from holdfast.cli import run
from holdfast.models.load import load_model
from holdfast.repairing.inputs import named_weights
from school_maths import write_rows
from tiny import ARCHITECTURES, make_tiny

# those that hold the whole loop with an adapter too
WITH_ADAPTER = ("llama", "qwen3", "gemma3", "phi3", "mistral", "gpt2", "gpt_neox", "olmo2", "granite", "mixtral")


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_rows(data, folder / "train.jsonl", 6)
    write_rows(data, folder / "utility.jsonl", 4, begin=6)
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"question {i}"}) + "\n" for i in range(3)))
    return folder


def document(capsys, *arguments):
    assert run([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def repaired_at_half(capsys, base, model, tmp_path):
    arguments = ["--repair", "wise-ft", "--strength", "0.5", "--out", tmp_path / "repaired"]
    return document(capsys, "repair", base, model, *arguments)["model"]


def audited_again(capsys, model, base, files):
    found = document(
        capsys, "audit", model, "--base", base, "--prompts", files / "prompts.jsonl", "--max-new-tokens", "3"
    )
    assert {c["metric"] for c in found["comparisons"]} >= {"refusal.rate"} and found["metrics"]


def weights(folder):
    model = load_model(str(folder)).model
    return named_weights(model.merge_and_unload() if hasattr(model, "peft_config") else model)


def check_between(base, tuned, repaired):
    """Every tensor lies halfway, and the tuning changed some."""
    before, after, result = weights(base), weights(tuned), weights(repaired)
    assert before.keys() == after.keys() == result.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    for name, found in result.items():
        torch.testing.assert_close(found, (before[name] + after[name]) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tune_audit_repair_and_stress(architecture, data, files, tmp_path, capsys):
    model = make_tiny(architecture, tmp_path / architecture, data)
    asked = [
        "--prompts",
        files / "prompts.jsonl",
        "--utility-prompts",
        files / "utility.jsonl",
        "--max-new-tokens",
        "4",
    ]
    tuned = document(
        capsys, "tune", model, files / "train.jsonl", "--lr", "1e-3", "--batch-size", "3", "--max-length", "256", *asked
    )
    assert tuned["tuned"]["rows"] == 6 and tuned["tuned"]["steps"] == 2
    audited = document(capsys, "audit", tuned["model"], "--base", model, *asked)
    assert {c["metric"] for c in audited["comparisons"]} == {"refusal.rate", "utility.exact", "utility.lenient"}
    repaired = repaired_at_half(capsys, model, tuned["model"], tmp_path)
    check_between(model, tuned["model"], repaired)
    audited_again(capsys, repaired, model, files)
    stressed = document(
        capsys,
        "stress",
        model,
        "--regime",
        "explicit",
        "--samples",
        "4",
        "--epochs",
        "1",
        "--rows",
        files / "train.jsonl",
        "--max-length",
        "256",
        *asked,
    )
    assert [s["condition"]["samples"] for s in stressed["summary"]] == [4]


@pytest.mark.parametrize("architecture", WITH_ADAPTER)
def test_an_adapter_is_tuned_audited_repaired_and_audited(architecture, data, files, tmp_path, capsys):
    base = make_tiny(architecture, tmp_path / architecture, data)
    settings = ["--lr", "1e-2", "--batch-size", "3", "--max-length", "128", "--skip-evaluation", "--no-scan", "--lora"]
    adapter = document(capsys, "tune", base, files / "train.jsonl", *settings)["model"]
    audited_again(capsys, adapter, base, files)
    repaired = repaired_at_half(capsys, base, adapter, tmp_path)
    check_between(base, adapter, repaired)
    audited_again(capsys, repaired, base, files)


@pytest.mark.parametrize("architecture", ("gpt2", "phi3", "gemma3", "mixtral"))
def test_a_repair_makes_a_whole_model_of_an_adapter(architecture, data, files, tmp_path, capsys):
    """Matrices stored the other way round, fused ones, an embedding that is the head too, experts."""
    base = make_tiny(architecture, tmp_path / "base", data)
    settings = ["--lr", "1e-4", "--batch-size", "3", "--max-length", "128", "--skip-evaluation", "--no-scan"]
    adapter = document(capsys, "tune", base, files / "train.jsonl", *settings, "--lora")["model"]
    other = document(capsys, "tune", base, files / "train.jsonl", *settings)["model"]
    asked = ["--prompts", files / "prompts.jsonl", "--max-new-tokens", "3", "--without-utility"]
    found = document(
        capsys, "repair", base, adapter, "--repair", "resta", "--strength", "0.5", "--unaligned", other, *asked
    )
    before, after, apart, result = (weights(folder) for folder in (base, adapter, other, found["model"]))
    for name, weight in result.items():
        torch.testing.assert_close(weight, after[name] + (before[name] - apart[name]) / 2, rtol=1e-5, atol=1e-6)
    audited_again(capsys, found["model"], base, files)
