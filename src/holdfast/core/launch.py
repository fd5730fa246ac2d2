"""Which of several processes this is, as torchrun and accelerate say it in the environment. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from holdfast.core.errors import UsageError

# What accelerate sets for engines that cut parameters into shards, and what users call them.
SHARDING = {"ACCELERATE_USE_FSDP": "FSDP", "ACCELERATE_USE_DEEPSPEED": "DeepSpeed"}


@dataclass(frozen=True)
class Launch:
    """A process of a launch: its number, how many there are, its number on this machine."""

    rank: int = 0
    processes: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the one process that scans, evaluates, writes and prints."""
        return self.rank == 0


def launch() -> Launch:
    """The launch that this process belongs to; one alone where nothing says otherwise."""
    try:
        rank, processes = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return Launch()
    return Launch(rank, processes, int(os.environ.get("LOCAL_RANK", rank)))


def check_launch() -> None:
    """Raise UsageError for a launch that is not what was asked for, or that cuts parameters into shards.

    No defence was seen to work on shards. On a CPU `accelerate launch` starts one process, whatever it was asked for,
    and all that tells of it is an address at which the others were to meet.
    """
    if "ACCELERATE_MIXED_PRECISION" in os.environ and "MASTER_ADDR" in os.environ and "WORLD_SIZE" not in os.environ:
        raise UsageError(
            "accelerate launch was asked for several processes and started one, as it does on a CPU",
            "ACCELERATE_USE_CPU=true torchrun --nproc_per_node N -m holdfast tune …",
        )
    for variable, name in SHARDING.items():
        if os.environ.get(variable, "").lower() in ("1", "true"):
            raise UsageError(
                f"holdfast does not train under {name}: defences keep references to whole parameters, and no "
                "combination with shards was seen working",
                "launch with torchrun (DDP), or tune an adapter of a quantised model on one GPU: --lora --load-in-4bit",
            )


def refuse_several(verb: str) -> None:
    """Raise UsageError when several processes were started for a verb that is the work of one."""
    if (processes := launch().processes) > 1:
        raise UsageError(
            f"`{verb}` runs in one process, and {processes} were started",
            "start it without torchrun or accelerate; `holdfast tune` and `holdfast align` train on several",
        )
