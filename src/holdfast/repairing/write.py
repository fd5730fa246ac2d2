"""A repaired model on disk: streamed from the two folders where that can be, else saved from memory.

    write_result(Result(repair, 0.5, base, tuned, sweep), Path("out"), facts)

Nothing of an ensemble is written: it is a way of loading two models.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from holdfast.core.contracts import Repair
from holdfast.core.errors import ModelError
from holdfast.core.progress import Show
from holdfast.models.adapter import scale_adapter
from holdfast.models.checkpoint import Pair, open_pair
from holdfast.models.files import ADAPTER, locate
from holdfast.models.load import LoadedModel
from holdfast.models.output_folders import Finish, fresh_folders
from holdfast.models.stored_numbers import ITEM, Array
from holdfast.repairing.inputs import named_weights
from holdfast.repairing.interpolation import interpolation
from holdfast.repairing.result_card import finisher
from holdfast.repairing.stream import Operator, write_repaired
from holdfast.repairing.sweep import AdapterSweep, ServedSweep, Sweep


@dataclass(frozen=True)
class Result:
    """What is written: a prepared repair of two loaded models, and its sweep in memory."""

    repair: Repair
    base: LoadedModel
    tuned: LoadedModel
    sweep: Sweep


def operator(repair: Repair) -> Operator:
    """A repair as an operator on numpy arrays, for the stream of shards."""

    def operate(name: str, base: Array, tuned: Array, strength: float) -> Array:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            before, after = torch.from_numpy(base), torch.from_numpy(tuned)
        result: torch.Tensor = repair.tensor(name, before, after, strength)
        if result is after or result is before:
            return tuned if result is after else base
        return np.asarray(result.numpy(), np.float32)

    return Operator(operate, neutral=repair.neutral)


def _streams(result: Result) -> Pair | None:
    """The pair on disk, where the repair can be streamed: two folders whose tensors are named as in memory."""
    folders = [locate(loaded.reference) for loaded in (result.base, result.tuned)]
    if any(folder is None or not (folder / "config.json").exists() for folder in folders):
        return None
    pair = open_pair(folders[0], folders[1])  # type: ignore[arg-type]
    known = named_weights(result.tuned.model).keys()
    stored = {name for name, tensor in pair.tuned.tensors.items() if tensor.dtype in ITEM and pair.sources[name]}
    return pair if result.repair.linear or stored <= known else None


def write_result(
    result: Result, targets: Mapping[float, Path], facts: Mapping[float, Mapping[str, Any]], show: Show | None = None
) -> None:
    """Write the model repaired at every strength of `targets`, with a card section and, for an interpolation, a recipe.

    `facts` are rows of the card, by strength. Raises ModelError when a result equals the tuned model, or is an
    ensemble, RunError when the disk is full; nothing is left behind then.
    """
    repair, folder = result.repair, locate(result.tuned.reference)
    if repair.decoding:
        raise ModelError("an ensemble has no file", "load it: ensemble:BASE+TUNED@WEIGHT")
    names = (result.base.reference, result.tuned.reference)
    if isinstance(result.sweep, AdapterSweep | ServedSweep) and folder is not None and (folder / ADAPTER).exists():
        scale_adapter(folder, targets, finisher(repair, names, facts, None))
        return
    pair = _streams(result)
    finish = finisher(repair, names, facts, pair)
    if pair is None:
        _from_memory(result, targets, finish)
        return
    of_pair = replace(interpolation(), neutral=repair.neutral) if repair.linear else operator(repair)
    write_repaired(pair, targets, of_pair, show, finish)


def _from_memory(result: Result, targets: Mapping[float, Path], finish: Finish) -> None:
    size = sum(weight.numel() * weight.element_size() for weight in named_weights(result.tuned.model).values())
    with fresh_folders(targets, size) as folders:
        for strength, folder in folders.items():
            loaded = result.sweep.at(strength)
            if not result.sweep.changed(strength) and strength != result.repair.neutral:
                raise ModelError(
                    f"the repair changed nothing at strength {strength:g}: every tensor equals the tuned model's",
                    "are base and tuned two different models? else choose another strength",
                )
            loaded.model.save_pretrained(folder)
            loaded.tokenizer.save_pretrained(folder)
            finish(strength, folder)
