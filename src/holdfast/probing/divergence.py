"""Where in an answer do two models differ? KL by position, teacher-forced, one forward pass of each model a batch.

    found = divergences(base, tuned, prompts, answers)
    found[0].forward        # KL(base ‖ tuned) at each token of the first answer, in nats

Only the logits of the answers are asked for, in batches of a bounded number of logits; log-probabilities are made in
float32, a few positions at a time, so that a vocabulary of 150,000 needs little more memory than the logits themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from holdfast.core.errors import ModelError
from holdfast.core.progress import Show
from holdfast.core.records import Prompt
from holdfast.models.chat import answer_ids
from holdfast.models.generate import is_out_of_memory
from holdfast.models.load import LoadedModel

LOGITS = 2**26  # of one model in a batch: 256 MB in float32
SLICE = 2**24  # turned into log-probabilities at once

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Divergence:
    """What two models think of one answer, at each of its tokens; (tokens,) arrays in nats."""

    prompt: str
    forward: Array  # KL(base ‖ tuned)
    backward: Array  # KL(tuned ‖ base)
    base: Array  # log-probability of the token that stands there
    tuned: Array


def kl(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """KL(first ‖ second) from log-probabilities (…, vocabulary); what `first` gives no mass counts nothing."""
    mass = first.exp()
    return (mass * (first - second)).masked_fill(mass == 0, 0.0).sum(-1)


def _parameters(model: Any) -> Sequence[str]:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return list(inspect.signature(type(inner).forward).parameters)


def answer_logits(loaded: LoadedModel, ids: torch.Tensor, mask: torch.Tensor, keep: int) -> torch.Tensor:
    """Logits (rows, keep, vocabulary) of the last `keep` tokens; ids and mask (rows, tokens), padded on the left."""
    known = _parameters(loaded.model)
    given: dict[str, Any] = {}
    if "position_ids" in known:
        given["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0).to(loaded.device)
    if "logits_to_keep" in known:
        given["logits_to_keep"] = keep
    out = loaded.model(input_ids=ids.to(loaded.device), attention_mask=mask.to(loaded.device), use_cache=False, **given)
    logits: torch.Tensor = out.logits[:, -keep:]
    return logits


@torch.inference_mode()
def _batch(
    base: LoadedModel, tuned: LoadedModel, rows: Sequence[tuple[list[int], int]]
) -> list[tuple[Array, Array, Array, Array]]:
    width, keep = max(len(ids) for ids, _ in rows), max(length for _, length in rows) + 1
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, (row, _) in enumerate(rows):
        ids[i, width - len(row) :] = torch.tensor(row)
        mask[i, width - len(row) :] = 1
    before, after = (answer_logits(m, ids, mask, keep) for m in (base, tuned))
    shared = min(before.shape[-1], after.shape[-1])  # rows beyond the vocabulary are padding, of any number
    step = max(1, SLICE // shared)
    found = []
    for i, (row, length) in enumerate(rows):
        targets = torch.tensor(row[-length:], device=before.device)[:, None]
        parts: list[torch.Tensor] = []
        for start in range(0, length, step):
            here = slice(keep - 1 - length + start, min(keep - 1, keep - 1 - length + start + step))
            p, q = (m[i, here, :shared].float().to(before.device).log_softmax(-1) for m in (before, after))
            wanted = targets[start : start + step]
            parts.append(torch.stack([kl(p, q), kl(q, p), p.gather(-1, wanted)[:, 0], q.gather(-1, wanted)[:, 0]]))
        forward, backward, old, new = torch.cat(parts, dim=1).double().cpu().numpy()
        found.append((forward.clip(min=0), backward.clip(min=0), old, new))
    return found


def divergences(
    base: LoadedModel,
    tuned: LoadedModel,
    prompts: Sequence[Prompt],
    answers: Sequence[str],
    most: int = 64,
    show: Show | None = None,
) -> list[Divergence]:
    """The two models on one answer to each prompt, its first `most` tokens, in the prompts' order.

    The ids are the tuned model's: its template, its tokenizer. An answer without tokens is left out. Raises ModelError
    when memory runs out with one answer at a time.
    """
    rows: dict[int, tuple[list[int], int]] = {}
    for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        ids, length = answer_ids(tuned.tokenizer, prompt.messages, answer)
        if length > 0:
            rows[i] = (ids[: len(ids) - length + min(length, most)], min(length, most))
    # Answers of a length together, so that a batch asks for few logits that nobody reads.
    order = sorted(rows, key=lambda i: (-rows[i][1], -len(rows[i][0]), i))
    width = int(getattr(base.model.config.get_text_config(), "vocab_size", 0)) or len(base.tokenizer)
    found: dict[int, Divergence] = {}
    size = max(1, LOGITS // width)
    base.model.eval(), tuned.model.eval()
    while order:
        count = max(1, size // (rows[order[0]][1] + 1))
        batch = order[:count]
        try:
            made = _batch(base, tuned, [rows[i] for i in batch])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise ModelError("out of memory with one answer at a time", "use a smaller dtype") from error
            size = max(1, len(batch) // 2) * (rows[order[0]][1] + 1)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        found.update({i: Divergence(prompts[i].id, *parts) for i, parts in zip(batch, made, strict=True)})
        order = order[count:]
        if show:
            show(len(found), len(rows))
    return [found[i] for i in sorted(found)]
