"""Batches of rows of nearly one length, so that little is computed on padding.

    sampler = GroupedByLength(lengths, 8, seed=0)
    padding(lengths, sampler, 8)          tokens with padding over tokens without: 1.03
    SharedOut(sampler, 4, 2, filler)      the same rows in the same steps, for two processes

transformers' own grouping leaves the batches of a pool in order, longest first, and draws from a generator that a
resumed run finds in another state. Here each epoch's order follows from the seed alone, and batches come in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

POOL_BATCHES = 64  # batches that are cut from rows sorted together; more saves little, and mixes rows less


class GroupedByLength(Sampler[int]):
    """Row numbers such that each `step_rows` that follow each other are of nearly one length.

    lengths are the rows' tokens; step_rows those of an optimiser step, so that the order does not depend on how a step
    is cut into batches. A last step that is not full stays the last.
    """

    def __init__(self, lengths: Sequence[int], step_rows: int, seed: int) -> None:
        self.lengths, self.step_rows, self.seed, self.epoch = lengths, step_rows, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch, and when a run is resumed within one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        size, pool = self.step_rows, self.step_rows * POOL_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            rows = sorted(order[start : start + pool], key=lambda row: -self.lengths[row])
            batches += [rows[i : i + size] for i in range(0, len(rows), size)]
        last = [batches.pop()] if batches and len(batches[-1]) < size else []
        places = torch.randperm(len(batches), generator=generator).tolist()
        for batch in [batches[place] for place in places] + last:
            yield from batch


class SharedOut(Sampler[int]):
    """The row numbers of another sampler, so that batches dealt to processes in turn keep its steps to the last row.

    A last step that is not full is shared out evenly, and each process's part of it filled up with the number `filler`,
    of a row without anything to learn. accelerate would repeat rows of the beginning in its place.
    """

    def __init__(self, order: Sampler[int], batch_size: int, processes: int, filler: int) -> None:
        self.order, self.batch_size, self.processes, self.filler = order, batch_size, processes, filler

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch, and when a run is resumed within one."""
        self.order.set_epoch(epoch)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        whole = self.batch_size * self.processes
        return -(-len(self.order) // whole) * whole  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[int]:
        whole = self.batch_size * self.processes
        rows = list(self.order)
        for start in range(0, len(rows), whole):
            part = rows[start : start + whole]
            ends = [round(len(part) * (rank + 1) / self.processes) for rank in range(self.processes)]
            for begin, end in zip([0, *ends], ends, strict=False):
                yield from part[begin:end]
                yield from [self.filler] * (self.batch_size - (end - begin))


def padding(lengths: Sequence[int], order: Sequence[int] | Sampler[int], batch_size: int) -> float:
    """Tokens of an epoch with padding over those without, for rows taken in an order."""
    rows = [lengths[row] for row in order]
    padded = sum(
        max(batch) * len(batch) for batch in (rows[i : i + batch_size] for i in range(0, len(rows), batch_size))
    )
    return padded / sum(rows)
