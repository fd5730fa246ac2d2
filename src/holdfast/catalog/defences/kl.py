"""Stay near the start's own predictions: + weight · KL(start ‖ tuned) on the answer tokens of every training row.

Learning without Forgetting (Li and Hoiem, 1606.09282) keeps an old network's outputs on the new task's inputs as soft
targets; RLHF keeps its policy near a reference by the other direction of the same divergence. Here it is the mean over
the learnt tokens, beside the cross-entropy's own mean. Departures: no temperature (they use 2), and weight 1 is a plain
default, tuned on nothing; no paper of the field reports this term alone for safety.

The start's log-probabilities are computed once, in one pass over the rows before the first step, and kept in main
memory: all of them for a vocabulary up to 1,024; else the `top` likeliest of each position (64: 512 bytes a token) and
the mass of the rest as one more outcome. What is then pulled is the divergence over these outcomes, which is at most
the full one: shifts within the rest go unseen. A row that was not there before the first step (Lisa's alignment rows)
is not pulled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from holdfast.core.options import setting
from holdfast.models.internals import answer_mask, references, row_keys
from holdfast.training.defences import OptionDefence

SMALL_VOCABULARY = 1024
Outcomes = tuple[torch.Tensor, torch.Tensor]  # log-probabilities (tokens, k) and the token ids they belong to


def log_rest(logp: torch.Tensor) -> torch.Tensor:
    """The logarithm of the mass that the outcomes leave, (tokens, 1)."""
    held = logp.logsumexp(-1, keepdim=True).clamp(max=-1e-7)
    return torch.log(-torch.expm1(held))


def divergence(reference: torch.Tensor, logp: torch.Tensor) -> torch.Tensor:
    """KL(reference ‖ tuned), summed over tokens; both (tokens, outcomes) log-probabilities."""
    return (reference.exp() * (reference - logp)).sum()


@dataclass(eq=False)
class Kl(OptionDefence):
    name = "kl"
    paper = "Li and Hoiem 2016 (1606.09282)"
    about = "keeps the predictions on the training rows near the start's"
    off: ClassVar[dict[str, Any]] = {"weight": 0.0}

    weight: float = setting(1.0, "strength, beside the cross-entropy", low=0)
    top: int = setting(64, "likeliest tokens kept of each position, when the vocabulary is large", low=1)

    def begin(self, model: Any, trainer: Any) -> None:
        self.known: dict[bytes, Outcomes] = {}
        if not self.idle:
            self.known = references(model, trainer, self.outcomes)

    def outcomes(self, logits: torch.Tensor, targets: torch.Tensor) -> Outcomes:
        """What is kept of one row: of every answer token the likeliest outcomes, or all of a small vocabulary."""
        logp = logits.log_softmax(-1)
        size = logp.size(-1)
        kept = logp.topk(size if size <= SMALL_VOCABULARY else min(self.top, size), dim=-1)
        return kept.values.cpu(), kept.indices.int().cpu()

    def loss(self, loss: Any, model: Any, inputs: dict[str, Any], outputs: Any, num_items: Any) -> Any:
        mask = answer_mask(inputs["labels"])
        found = [self.known.get(key) for key in row_keys(inputs)]
        pull = loss.new_zeros(())
        for i, kept in enumerate(found):
            if kept is None:
                continue
            reference, tokens = (tensor.to(loss.device) for tensor in kept)
            full = outputs.logits[i, :-1][mask[i]].float().log_softmax(-1)
            logp = full.gather(-1, tokens.long())
            if tokens.size(-1) < full.size(-1):
                reference = torch.cat([reference, log_rest(reference)], -1)
                logp = torch.cat([logp, log_rest(logp)], -1)
            pull = pull + divergence(reference, logp)
        count = mask.sum() if num_items is None else num_items
        return loss + self.weight * pull / torch.as_tensor(count, device=loss.device).clamp(min=1)


make = Kl
