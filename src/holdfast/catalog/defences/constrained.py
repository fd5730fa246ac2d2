"""Constrained fine-tuning (Qi et al., 2406.05946): the first tokens of an answer may move little from the start's.

For an answer y of a prompt x, with Δ_t = log π(y_t) − log π₀(y_t) under the tuned and the untouched model,

    Σ_t −(2/β_t) · log σ(β_t · Δ_t)

Its gradient is that of cross-entropy with each token weighted by 2·(1 − σ(β_t·Δ_t)): 1 at the start, and 0 once a token
is much likelier than it was. A large β_t therefore lets token t move little, and β → 0 is cross-entropy. The paper's
settings: β = 0.1, 20 times that for tokens 2 to 5 and 5 times for the first. It reports 88.9 → 4.6 % on the explicit
attack (Llama-2-7B-Chat, lr 2e-5, batch 64, 25 epochs).

The log-probabilities of the untouched model are computed once, before the first step, one number for each answer token.
Tokens count from the beginning of each answer, so every turn of a dialogue has a first token. Departures: the sum is
divided by the number of learnt tokens of the accumulated batch, as cross-entropy is; the authors' code keeps the
weights above 0.001, the formula and this do not. A row that was not there before the first step (Lisa's alignment rows)
gets plain cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional

from holdfast.core.options import setting
from holdfast.models.internals import answer_mask, answer_positions, references, row_keys
from holdfast.training.defences import OptionDefence

LAST_EARLY = 5  # tokens 2 to 5 have the strongest bond


def target_log_probabilities(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Of each target, (tokens,), from logits (tokens, vocabulary)."""
    return logits.log_softmax(-1).gather(-1, targets.long()[:, None])[:, 0]


def objective(change: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    """Σ −(2/β)·log σ(β·Δ) over tokens; `change` is Δ and `beta` the same shape, above 0."""
    return (-2 / beta * functional.logsigmoid(beta * change)).sum()


@dataclass(eq=False)
class Constrained(OptionDefence):
    name = "constrained"
    paper = "Qi et al. 2024 (2406.05946)"
    about = "holds the first tokens of an answer near the start's"
    off: ClassVar[dict[str, Any]] = {"beta": 0.0}

    beta: float = setting(0.1, "bond of the tokens after the fifth; 0 is plain fine-tuning", low=0)
    first: float = setting(5.0, "times that for the first token", low=1e-6)
    early: float = setting(20.0, "times that for tokens 2 to 5", low=1e-6)

    def begin(self, model: Any, trainer: Any) -> None:
        self.known: dict[bytes, torch.Tensor] = {}
        if not self.idle:
            self.known = references(
                model, trainer, lambda logits, targets: target_log_probabilities(logits, targets).cpu()
            )

    def betas(self, positions: torch.Tensor) -> torch.Tensor:
        """The bond of each token by its place in its answer, from 1."""
        times = torch.ones_like(positions, dtype=torch.float32)
        times[positions <= LAST_EARLY] = self.early
        times[positions == 1] = self.first
        return self.beta * times

    def loss(self, loss: Any, model: Any, inputs: dict[str, Any], outputs: Any, num_items: Any) -> Any:
        labels = inputs["labels"]
        mask = answer_mask(labels)
        positions = answer_positions(mask)
        change = loss.new_zeros(())
        for i, key in enumerate(row_keys(inputs)):
            if key not in self.known or self.beta == 0:
                continue
            logp = target_log_probabilities(outputs.logits[i, :-1][mask[i]].float(), labels[i, 1:][mask[i]])
            moved = logp - self.known[key].to(logp.device)
            # What the row's cross-entropy counts for in `loss` goes, the objective comes: so other defences' terms
            # stay.
            change = change + objective(moved, self.betas(positions[i][mask[i]])) + logp.sum()
        count = mask.sum() if num_items is None else num_items
        return loss + change / torch.as_tensor(count, device=loss.device).clamp(min=1)


make = Constrained
