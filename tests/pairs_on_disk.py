"""Tiny pairs of models on disk for tests of repairs: built, rewritten, repaired, compared."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from holdfast.models.checkpoint import Pair, open_pair
from holdfast.repairing.interpolation import interpolation
from holdfast.repairing.stream import write_repaired
from tiny import ARCHITECTURES

VOCABULARY = 96
INDEX = "model.safetensors.index.json"


def build(kind: str, folder: Path, seed: int = 0, dtype: torch.dtype = torch.bfloat16, **shape: object) -> Path:
    """A tiny model without a tokenizer; `shard` is the most kilobytes of a shard."""
    shard = shape.pop("shard", None)
    torch.manual_seed(seed)
    name, small, _ = ARCHITECTURES[kind]
    config = AutoConfig.for_model(name, **{**small, "vocab_size": VOCABULARY, **shape})
    model = AutoModelForCausalLM.from_config(config).to(dtype)
    for parameter in model.parameters():  # norms and biases are all ones and zeros otherwise
        parameter.data += 0.02 * torch.randn_like(parameter)
    model.save_pretrained(folder, **({"max_shard_size": f"{shard}KB"} if shard else {}))
    return folder


def build_pair(tmp_path: Path, kind: str = "llama", **shape: object) -> Pair:
    return open_pair(build(kind, tmp_path / "base", 0, **shape), build(kind, tmp_path / "tuned", 1, **shape))


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found |= load_file(file)
    return found


def same_bytes(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(
        one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8)
    )


def rewrite(folder: Path, **changes: torch.Tensor | None) -> None:
    """Put tensors into a model's only file, or take them out; `.` is written `__`."""
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in changes.items():
        name = name.replace("__", ".")
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def configure(folder: Path, file: str = "config.json", **changes: object) -> None:
    known = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**known, **changes}))


def repair(pair: Pair, out: Path, alpha: float = 0.3, **options: object) -> Path:
    write_repaired(pair, {alpha: out}, interpolation(), **options)  # type: ignore[arg-type]
    return out


def folders(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}
