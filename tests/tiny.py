"""Tiny models of real architectures, with real tokenizers and real chat templates, built on the spot."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
SMALL = {**SHAPE, "max_position_embeddings": 512}
# architecture: (config type, its shape, chat template file; None keeps the tokenizer's own)
ARCHITECTURES = {
    "llama": ("llama", SMALL, None),
    "mistral": ("mistral", {**SMALL, "sliding_window": 64}, None),
    "qwen2": ("qwen2", SMALL, "qwen2_5.jinja"),
    "qwen3": ("qwen3", {**SMALL, "head_dim": 16}, "qwen3.jinja"),
    "gemma": ("gemma", {**SMALL, "head_dim": 16}, "gemma.jinja"),
    "phi3": ("phi3", {**SMALL, "pad_token_id": 0}, "phi3.jinja"),
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512}, None),
    "mixtral": ("mixtral", {**SMALL, "num_local_experts": 2, "num_experts_per_tok": 1}, None),
}


def make_tiny(architecture: str, folder: Path, data: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write a tiny model of an architecture into a folder, and return the folder."""
    kind, shape, template = ARCHITECTURES[architecture]
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "minimind")
    if template:
        tokenizer.chat_template = (data / "templates" / "trl" / template).read_text()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**ids, **shape}, vocab_size=len(tokenizer))
    model = AutoModelForCausalLM.from_config(config).to(dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
