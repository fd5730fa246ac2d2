"""The keys and values of decoding: what a model calls them, a cache with room, one token's attention over it on a CPU.

    cache = roomy_cache(model)
    with one_token_products(model):
        model(...)

A step of decoding writes one token into a cache with room, where `torch.cat` would copy all of them. The kernel behind
`scaled_dot_product_attention` works row by row and head by head, which for one query each is mostly overhead: on 256
rows of 64 tokens two batched products take half its time. Longer queries, and whatever a model adds to its attention,
are left to transformers.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

# What a cache is called: transformers renamed it in 5.24; models with code of their own keep the old name.
CACHE_NAMES = ("cache", "past_key_values")
# Tokens of room that a layer grows by. More room means fewer copies, and more that is attended to for nothing.
ROOM = 16
NAME = "holdfast_one_token"  # of our attention, in transformers' tables
UNKNOWN_TERMS = ("position_bias", "softcap", "s_aux", "sinks")  # what a model may add to its attention


def cache_name(kind: Any) -> str | None:
    """What the forward of a model's class calls its cache; None when it has none."""
    return next((name for name in CACHE_NAMES if name in forward_parameters(kind)), None)


@lru_cache(maxsize=64)
def forward_parameters(kind: type) -> frozenset[str]:
    """The names of the parameters that the forward of a model's class takes."""
    return frozenset(inspect.signature(kind.forward).parameters)  # type: ignore[attr-defined]


# ---- a cache with room ----------------------------------------------------------------------------------------------


class RoomyLayer(DynamicLayer):
    """A cache layer whose keys and values are views of a larger buffer, the rest of which is finite."""

    def __init__(self, room: int = ROOM) -> None:
        super().__init__()
        self.room = room
        self._buffers: dict[str, torch.Tensor] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add new keys and values (rows, heads, tokens, width); returns all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = self._append("keys", key_states)
        self.values = self._append("values", value_states)
        return self.keys, self.values

    def _append(self, name: str, new: torch.Tensor) -> torch.Tensor:
        held, buffer = getattr(self, name), self._buffers.get(name)
        before = held.shape[-2] if held.numel() else 0
        after = before + new.shape[-2]
        # Reordering and selecting of rows leave a copy that lies elsewhere; cropping leaves a view of the same buffer.
        full = buffer is None or held.data_ptr() != buffer.data_ptr() or after > buffer.shape[-2]
        if buffer is None or full or _is_closed(buffer):
            buffer = self._buffers[name] = new.new_empty((*new.shape[:-2], after + self.room, new.shape[-1]))
            buffer[..., after:, :] = 0  # a product with a share of nothing must be nothing
            if before:
                buffer[..., :before, :] = held
        buffer[..., before:after, :] = new
        return buffer[..., :after, :]


def _is_closed(tensor: torch.Tensor) -> bool:
    """Whether a tensor was made in inference mode and may not be written to outside it."""
    return tensor.is_inference() and not torch.is_inference_mode_enabled()


def roomy_cache(model: Any) -> DynamicCache:
    """An empty cache for a model, with room in every layer that has plain attention."""
    cache = DynamicCache(config=model.config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    if cache.layer_class_to_replicate is DynamicLayer:
        cache.layer_class_to_replicate = RoomyLayer
    return cache


def with_room(held: torch.Tensor) -> torch.Tensor:
    """Keys or values (rows, heads, tokens, width) with the rest of the buffer that they are a view of.

    The result lies closely packed, which batched products read several times faster than rows with gaps between them.
    What is no such view comes back as it is.
    """
    rows, heads, _, width = held.shape
    room = held.stride(1) // width if width else 0
    shape, stride = (rows, heads, room, width), (heads * room * width, room * width, width, 1)
    packed = held.stride() == stride and held.storage_offset() == 0
    fits = packed and rows * heads * room * width <= held.untyped_storage().nbytes() // held.element_size()
    return held.as_strided(shape, stride) if fits and room > held.shape[2] else held


# ---- one token's attention ------------------------------------------------------------------------------------------


def one_token_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """One token's attention as two batched products; (rows, 1, heads, width).

    query is (rows, heads, 1, width), key and value (rows, kv heads, tokens, width). The products are taken in the keys'
    own number format, the softmax in float32. Of transformers' options `scaling` is honoured; what has more than one
    query, dropout, or a term that is not known here goes to transformers' function.
    """
    given = any(options.get(name) is not None for name in UNKNOWN_TERMS) or options.get("dropout")
    if query.shape[2] != 1 or query.device.type != "cpu" or given:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    scaling = options.get("scaling")
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
    """Within it the model attends by `one_token_attention` where it would use torch's kernel on a CPU.

    After it, as before.
    """
    config = model.config.get_text_config()
    if config._attn_implementation != "sdpa" or model.device.type != "cpu":
        yield
        return
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = "sdpa"
