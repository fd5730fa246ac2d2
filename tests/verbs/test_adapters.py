"""Adapters of other kinds than plain LoRA, through audit and repair: rank-stabilised ones, and those with DoRA."""

from __future__ import annotations

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model

from calling import call
from holdfast.core.errors import EXIT_ERROR
from holdfast.models.load import load_model
from holdfast.repairing.inputs import named_weights
from tiny import make_tiny

KINDS = {"rslora": {"use_rslora": True}, "dora": {"use_dora": True}}


@pytest.fixture(scope="module")
def base(tmp_path_factory, data):
    return make_tiny("llama", tmp_path_factory.mktemp("models") / "base", data)


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory):
    made = {}
    for kind, options in KINDS.items():
        loaded = load_model(str(base), fresh=True)
        config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM", **options)
        model = get_peft_model(loaded.model, config)
        torch.manual_seed(0)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.copy_(0.02 * torch.randn_like(parameter))
        made[kind] = tmp_path_factory.mktemp(kind) / "adapter"
        model.save_pretrained(made[kind])
    return made


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    file = tmp_path_factory.mktemp("asked") / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"{word} of {word}s"}) + "\n" for word in ("bread", "river", "kite")))
    return ["--prompts", file, "--max-new-tokens", 3]


def whole(folder):
    model = load_model(str(folder), fresh=True).model
    return named_weights(model.merge_and_unload() if hasattr(model, "peft_config") else model)


def document(capsys, *arguments):
    code, out, err = call(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def check_half(base, adapter, repaired):
    before, after, result = whole(base), whole(adapter), whole(repaired)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    for name, found in result.items():
        torch.testing.assert_close(found, (before[name] + after[name]) / 2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_audited_and_repaired_into_what_is_audited(kind, base, adapters, asked, tmp_path, capsys):
    """Scaled where scaling is interpolation, else merged; either way halfway between the two models."""
    document(capsys, "audit", adapters[kind], *asked)
    half = ["--repair", "wise-ft", "--strength", 0.5, "--without-utility"]
    found = document(capsys, "repair", base, adapters[kind], *half, *asked, "--out", tmp_path / "run")
    scaled = (tmp_path / "run" / "model" / "adapter_config.json").exists()
    assert scaled == (kind == "rslora")
    check_half(base, adapters[kind], found["model"])
    document(capsys, "audit", found["model"], "--base", base, *asked)


def test_rank_stabilised_is_scaled_without_loading(base, adapters, tmp_path, capsys):
    half = ["--repair", "wise-ft", "--strength", 0.5, "--out", tmp_path / "run"]
    check_half(base, adapters["rslora"], document(capsys, "repair", base, adapters["rslora"], *half)["model"])


def test_dora_is_not_scaled_on_disk_and_the_way_out_is_told(base, adapters, tmp_path, capsys):
    half = ["--repair", "wise-ft", "--strength", 0.5, "--out", tmp_path / "run"]
    code, _, err = call(capsys, "repair", base, adapters["dora"], *half)
    said = " ".join(err.split())
    assert code == EXIT_ERROR and "uses DoRA" in said and "hint: merge it first" in said and "--prompts" in said
    assert not (tmp_path / "run" / "model").exists()
