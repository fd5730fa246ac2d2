"""What decides a tuning run beside its rows; nothing here imports torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from holdfast.core.errors import UsageError

ALL_LINEAR = "all-linear"  # PEFT's word for every linear layer but the output layer


@dataclass(frozen=True)
class LoraSettings:
    """A LoRA adapter; alpha is the scale, rank the size.

    target_modules: the layers to adapt, or ("all-linear",); None lets PEFT choose by architecture. rslora: scaled by
    alpha / sqrt(rank) (Kalajdzievski, 2312.03732). dora: weight-decomposed (Liu et al., 2402.09353).
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    target_modules: tuple[str, ...] | None = None
    rslora: bool = False
    dora: bool = False


@dataclass(frozen=True)
class TrainSettings:
    """What decides a tuning run beside its rows. The defaults are those of Qi et al. for explicit examples.

    batching: `shuffled`, or `grouped`: rows of nearly one length in a batch, batches in any order. loss_on: `assistant`
    turns, or `all`. eval_share: of the rows, held out; their loss is measured every eval_steps steps (0: ten times),
    and with patience the training stops when that many measurements brought nothing better, and goes back to the best.
    report_to: loggers of transformers' own. processes: those that the training was begun with, each with batches of its
    own; a step has `step_rows` rows, however these are spread later.
    """

    epochs: float = 5.0
    lr: float = 5e-5
    batch_size: int = 10
    seed: int = 0
    gradient_accumulation: int = 1
    weight_decay: float = 0.0
    warmup_share: float = 0.05
    schedule: str = "linear"
    max_length: int = 1024
    lora: LoraSettings | None = None
    save_steps: int = 0  # 0: no checkpoints
    precision: str = "auto"  # of the arithmetic: float32, or auto: bfloat16 autocast where that is fast
    batching: str = "shuffled"
    gradient_checkpointing: bool = False
    loss_on: str = "assistant"
    eval_share: float = 0.0
    eval_steps: int = 0
    patience: int = 0
    report_to: tuple[str, ...] = ()
    processes: int = 1

    @property
    def step_rows(self) -> int:
        """The rows of an optimiser step."""
        return self.batch_size * self.gradient_accumulation * self.processes

    def steps(self, rows: int) -> int:
        """The optimiser steps of a training on so many rows."""
        return max(1, math.ceil(math.ceil(rows / self.step_rows) * self.epochs))

    def spread(self, processes: int) -> tuple[int, int]:
        """The rows of a batch and the batches of a step, of each of so many processes.

        A batch is no larger than `batch_size`. Raises UsageError where a step cannot be shared out evenly.
        """
        each, left = divmod(self.step_rows, processes)
        if left:
            raise UsageError(
                f"a step of this training has {self.step_rows} rows, which {processes} processes cannot share evenly",
                f"start as many as divide {self.step_rows}",
            )
        batch = max(size for size in range(1, min(self.batch_size, each) + 1) if each % size == 0)
        return batch, each // batch

    def to_dict(self) -> dict[str, Any]:
        """What names a training: settings that came later count only where they are not as before."""
        found = {name: value for name, value in asdict(self).items() if name != "report_to"}
        kept = {name: value for name, value in found.items() if name not in LATER or value != DEFAULTS[name]}
        if self.lora:
            kept["lora"] = {
                name: value for name, value in kept["lora"].items() if value or name not in ("rslora", "dora")
            }
        return kept


LATER = ("batching", "gradient_checkpointing", "loss_on", "eval_share", "eval_steps", "patience", "processes")
DEFAULTS = {field.name: field.default for field in fields(TrainSettings)}
