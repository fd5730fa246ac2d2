"""A few optimiser steps on refusals and task rows: the baseline that a repair without training has to beat.

The strength is the number of steps; 0 is the tuned model. The learning rate is constant, so that the model after 8
steps lies on the way to the one after 16, and one training run gives every strength.

Full tuning on `safety` refusals and `task` rows of the user's task, drawn by the seed; Qi et al. (2310.03693, section
5) and Bianchi et al. (2309.07875) measure what refusals beside task rows do. `lr=auto` is 3e-4 for the embedded model
and 2e-5 for any other.
"""

from __future__ import annotations

import copy
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from holdfast.core.contracts import Defence, RepairInputs
from holdfast.core.options import setting
from holdfast.core.records import Row
from holdfast.repairing.inputs import named_weights
from holdfast.repairing.spec import OptionRepair
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import train


class Snapshots(Defence):
    """Keeps the weights as they are after so many steps; changes nothing."""

    name = "snapshots"

    def __init__(self, steps: set[int]) -> None:
        self.steps, self.done, self.kept = steps, 0, dict[int, dict[str, torch.Tensor]]()

    def keep(self, model: Any) -> None:
        if self.done in self.steps:
            self.kept[self.done] = {name: w.float().cpu().clone() for name, w in named_weights(model).items()}

    def gradients(self, model: Any) -> None:
        self.keep(model)  # before the step, so after those that are done
        self.done += 1

    def end(self, model: Any) -> None:
        self.keep(model)


@dataclass(eq=False)
class Realign(OptionRepair):
    name = "realign"
    paper = "Qi et al. 2023 (2310.03693); Bianchi et al. 2023 (2309.07875)"
    about = "tunes a few steps on refusals and task rows"
    needs = frozenset({"models", "safety_rows", "task_rows"})
    strengths = (32.0, 16.0, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0, 0.0)

    safety: int = setting(20, "refusals", low=1)
    task: int = setting(20, "task rows", low=0)
    lr: float | None = setting(None, "learning rate", low=0)
    batch: int = setting(10, "rows of a step", low=1)

    def check(self, strength: float) -> None:
        super().check(strength)
        if strength != int(strength):
            raise self.option_error(f"its strength is a number of steps, not {strength:g}")

    def rows(self, inputs: RepairInputs) -> list[Row]:
        draw = random.Random(f"realign {inputs.seed}")

        def some(rows: Sequence[Row], count: int) -> list[Row]:
            return draw.sample(list(rows), min(count, len(rows)))

        return some(inputs.safety_rows, self.safety) + some(inputs.task_rows, self.task)

    def prepare(self, inputs: RepairInputs) -> None:
        rows, steps = self.rows(inputs), {int(s) for s in inputs.strengths or self.strengths if s}
        self.snapshots = Snapshots(steps)
        if not steps:
            return
        per_epoch = -(-len(rows) // self.batch)
        settings = TrainSettings(
            epochs=-(-max(steps) // per_epoch),
            lr=inputs.tuned.world.default("realign.lr", 2e-5) if self.lr is None else self.lr,
            batch_size=self.batch,
            seed=inputs.seed,
            schedule="constant",
            warmup_share=0.0,
        )
        working = replace(inputs.tuned, model=copy.deepcopy(inputs.tuned.model))
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            train(working, rows, settings, Path(folder), [self.snapshots])

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        if strength == 0:
            return tuned
        found = self.snapshots.kept[int(strength)].get(name)
        return tuned if found is None else found.to(tuned.device)


make = Realign
