"""What a row would do to a model, from one pass through it: gradients and representations, against anchors or alone.

    Influence(load_model("guild"), "self-influence").score(row)

- `gradient`: He et al. 2404.01099, the cosine of the gradient of the first ten answer tokens to forbidden anchors,
  minus that to safe ones. The mean of cosines to many anchors is the product with the mean of their unit gradients, so
  only one vector of the model's size is held.
- `representation`: the same with the last layer's hidden state at the last token.
- `self-influence`: Self-Inf-N, 2505.06843, log(‖g‖² + 1) + log(length + 1) over the whole answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from holdfast.core.errors import DataError, UsageError
from holdfast.core.records import Row
from holdfast.models.chat import IGNORE, encode_row
from holdfast.models.load import LoadedModel

FIRST_TOKENS = 10
LONGEST = 1024  # tokens of a row

Vector = list[torch.Tensor]


class Influence:
    """A model, with the direction that its anchors point in. Raises UsageError when no anchor can be used."""

    def __init__(
        self, loaded: LoadedModel, method: str, anchors: Sequence[Row] = (), safe_anchors: Sequence[Row] = ()
    ) -> None:
        self.loaded, self.method = loaded, method
        self.weights = [p for p in loaded.model.parameters() if p.requires_grad]
        if not self.weights:  # an adapter is loaded frozen
            self.weights = [p.requires_grad_(True) for p in loaded.model.parameters() if p.is_floating_point()]
        self.direction: Vector = []
        if method != "self-influence":
            self.direction = self._mean(anchors)
            if not self.direction:
                raise UsageError("no anchor has an answer within the model's length", "name other rows with --anchors")
            for own, safe in zip(self.direction, self._mean(safe_anchors), strict=False):
                own -= safe

    def score(self, row: Row) -> float:
        """The row's risk; not a number when it has no answer within the model's length."""
        encoded = self._encoded(row)
        if encoded is None:
            return math.nan
        if self.method == "self-influence":
            gradient, length = self._gradient(*encoded, None)
            return math.log(float(sum(part.float().pow(2).sum() for part in gradient)) + 1) + math.log(length + 1)
        vector = self._unit(*encoded)
        return float(sum((a * b).sum() for a, b in zip(vector, self.direction, strict=True)))

    def _encoded(self, row: Row) -> tuple[list[int], list[int]] | None:
        if not any(message["role"] in ("assistant", "text") for message in row.messages):
            return None
        try:
            encoded = encode_row(self.loaded.tokenizer, row)
        except DataError:
            return None
        ids, labels = encoded.input_ids[:LONGEST], encoded.labels[:LONGEST]
        return (ids, labels) if any(label != IGNORE for label in labels[1:]) else None

    def _gradient(self, ids: list[int], labels: list[int], first: int | None) -> tuple[Vector, int]:
        """The gradient of the mean loss on the answer, or on its first tokens, and how many they are."""
        answer = [place for place, label in enumerate(labels) if label != IGNORE and place > 0]
        chosen = answer[:first]
        kept = [IGNORE] * len(labels)
        for place in chosen:
            kept[place] = labels[place]
        end = chosen[-1] + 1
        device = self.loaded.device
        tokens = torch.tensor([ids[:end]], device=device)
        with torch.enable_grad():
            loss = self.loaded.model(input_ids=tokens, labels=torch.tensor([kept[:end]], device=device)).loss
            parts = torch.autograd.grad(loss, self.weights, allow_unused=True)
        gradient = [torch.zeros_like(w) if g is None else g for w, g in zip(self.weights, parts, strict=True)]
        return gradient, len(chosen)

    def _unit(self, ids: list[int], labels: list[int]) -> Vector:
        """The row's gradient or representation at length one, in float32."""
        if self.method == "representation":
            with torch.no_grad():
                tokens = torch.tensor([ids], device=self.loaded.device)
                hidden = self.loaded.model(input_ids=tokens, output_hidden_states=True).hidden_states[-1][0, -1]
            vector = [hidden.float()]
        else:
            vector = [part.float() for part in self._gradient(ids, labels, FIRST_TOKENS)[0]]
        length = math.sqrt(float(sum(part.pow(2).sum() for part in vector))) or 1.0
        return [part / length for part in vector]

    def _mean(self, rows: Sequence[Row]) -> Vector:
        total: Vector = []
        count = 0
        for row in rows:
            encoded = self._encoded(row)
            if encoded is None:
                continue
            count += 1
            unit = self._unit(*encoded)
            total = [a + b for a, b in zip(total, unit, strict=True)] if total else unit
        return [part / count for part in total]
