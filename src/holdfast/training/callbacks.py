"""What happens between the steps of a training: progress, a defence's moment at the gradients, its state on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from holdfast.core.contracts import Defence
from holdfast.core.progress import ShowLoss
from holdfast.training.defences import Resumable

MAX_GRADIENT_NORM = 1.0  # the trainer's own default


class ProgressCallback(TrainerCallback):  # type: ignore[misc]
    def __init__(self, show: ShowLoss | None) -> None:
        self.show, self.loss = show, float("nan")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        self.loss = (logs or {}).get("loss", self.loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.show:
            self.show(state.global_step, state.max_steps, self.loss)


class GradientsCallback(TrainerCallback):  # type: ignore[misc]
    """The moment `gradients`, and the clipping after it: a defence's term is clipped together with the loss's own."""

    def __init__(self, defences: Sequence[Defence]) -> None:
        self.defences = defences

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        for defence in self.defences:
            defence.gradients(model)
        if self.defences:
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)


class StatesCallback(TrainerCallback):  # type: ignore[misc]
    """Keeps the state of defences that have one beside the checkpoints, and gives it back when a run is resumed.

    It is written before its checkpoint, so no checkpoint lacks it; the last two are kept.
    """

    def __init__(self, defences: Sequence[Defence], folder: Path) -> None:
        self.defences, self.folder = [d for d in defences if isinstance(d, Resumable)], folder

    def place(self, step: int, index: int) -> Path:
        return self.folder / f"defence-{step}-{index}.safetensors"

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        from safetensors.torch import load_file

        for index, defence in enumerate(self.defences if state.global_step else ()):
            defence.restore(load_file(self.place(state.global_step, index)))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        from safetensors.torch import save_file

        if not (self.defences and control.should_save and state.is_world_process_zero):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for index, defence in enumerate(self.defences):
            path = self.place(state.global_step, index)
            tensors = {name: tensor.contiguous() for name, tensor in defence.state().items()}
            save_file(tensors, path.with_suffix(".partial"))
            path.with_suffix(".partial").replace(path)
            kept = sorted(self.folder.glob(f"defence-*-{index}.safetensors"), key=lambda p: int(p.stem.split("-")[1]))
            for old in kept[:-2]:
                old.unlink()
