"""A model to train without touching the one that it was copied from, and the weights that come of it."""

from __future__ import annotations

import copy

import torch

from holdfast.models.load import LoadedModel


def fresh(base: LoadedModel) -> LoadedModel:
    """A copy of a loaded model with weights of its own."""
    return LoadedModel(base.reference, copy.deepcopy(base.model), base.tokenizer, base.fingerprint)


def weights(loaded: LoadedModel) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in loaded.model.named_parameters()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Whether two models have the same parameters, bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference between two parameters."""
    return max(float((a[name] - b[name]).abs().max()) for name in a)
