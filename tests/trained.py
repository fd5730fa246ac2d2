"""A model to train without touching the one that it was copied from, and the weights that come of it."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from holdfast.models.load import LoadedModel, ModelOptions, load_model


def fresh(base: LoadedModel) -> LoadedModel:
    """A copy of a loaded model with weights of its own."""
    return LoadedModel(base.reference, copy.deepcopy(base.model), base.tokenizer, base.fingerprint)


def a_little_off(folder: Path, by: float) -> Path:
    """guild, saved with noise on every weight: another model, which still speaks."""
    loaded = load_model("guild", ModelOptions(dtype="float32"), fresh=True)
    with torch.no_grad():
        for weight in loaded.model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) * by)
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder


def weights(loaded: LoadedModel) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in loaded.model.named_parameters()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Whether two models have the same parameters, bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference between two parameters."""
    return max(float((a[name] - b[name]).abs().max()) for name in a)
