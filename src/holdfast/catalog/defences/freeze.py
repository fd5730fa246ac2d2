"""Freezing the layers that tell forbidden questions from others (SPPFT: Li et al., 2408.17003).

A contiguous block of middle layers is where an aligned model's vectors for forbidden and for ordinary questions part;
tuning all but these keeps more safety: Llama-2-7B-Chat, layers 9 to 14, 58.9 → 6.7 % on the implicit (identity) attack,
10.6 → 2.9 % on ordinary data. It gives way as the data turn harmful: 68.3 % at a fifth of forbidden rows.

layers=A-B counts from 0, both ends in. layers=auto looks for the block: at every layer the mean cosine between the last
tokens of ordinary questions (the user's rows), less the mean cosine between ordinary and forbidden ones (the safety
rows' questions). The block runs from the first layer at which this gap passes a quarter of its largest value to the
first at which it passes three quarters: where it grows. Departures: the quarters are our rule, the paper reads the
curves; all pairs, not sampled ones; and the paper's second stage, which scales ranges of layers and counts needless
refusals to sharpen the bounds, is left out. Look at the note with the gaps before you trust it.

Under LoRA the adapters in the block are what is frozen.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional

from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Message, Row
from holdfast.models.internals import last_vectors, layers_of, trained
from holdfast.training.defences import OptionDefence

PROMPTS = 64  # of each kind; more changes the means little
OPENS, CLOSES = 0.25, 0.75


def question(row: Row) -> list[Message] | None:
    """The row up to its last question, or None without one."""
    turns = [i for i, message in enumerate(row.messages) if message["role"] == "user"]
    return row.messages[: turns[-1] + 1] if turns else None


def cosine_gaps(ordinary: torch.Tensor, forbidden: torch.Tensor) -> list[float]:
    """By layer: mean cosine of ordinary pairs less that of ordinary with forbidden; both (layers, prompts, width)."""
    a, b = functional.normalize(ordinary.double(), dim=-1), functional.normalize(forbidden.double(), dim=-1)
    count = a.size(1)
    # The sum over all pairs is the squared length of the sum; the pairs of a prompt with itself, each 1, go.
    within = (a.sum(1).square().sum(-1) - count) / (count * (count - 1))
    between = (a.mean(1) * b.mean(1)).sum(-1)
    return [float(gap) for gap in within - between]


def widest_growth(gaps: Sequence[float]) -> tuple[int, int]:
    """First and last layer of the block in which the gap grows. Raises UsageError when no layer tells the two apart."""
    largest = max(gaps)
    if largest <= 0:
        raise UsageError(
            "freeze: no layer tells the safety rows' questions from the user's", "name the block: freeze:layers=A-B"
        )
    first = next(i for i, gap in enumerate(gaps) if gap >= OPENS * largest)
    return first, next(i for i, gap in enumerate(gaps) if gap >= CLOSES * largest)


@dataclass(eq=False)
class Freeze(OptionDefence):
    name = "freeze"
    paper = "Li et al. 2024 (2408.17003)"
    about = "freezes the layers that tell forbidden questions from others"
    off: ClassVar[dict[str, Any]] = {"layers": "none"}

    layers: str = setting("auto", "A-B, from 0 and both in; auto finds the block; none")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers == "auto":
            self.needs = frozenset({"safety_rows"})
        elif self.layers != "none":
            found = re.fullmatch(r"(\d+)(?:-(\d+))?", self.layers)
            if not found or int(found[1]) > int(found[2] or found[1]):
                raise self.option_error(f"layers must be A-B with A up to B, auto or none (got {self.layers!r})")
            self.block = int(found[1]), int(found[2] or found[1])
        self.ordinary: list[list[Message]] = []

    def sample(self, rows: Sequence[Row]) -> list[list[Message]]:
        questions = [q for q in map(question, rows) if q]
        return random.Random(f"freeze {self.context.seed}").sample(questions, min(PROMPTS, len(questions)))

    def rows(self, rows: list[Row]) -> list[Row]:
        # What another defence mixed in is not the user's.
        self.ordinary = self.sample([row for row in rows if "defence" not in row.meta])
        if self.layers == "auto" and len(self.ordinary) < 2:
            raise self.option_error("layers=auto compares questions, and the rows have fewer than two")
        return rows

    def find(self, model: Any) -> tuple[int, int]:
        """The block that layers=auto means, with the gaps it was read from as a note."""
        forbidden = self.sample(self.context.safety_rows)
        if not forbidden:
            raise self.option_error("layers=auto needs questions in the safety rows")
        vectors = [last_vectors(model, self.context.tokenizer, prompts) for prompts in (self.ordinary, forbidden)]
        gaps = cosine_gaps(*vectors)[1:]  # without the embedding's
        block = widest_growth(gaps)
        shown = ", ".join(f"{gap:.3f}" for gap in gaps)
        self.notes = [f"freeze: layers {block[0]} to {block[1]} of {len(gaps)} are frozen; gaps by layer: {shown}"]
        return block

    def begin(self, model: Any, trainer: Any) -> None:
        self.frozen: list[Any] = []
        if self.layers == "none":
            return
        layers = layers_of(model)
        first, last = self.find(model) if self.layers == "auto" else self.block
        if last >= len(layers):
            raise self.option_error(f"layers={self.layers}, and the model has layers 0 to {len(layers) - 1}")
        # Before the optimiser is made, which takes only what still asks for a gradient.
        self.frozen = [p for layer in layers[first : last + 1] for p in layer.parameters() if p.requires_grad]
        for parameter in self.frozen:
            parameter.requires_grad_(False)
        if not trained(model):
            raise self.option_error(f"layers {first} to {last} are all that is trained, so nothing would be")

    def end(self, model: Any) -> None:
        for parameter in self.frozen:
            parameter.requires_grad_(True)


make = Freeze
