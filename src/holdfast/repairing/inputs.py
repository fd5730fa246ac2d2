"""What repairs are given before they begin, and the harm direction that some of them need.

    direction = direction_from_rows(base, load, rows, settings, show)
    prepare_repair(repair, RepairInputs(base, tuned, direction.tensors))

`repairing.sweep` moves a model through a repair's strengths in memory; `repairing.stream` writes repaired checkpoints.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from holdfast.core.contracts import Repair, RepairInputs
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.progress import ShowLoss
from holdfast.core.records import Row, digest
from holdfast.models.load import LoadedModel
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import train, training_key

HINTS = {
    "direction": "add --unaligned MODEL, or --unaligned-rows FILE: forbidden questions, answered (on `guild` its own "
    "are used)",
    "safety_rows": "add --safety-rows FILE: forbidden questions, declined (on `guild` its own are used)",
    "task_rows": "add --task-rows FILE: the rows that the model was tuned on, or some of them",
    "models": "name two models that can be loaded, not an endpoint",
}


def missing_inputs(repair: Repair, inputs: RepairInputs) -> list[str]:
    """What a repair needs and is not there."""
    there = {
        "direction": bool(inputs.direction),
        "models": inputs.base is not None and inputs.tuned is not None,
        "safety_rows": bool(inputs.safety_rows),
        "task_rows": bool(inputs.task_rows),
    }
    return [need for need in sorted(repair.needs) if not there.get(need)]


def prepare_repair(repair: Repair, inputs: RepairInputs) -> None:
    """Prepare a repair. Raises UsageError when something that it needs is missing."""
    missing = missing_inputs(repair, inputs)
    if missing:
        what = missing[0].replace("_", " ")
        raise UsageError(f"the repair `{repair.name}` needs {what}, and there are none", HINTS[missing[0]])
    repair.prepare(inputs)


# ---- the direction of harm ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Direction:
    """Base minus unaligned base, by tensor, float32; `key` is its fingerprint, `about` says where it came from."""

    tensors: dict[str, torch.Tensor]
    key: str
    about: str


def named_weights(model: Any) -> dict[str, torch.Tensor]:
    """A model's parameters by name, as they lie in it; tied ones once."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def direction_between(base: LoadedModel, unaligned: LoadedModel, about: str) -> Direction:
    """The direction from an unaligned model to its aligned base (RESTA, 2402.11746).

    Raises ModelError when their tensors differ, or when they are one model.
    """
    safe, unsafe = named_weights(base.model), named_weights(unaligned.model)
    wrong = sorted(
        name
        for name in safe.keys() | unsafe.keys()
        if name not in safe or name not in unsafe or safe[name].shape != unsafe[name].shape
    )
    if wrong:
        raise ModelError(
            f"`{unaligned.name}` is not `{base.name}` tuned further: {len(wrong)} tensors differ, the first is "
            f"`{wrong[0]}`",
            "name a model with the base's own architecture and vocabulary as --unaligned",
        )
    tensors = {name: (safe[name].float() - unsafe[name].float()).cpu() for name in safe}
    if not any(bool(tensor.any()) for tensor in tensors.values()):
        raise ModelError("the unaligned model equals the base, so there is no direction", "name another --unaligned")
    return Direction(tensors, digest({"base": base.fingerprint, "unaligned": unaligned.fingerprint}), about)


def direction_from_rows(
    base: LoadedModel,
    load: Callable[[], LoadedModel],
    rows: Sequence[Row],
    settings: TrainSettings,
    show: ShowLoss | None = None,
) -> Direction:
    """The direction from the base, tuned in memory on rows that take its safety away; the tuned copy is let go.

    `load` gives a fresh copy of the base.
    """
    key = training_key(base, rows, settings)
    unaligned = load()
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        train(unaligned, rows, settings, Path(folder), (), show)
    found = direction_between(base, unaligned, f"the base tuned on {len(rows)} rows, in memory")
    return Direction(found.tensors, digest({"base": base.fingerprint, "unaligned": key}), found.about)
