"""How fast a model replies here, from a few real prompts, and how much memory this process has taken."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from holdfast.core.records import Prompt
from holdfast.models.generate import GenerateOptions, asked_ids, complete, generate_batch
from holdfast.models.load import LoadedModel

SAMPLE = 16  # prompts that are tried
ENOUGH_S = 20.0  # after which a sample is cut off


@dataclass(frozen=True)
class ReplyPace:
    """Seconds a reply, in a batch of those that were tried.

    at_most: the replies had not ended, and a reply is reckoned at the limit of its tokens.
    """

    seconds: float
    tried: int
    tokens: float
    at_most: bool


class _EnoughError(Exception):
    """A sample has told enough after so many tokens."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens


def reply_pace(
    loaded: LoadedModel, prompts: Sequence[Prompt], options: GenerateOptions, enough: float = ENOUGH_S
) -> ReplyPace:
    """Ask a few of the prompts, spread evenly, as a run would, and time it; nothing of what is said is kept."""
    step = max(1, len(prompts) // SAMPLE)
    sample = list(prompts[::step][:SAMPLE])
    ids = asked_ids(loaded, sample, options)
    began, first = time.monotonic(), [0.0]

    def tell(made: int) -> None:
        first[0] = first[0] or time.monotonic() - began
        if time.monotonic() - began > enough:
            raise _EnoughError(made)

    try:
        if loaded.served:
            said = complete(loaded, ids, options)
        else:
            loaded.model.eval()
            said = generate_batch(loaded, ids, options, tell)
    except _EnoughError as found:
        each = (time.monotonic() - began - first[0]) / max(found.tokens - 1, 1)
        whole = first[0] + each * (options.max_new_tokens - 1)
        return ReplyPace(whole / len(sample), len(sample), float(options.max_new_tokens), True)
    seconds = time.monotonic() - began
    tokens = statistics.fmean(len(loaded.tokenizer(str(one)).input_ids) for one in said)
    return ReplyPace(seconds / len(sample), len(sample), tokens, False)


def peak_bytes() -> int:
    """The most memory that this process has had: the accelerator's where there is one, else its own."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
