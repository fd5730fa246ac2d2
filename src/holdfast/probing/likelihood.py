"""How likely a model finds what it may have been trained on: the loss of rows, in nats, over the tokens that it learns.

losses = row_losses(loaded, rows)

What all rows begin with is run once and kept as a cache, since sentences that differ in one secret share most of their
tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from holdfast.core.records import Row
from holdfast.models.chat import IGNORE, Encoded, encode_row
from holdfast.models.decoding import decodes_greedily, shared_beginning, without_wrapper
from holdfast.models.generate import is_out_of_memory
from holdfast.models.kv_cache import cache_name
from holdfast.models.load import LoadedModel

LOGITS = 1 << 27  # numbers of a batch's logits; half a gigabyte in float32


def row_losses(loaded: LoadedModel, rows: Sequence[Row]) -> list[float]:
    """Each row's log-perplexity: the sum of −ln p over its assistant turns, or over the whole of a `text` row, in nats.

    Raises torch.OutOfMemoryError when one row does not fit.
    """
    encoded = [encode_row(loaded.tokenizer, row) for row in rows]
    model = without_wrapper(loaded.model)
    shared = _shared([row.input_ids for row in encoded]) if decodes_greedily(model) else 0
    order = sorted(range(len(rows)), key=lambda i: -len(encoded[i].input_ids))
    vocabulary = int(model.get_input_embeddings().weight.shape[0])
    found, size, at = [0.0] * len(rows), len(rows), 0
    while at < len(order):
        size = max(1, min(size, LOGITS // (max(1, len(encoded[order[at]].input_ids) - shared) * vocabulary)))
        batch = order[at : at + size]
        try:
            losses = _losses(model, [encoded[i] for i in batch], shared)
        except Exception as error:
            if not is_out_of_memory(error) or size == 1:
                raise
            size //= 2
            continue
        for i, loss in zip(batch, losses, strict=True):
            found[i] = loss
        at += len(batch)
    return found


def _shared(rows: Sequence[list[int]]) -> int:
    """How many tokens all rows begin with, but for the last of the shortest; 0 where a cache is not worth it."""
    common = shared_beginning(rows)
    return common if common >= 8 and len(rows) > 1 else 0


def _token_losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """−ln p of each label, 0 where there is none; (rows, tokens)."""
    flat = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="none"
    )
    return flat.view(labels.shape).double()


@torch.inference_mode()
def _losses(model: Any, batch: Sequence[Encoded], shared: int) -> list[float]:
    """Summed losses of a batch whose rows all begin with the same `shared` tokens."""
    device = next(model.parameters()).device
    width, rows = max(len(row.input_ids) for row in batch), len(batch)
    ids = torch.zeros((rows, width), dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORE)
    for i, row in enumerate(batch):  # padded on the right: what comes later changes nothing before it
        n = len(row.input_ids)
        ids[i, :n], labels[i, :n], mask[i, :n] = torch.tensor(row.input_ids), torch.tensor(row.labels), 1
    ids, mask, labels = ids.to(device), mask.to(device), labels.to(device)
    if not shared:
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
        return [float(x) for x in _token_losses(logits, labels[:, 1:]).sum(1).cpu()]
    cache = DynamicCache(config=model.config)
    kept: dict[str, Any] = {str(cache_name(type(model))): cache, "use_cache": True}
    head = model(input_ids=ids[:1, :shared], attention_mask=mask[:1, :shared], **kept).logits
    common = _token_losses(head, labels[:1, 1 : shared + 1]).sum()  # the first token after the shared ones may differ
    common = common - _token_losses(head[:, -1:], labels[:1, shared : shared + 1]).sum()
    first = _token_losses(head[:, -1:].expand(rows, -1, -1), labels[:, shared : shared + 1]).sum(1)
    cache.batch_repeat_interleave(rows)
    positions = torch.arange(shared, width, device=device).expand(rows, -1)
    logits = model(input_ids=ids[:, shared:], attention_mask=mask, position_ids=positions, **kept).logits[:, :-1]
    return [float(x) for x in (common + first + _token_losses(logits, labels[:, shared + 1 :]).sum(1)).cpu()]
