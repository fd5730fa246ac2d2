"""One token's attention on a CPU, as two batched products: for decoding many short rows, faster than torch's own kernel.

    with one_token_products(model):
        model(...)

The kernel behind `scaled_dot_product_attention` works row by row and head by head, which for one query each is mostly
overhead: on 256 rows of 64 tokens the products take half its time. Longer queries, and whatever a model adds to its
attention, are left to transformers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from holdfast.models.caches import with_room

NAME = "holdfast_one_token"


def one_token_attention(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    dropout: float = 0.0, scaling: float | None = None, **others: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Attention of query (rows, heads, 1, width) to keys and values (rows, kv heads, tokens, width); rows, 1, heads, width.

    The products are taken in the keys' own number format, the softmax in float32. What has more than one query, or
    arguments that are not known here, goes to transformers' function.
    """
    asked = {name: option for name, option in others.items() if option is not None and name in ("position_bias", "softcap", "s_aux", "sinks")}  # fmt: skip
    if query.shape[2] != 1 or query.device.type != "cpu" or dropout or asked:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
    rows, heads, _, width = query.shape
    shared, tokens = key.shape[1:3]
    key, value = with_room(key), with_room(value)
    room = key.shape[2]
    if value.shape[2] != room:
        key, value, room = key[..., :tokens, :], value[..., :tokens, :], tokens
    grouped = query.reshape(rows, shared, heads // shared, width)
    scores = (grouped @ key.transpose(-1, -2)) * (width**-0.5 if scaling is None else scaling)
    if attention_mask is not None:
        mask = attention_mask[..., :tokens]
        mask = mask if mask.shape[1] == 1 else mask.reshape(rows, shared, heads // shared, -1)
        told = scores[..., :tokens]
        scores[..., :tokens] = told.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else told + mask
    scores[..., tokens:room] = -torch.inf
    shares = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    return (shares @ value).view(rows, heads, 1, value.shape[-1]).transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register(NAME, one_token_attention)
ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)


@contextmanager
def one_token_products(model: Any) -> Iterator[None]:
    """Within it the model attends as above, where it would use torch's kernel on a CPU; after it, as before."""
    config = model.config.get_text_config()
    if config._attn_implementation != "sdpa" or model.device.type != "cpu":
        yield
        return
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = "sdpa"
