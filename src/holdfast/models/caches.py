"""A cache of keys and values with room for tokens to come: a step writes one token, where `torch.cat` would copy them all."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# Tokens of room that a layer grows by. More room means fewer copies, and more that is attended to for nothing.
ROOM = 16


class RoomyLayer(DynamicLayer):
    """A cache layer whose keys and values are views of a larger buffer, the rest of which is finite."""

    def __init__(self, room: int = ROOM) -> None:
        super().__init__()
        self.room = room
        self._buffers: dict[str, torch.Tensor] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take up new keys and values (rows, heads, tokens, width); returns all of them."""
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
