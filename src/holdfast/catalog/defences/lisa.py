"""Lisa (Huang et al., 2405.18641).

Steps on refusals and steps on the user's rows in turn, each held near the other's end.

    repeat: k1 steps of  loss(refusals)    + ρ/2 · ‖w − w_user‖²
            k2 steps of  loss(user's rows) + ρ/2 · ‖w − w_refusals‖²

where w_user and w_refusals are the weights with which the other state ended last (the start's, the first time). Paper:
k1 = 100, k2 = 900, twenty rounds of a run, ρ = 1, for Llama-2-7B by LoRA: harm 48.3 → 39.6 and accuracy 95.3 → 94.8
(SST-2, averaged over shares of poison). Its ablations: 40.9 and 95.1 at the defaults, 36.3 and 94.5 at ρ = 10, 35.3 and
94.6 with 900 alignment steps of 1,000.

Defaults: ρ = 1; k1 and k2 are scaled to the run: a round is a twentieth of the steps and at least ten, a tenth of a
round is alignment, which gives the paper's 100 and 900 for its 20,000 steps. A run shorter than ten steps begins with
one alignment step. In an alignment step as many refusals as the batch has rows take its place, and the user's batch is
dropped, as in the authors' code; so those rows count for less. The pull is added to the gradient (see `proximal`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import torch

from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.models.chat import IGNORE, encode_row
from holdfast.models.internals import copies, trained
from holdfast.training.defences import OptionDefence

ROUNDS = 20
SHORTEST_ROUND = 10
ALIGNMENT_SHARE = 0.1


@dataclass(eq=False)
class Lisa(OptionDefence):
    name = "lisa"
    paper = "Huang et al. 2024 (2405.18641)"
    about = "steps on refusals and on the user's rows in turn, each near the other"
    off: ClassVar[dict[str, Any]] = {"rho": 0.0, "k1": 0}
    needs = frozenset({"safety_rows"})

    rho: float = setting(1.0, "pull towards the other state's last weights", low=0)
    k1: int | None = setting(None, "alignment steps of a round", low=0)
    k2: int | None = setting(None, "user steps of a round", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k1 == 0 and self.k2 == 0:
            raise self.option_error("k1 and k2 cannot both be 0")

    def begin(self, model: Any, trainer: Any) -> None:
        self.trainer = trainer
        self.parameters = trained(model)
        self.anchor = copies(self.parameters)
        encoded = [encode_row(self.context.tokenizer, row, trainer.row_tokens) for row in self.context.safety_rows]
        self.pool = [
            {"input_ids": e.input_ids, "labels": e.labels} for e in encoded if any(x != IGNORE for x in e.labels)
        ]
        if not self.pool:
            raise UsageError(f"no safety row has an answer within {trainer.row_tokens} tokens", "raise --max-length")
        trainer.swaps.append(self.batches)

    def round_of(self, steps: int) -> tuple[int, int]:
        """Alignment and user steps of a round, in a run of so many steps."""
        whole = max(SHORTEST_ROUND, round(steps / ROUNDS))
        alignment = max(1, round(ALIGNMENT_SHARE * whole)) if self.k1 is None else self.k1
        return alignment, max(1, whole - alignment) if self.k2 is None else self.k2

    def aligning(self, step: int) -> bool:
        alignment, user = self.round_of(self.trainer.state.max_steps)
        return step % (alignment + user) < alignment

    def batches(self, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The micro-batches of the coming step: the user's, or as many refusals, drawn by the seed and the step."""
        step = self.trainer.state.global_step
        if step and self.aligning(step) != self.aligning(step - 1):
            self.anchor = copies(self.parameters)
        if not self.aligning(step):
            return batches
        sizes = self.trainer.step_sizes(batches)
        wanted = sum(map(sum, sizes))
        draw = random.Random(f"lisa {self.context.seed} {step}")
        # Drawn for the whole step at once, so that how it is cut into batches and processes changes nothing.
        drawn = iter(draw.sample(self.pool, wanted) if wanted <= len(self.pool) else draw.choices(self.pool, k=wanted))
        dealt = [[list(islice(drawn, size)) for size in batch] for batch in sizes]
        rank = self.trainer.args.process_index
        # A process whose rows of the step are used up keeps its batch without anything to learn.
        return [
            self.trainer.data_collator(own[rank]) if own[rank] else batch
            for own, batch in zip(dealt, batches, strict=True)
        ]

    def gradients(self, model: Any) -> None:
        for parameter, anchor in zip(self.parameters, self.anchor, strict=True):
            if parameter.grad is not None:
                parameter.grad.add_(parameter.detach() - anchor, alpha=self.rho)

    def state(self) -> dict[str, torch.Tensor]:
        return {str(i): tensor for i, tensor in enumerate(self.anchor)}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        self.anchor = [state[str(i)].to(old.device) for i, old in enumerate(self.anchor)]


make = Lisa
