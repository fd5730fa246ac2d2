"""Greedy decoding of a padded batch, with rows that are done dropped from it.

`generate` of transformers carries every row to the length of the longest reply; refusals are short and answers long, so
a good part of its work is on rows that ended. Here the batch and its cache shrink as rows end, the cache has room for
the tokens to come, and what all prompts of a batch begin with (a template's system prompt) is read once. What this loop
does not do (sampling, beams, logits processors that a model's generation config asks for) is left to transformers' own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch

from holdfast.models.kv_cache import RoomyLayer, cache_name, forward_parameters, one_token_products, roomy_cache

# What a generation config may ask for that changes a greedy reply, and the values that ask for nothing.
PROCESSORS = {
    "repetition_penalty": (None, 1.0),
    "encoder_repetition_penalty": (None, 1.0),
    "no_repeat_ngram_size": (None, 0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "bad_words_ids": (None,),
    "sequence_bias": (None,),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "exponential_decay_length_penalty": (None,),
    "suppress_tokens": (None,),
    "begin_suppress_tokens": (None,),
    "forced_bos_token_id": (None,),
    "forced_eos_token_id": (None,),
    "guidance_scale": (None, 1.0),
    "watermarking_config": (None,),
    "num_beams": (None, 1),
    "penalty_alpha": (None,),
    "dola_layers": (None,),
    "prompt_lookup_num_tokens": (None,),
    "cache_implementation": (None, "dynamic"),
    "remove_invalid_values": (None, False),
    "renormalize_logits": (None, False),
}
# Shrinking copies what is left of the cache, so it waits until this share of the rows is done.
SHRINK_AT = 0.2
SHARED_AT_LEAST = 4  # tokens that all prompts begin with, to be worth a pass of their own


def without_wrapper(model: Any) -> Any:
    """The model inside PEFT's wrapper where its layers carry the adapter (LoRA); else the model."""
    return model.get_base_model() if getattr(model, "peft_type", None) == "LORA" else model


def decodes_greedily(model: Any) -> bool:
    """Whether `decode_greedily` gives what the model's own `generate` would: attention caches, and no processors."""
    if getattr(model, "_is_stateful", False) or getattr(model, "peft_type", None) is not None:
        return False
    kind: Any = type(model)
    if cache_name(kind) is None or not {"position_ids", "attention_mask", "logits_to_keep"} <= forward_parameters(kind):
        return False
    takes_cache = hasattr(model, "new_cache") or getattr(model, "_supports_default_dynamic_cache", lambda: True)()
    if model.config.is_encoder_decoder or not takes_cache:
        return False
    if len(set(getattr(model, "hf_device_map", {}).values())) > 1:
        return False  # its layers lie on several devices, and their caches with them
    config = model.generation_config
    return all(getattr(config, name, None) in nothing for name, nothing in PROCESSORS.items())


@torch.inference_mode()
def decode_greedily(
    model: Any,
    ids: torch.Tensor,
    mask: torch.Tensor,
    stops: Sequence[int],
    max_new_tokens: int,
    tell: Callable[[int], None] | None = None,
) -> list[list[int]]:
    """Token ids of each row's reply, the token that ended it left out.

    ids and mask are (rows, tokens), padded on the left, on the model's device. `tell` hears after each token how many
    there are.
    """
    rows = ids.shape[0]
    replies: list[list[int]] = [[] for _ in range(rows)]
    alive = list(range(rows))  # the rows of the batch, by where they stood at first
    stop = torch.tensor(list(stops), dtype=torch.long)
    own = hasattr(model, "new_cache")
    cache = model.new_cache() if own else roomy_cache(model)
    cached: dict[str, Any] = {str(cache_name(type(model))): cache, "use_cache": True}
    ids, mask = (ids, mask) if own else read_shared(model, ids, mask, cached)
    step_positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    step_ids = ids
    open_rows = torch.ones(rows, dtype=torch.bool)
    for step in range(max_new_tokens):
        with nullcontext() if own else one_token_products(model):
            logits = model(
                input_ids=step_ids, attention_mask=mask, position_ids=step_positions, logits_to_keep=1, **cached
            ).logits
        chosen = logits[:, -1].argmax(-1)
        if tell:
            tell(step + 1)
        on_host = chosen.cpu()
        open_rows &= ~torch.isin(on_host, stop)
        still = open_rows.tolist()
        for place, (row, token) in enumerate(zip(alive, on_host.tolist(), strict=True)):
            if still[place]:
                replies[row].append(token)
        left = sum(still)
        if left == 0 or step + 1 == max_new_tokens:
            break
        positions = step_positions[:, -1:] + 1
        if left <= (1 - SHRINK_AT) * len(alive):
            keep = open_rows.nonzero().flatten()
            cache.batch_select_indices(keep.to(ids.device))
            chosen, mask, positions = (part[keep.to(ids.device)] for part in (chosen, mask, positions))
            alive = [alive[place] for place in keep.tolist()]
            open_rows = torch.ones(left, dtype=torch.bool)
        step_ids, step_positions = chosen[:, None], positions
        mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
    return replies


def shared_beginning(rows: Sequence[list[int]]) -> int:
    """How many tokens all rows begin with; each keeps one of its own at least."""
    return min(len(os.path.commonprefix(list(rows))), min(map(len, rows)) - 1)  # noqa: RUF071


def read_shared(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, cached: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read what all prompts begin with once into the cache, and give what is left of ids, and the mask over both.

    Padding then lies between that beginning and the rest, where it is masked. A layer with a window counts it, so a
    model that has one reads every prompt whole.
    """
    cache = cached[str(cache_name(type(model)))]
    plain = all(type(layer) is RoomyLayer for layer in cache.layers) and bool(cache.layers)
    if not plain or len(ids) < 2:
        return ids, mask
    rows = [row[kept.bool()].tolist() for row, kept in zip(ids, mask, strict=True)]
    length = shared_beginning(rows)
    if length < SHARED_AT_LEAST:
        return ids, mask
    beginning = torch.tensor([rows[0][:length]], device=ids.device)
    positions = torch.arange(length, device=ids.device)[None]
    model(input_ids=beginning, position_ids=positions, logits_to_keep=1, **cached)
    cache.batch_repeat_interleave(len(rows))
    width = max(map(len, rows)) - length
    own = mask * (mask.cumsum(-1) > length)  # a short prompt's beginning reaches into what is left
    return ids[:, -width:], torch.cat([mask.new_ones(len(rows), length), own[:, -width:]], dim=1)
