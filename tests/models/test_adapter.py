"""An adapter scaled on disk, against the merged model interpolated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from holdfast.core.errors import ModelError
from holdfast.models.adapter import scale_adapter
from holdfast.models.checkpoint import open_pair
from holdfast.repairing.interpolation import interpolation
from holdfast.repairing.stream import write_repaired
from pairs_on_disk import (
    build,
    folders,
)


def build_adapter(tmp_path: Path, kind: str = "llama", **options: object) -> Path:
    base = build(kind, tmp_path / "base", 0, torch.float32)
    settings = {"r": 4, "lora_alpha": 16, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**{**settings, **options}))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = 0.1 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(torch.arange(10)[None]).logits
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True, "alpha_pattern": {"down_proj": 3}, "rank_pattern": {"down_proj": 2}},
        {"kind": "qwen2", "target_modules": ["v_proj"], "lora_bias": True},
    ],
)
def test_a_scaled_adapter_is_the_merged_model_interpolated(tmp_path, options):
    adapter = build_adapter(tmp_path, **options)
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    targets = {strength: tmp_path / f"scaled-{strength}" for strength in (0.0, 0.3, 1.0)}
    scale_adapter(adapter, targets)
    pair = open_pair(tmp_path / "base", tmp_path / "merged")
    write_repaired(pair, {s: tmp_path / f"full-{s}" for s in targets}, interpolation())
    for strength, folder in targets.items():
        scaled = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), folder)
        full = AutoModelForCausalLM.from_pretrained(tmp_path / f"full-{strength}")
        assert torch.allclose(logits(scaled), logits(full), atol=2e-5)
        for (name, one), (_, other) in zip(
            scaled.merge_and_unload().named_parameters(), full.named_parameters(), strict=True
        ):
            assert torch.allclose(one, other, atol=1e-6), name
        weights = "adapter_model.safetensors"
        assert (folder / weights).read_bytes() == (adapter / weights).read_bytes()
    assert (targets[1.0] / "adapter_config.json").read_bytes() == (adapter / "adapter_config.json").read_bytes()


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"use_dora": True}, "DoRA"),
        ({"peft_type": "IA3"}, "of type IA3"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"bias": "all"}, "biases"),
        ({"trainable_token_indices": [3]}, "embeddings"),
        ({"init_lora_weights": "pissa_niter_16"}, "alters the base"),
        ({"kasa_config": {"x": 1}}, "kasa_config"),
        ({"lora_alpha": None}, "is no adapter"),
    ],
)
def test_adapters_that_do_more_than_lora_are_refused(tmp_path, changes, says):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    save_file({"base_model.model.q_proj.lora_A.weight": torch.ones(2, 2)}, adapter / "adapter_model.safetensors")
    known = {"peft_type": "LORA", "lora_alpha": 8, "r": 4, "bias": "none", **changes}
    (adapter / "adapter_config.json").write_text(json.dumps(known))
    with pytest.raises(ModelError, match=says) as caught:
        scale_adapter(adapter, {0.5: tmp_path / "out"})
    assert caught.value.hint
    assert folders(tmp_path) == {"adapter"}


def test_an_adapter_that_holds_trained_embeddings_is_refused(tmp_path):
    adapter = build_adapter(tmp_path)
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file(weights | {"base_model.model.lm_head.weight": torch.ones(2)}, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"more than LoRA \(base_model\.model\.lm_head\.weight\)"):
        scale_adapter(adapter, {0.5: tmp_path / "out"})
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        scale_adapter(adapter, {0.5: tmp_path / "out"})
    with pytest.raises(ModelError, match="is no adapter"):
        scale_adapter(tmp_path / "base", {0.5: tmp_path / "out"})
