"""What an audit, a tuning and a matrix take, computed from parameters, prompts, tokens and workers; not measured.

    python benchmarks/cost_model.py [--parameters 0.135e9 1.5e9 7e9 70e9] [--workers 8] [--price 2.5]
        [--tflops 989 --bandwidth 3.35 --memory 80]

Training takes 6·P floating-point operations a token (forward 2, backward 4), decoding 2·P a token, and reading the
weights once for each token of a batch; whichever of the two is slower decides. A GPU reaches `--reached` of its peak in
training and a half of its bandwidth in decoding. LoRA leaves out the gradients of the weights: 4·P.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

BYTES = 2  # bfloat16


@dataclass(frozen=True)
class Machine:
    """One GPU: peak in FLOP/s, bandwidth in bytes/s, memory in bytes, the share of the peak that training reaches."""

    flops: float
    bandwidth: float
    memory: float
    reached: float = 0.4


@dataclass(frozen=True)
class Work:
    """An audit's replies and their tokens, a training's tokens, the cells of a matrix."""

    replies: int = 720
    prompt_tokens: int = 60
    reply_tokens: int = 256
    training_tokens: int = 3_000_000
    cells: int = 300
    batch: int = 128


def gpus_for(parameters: float, machine: Machine, training: bool, lora: bool = True) -> int:
    """How many GPUs hold the model: weights and a tenth for keys and values; Adam takes 12 bytes a trained number."""
    trained = 0.01 if lora else 1.0
    needed = parameters * (BYTES * 1.1 + (trained * (BYTES + 12) if training else 0))
    return max(1, math.ceil(needed / (0.9 * machine.memory)))


def generation(parameters: float, work: Work, machine: Machine, gpus: int) -> float:
    """Seconds for the replies of one model."""
    read = 2 * parameters * work.replies * work.prompt_tokens / (machine.flops * machine.reached * gpus)
    batches = math.ceil(work.replies / work.batch)
    moved = parameters * BYTES / (machine.bandwidth * 0.5 * gpus)
    computed = 2 * parameters * work.batch / (machine.flops * machine.reached * gpus)
    return read + batches * work.reply_tokens * max(moved, computed)


def training(parameters: float, work: Work, machine: Machine, gpus: int, lora: bool = True) -> float:
    """Seconds for a training."""
    return (4 if lora else 6) * parameters * work.training_tokens / (machine.flops * machine.reached * gpus)


def matrix(cell: float, work: Work, workers: int, driver_cells_per_s: float = 146.0) -> float:
    """Seconds for all cells: the slowest worker's share, or the driver, whichever is longer."""
    return max(math.ceil(work.cells / workers) * cell, work.cells / driver_cells_per_s)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parameters", type=float, nargs="+", default=[0.135e9, 1.5e9, 7e9, 70e9])
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--price", type=float, default=2.5, help="of a GPU, an hour")
    parser.add_argument("--tflops", type=float, default=989.0)
    parser.add_argument("--bandwidth", type=float, default=3.35, help="TB/s")
    parser.add_argument("--memory", type=float, default=80.0, help="GB")
    parser.add_argument("--reached", type=float, default=0.4)
    given = parser.parse_args()
    machine = Machine(given.tflops * 1e12, given.bandwidth * 1e12, given.memory * 1e9, given.reached)
    work = Work()
    print("| parameters | GPUs | audit, two models | LoRA, 3 M tokens | a cell | 300 cells | cost of the cells |")
    print("|---|---|---|---|---|---|---|")
    for parameters in given.parameters:
        gpus = gpus_for(parameters, machine, training=True)
        audit = 2 * generation(parameters, work, machine, gpus)
        tuned = training(parameters, work, machine, gpus)
        cell = tuned + generation(parameters, work, machine, gpus)
        every = matrix(cell, work, given.workers)
        cost = work.cells * cell * gpus / 3600 * given.price
        print(f"| {parameters / 1e9:g} B | {gpus} | {audit:.0f} s | {tuned:.0f} s | {cell / 60:.1f} min | "
              f"{every / 3600:.1f} h | {cost:,.0f} |")  # fmt: skip


if __name__ == "__main__":
    main()
