"""Training by several processes: all train, the first one alone scans, evaluates, writes and prints.

    join("auto")                        the processes that torchrun or accelerate started find each other
    with same_errors(): …               an error of one is the error of all, told once
    folder = told(folder)               what the first process says

In a process that is alone every call returns at once. Words go over gloo, whatever the gradients go over, and wait for
days: the others have nothing to do while the first one evaluates.
"""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from holdfast.core.errors import HoldfastError, UsageError
from holdfast.core.launch import check_launch, launch

PATIENCE = timedelta(days=7)

_words: list[Any] = []  # the group over which words go, once there is one


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if _words else 1


def rank() -> int:
    return distributed.get_rank() if _words else 0


def join(device: str = "auto") -> None:
    """Find the other processes of the launch. Raises UsageError for one that cuts parameters into shards."""
    check_launch()
    started = launch()
    if started.processes == 1 or _words:
        return
    from accelerate.state import PartialState

    on_cpu = device == "cpu" or not torch.cuda.is_available()
    PartialState(cpu=on_cpu, timeout=PATIENCE)
    check_count(distributed.get_world_size() if distributed.is_initialized() else 1)
    _words.append(distributed.new_group(backend="gloo", timeout=PATIENCE))
    atexit.register(leave)


def check_count(found: int) -> None:
    """Raise UsageError when so many processes found each other, and the launch asked for another number."""
    asked = launch().processes
    if found != asked:
        raise UsageError(
            f"the launch asked for {asked} processes, and {found} found each other",
            "start them with torchrun --nproc_per_node N -m holdfast tune …; on a CPU with ACCELERATE_USE_CPU=true",
        )


def leave() -> None:
    """Part from the others, at the end of the process."""
    if _words and distributed.is_initialized():
        _words.clear()
        distributed.destroy_process_group()


def told(value: Any = None) -> Any:
    """What the first process says; the others wait for it."""
    if not _words:
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0, group=_words[0])
    return box[0]


@contextlib.contextmanager
def same_errors() -> Iterator[None]:
    """Where one process fails, all do: the first one tells what happened and where, the others end without a word."""
    error: HoldfastError | None = None
    try:
        yield
    except HoldfastError as raised:
        error = raised
        if not _words:
            raise
    if not _words:
        return
    found: list[tuple[str, str] | None] = [None] * count()
    distributed.all_gather_object(found, (str(error), error.hint) if error else None, group=_words[0])
    for place, one in enumerate(found):
        if one:
            error = error or HoldfastError(f"process {place} of {count()}: {one[0]}", one[1])
            error.told = rank() > 0
            raise error
