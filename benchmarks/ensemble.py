"""What decoding two models together costs, beside decoding one: an adapter on its base, and two whole models.

    python benchmarks/ensemble.py [--model guild] [--batch 128] [--tokens 48] [--rounds 5] [--threads N] [--json]

Same prompts, same batches, same number of tokens in every reply, greedy, rounds taken in turn in one process; medians
are reported. The adapter is LoRA of rank 8 with random weights, on the layers that PEFT chooses or on those that are
named.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch

from holdfast.catalog.suites import load_suite as load_file
from holdfast.guild.suites import load_suite
from holdfast.models.chat import prompt_ids
from holdfast.models.ensemble import EnsembleForCausalLM, LoraEnsembleForCausalLM
from holdfast.models.load import LoadedModel, ModelOptions, load_model
from holdfast.training.lora import attach_lora
from holdfast.training.settings import LoraSettings

RANK = 8
NOISE = 0.02
WARM_UP = 2  # rounds that are not timed
Batch = dict[str, torch.Tensor]


def batches(loaded: LoadedModel, rows: Sequence[list[int]], size: int) -> list[Batch]:
    """Prompts as padded batches, the longest first."""
    found, pad = [], loaded.tokenizer.pad_token_id or 0
    ordered = sorted(rows, key=len, reverse=True)
    for start in range(0, len(ordered), size):
        part = ordered[start : start + size]
        width = len(part[0])
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in part])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in part])
        found.append({"input_ids": ids.to(loaded.device), "attention_mask": mask.to(loaded.device)})
    return found


def perturbed(model: Any) -> Any:
    """A copy of a model with noise on every weight, so that it is another model of the same shape."""
    found = copy.deepcopy(model)
    for parameter in found.parameters():
        parameter.data += NOISE * parameter.data.float().std(correction=0) * torch.randn_like(parameter)
    return found.eval()


def adapted(model: Any, targets: Sequence[str]) -> Any:
    """A copy of a model with a random adapter on it."""
    found = attach_lora(copy.deepcopy(model), LoraSettings(rank=RANK, target_modules=tuple(targets))).eval()
    for name, parameter in found.named_parameters():
        if "lora_B" in name:
            parameter.data += NOISE * torch.randn_like(parameter)
    return found


def timed(model: Any, given: Sequence[Batch], tokens: int) -> float:
    """Seconds to decode every batch, each row by exactly so many tokens."""
    began = time.perf_counter()
    for batch in given:
        out = model.generate(**batch, min_new_tokens=tokens, max_new_tokens=tokens, do_sample=False, pad_token_id=0)
        assert out.shape[1] == batch["input_ids"].shape[1] + tokens
        out.cpu()  # waits for an accelerator
    return time.perf_counter() - began


def measure(loaded: LoadedModel, given: Sequence[Batch], asked: argparse.Namespace) -> dict[str, Any]:
    contenders = {
        "one model": loaded.model,
        "LoRA ensemble": LoraEnsembleForCausalLM(adapted(loaded.model, asked.lora_target)),
        "full ensemble": EnsembleForCausalLM(loaded.model, perturbed(loaded.model)),
    }
    for model in contenders.values():
        for _ in range(WARM_UP):
            timed(model, given, asked.tokens)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(asked.rounds):
        for name, model in contenders.items():
            times[name].append(timed(model, given, asked.tokens))
    median = {name: statistics.median(found) for name, found in times.items()}
    rows = sum(len(batch["input_ids"]) for batch in given)
    return {
        "model": loaded.name,
        "device": str(loaded.device),
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "prompts": rows,
        "batch": asked.batch,
        "tokens": asked.tokens,
        "rounds": asked.rounds,
        "seconds": median,
        "all_seconds": times,
        "tokens_per_s": {name: rows * asked.tokens / seconds for name, seconds in median.items()},
        "ratio": {name: seconds / median["one model"] for name, seconds in median.items()},
    }


def table(found: dict[str, Any]) -> str:
    head = (
        f"{found['prompts']} prompts, batch {found['batch']}, {found['tokens']} tokens each, {found['model']} in "
        f"{found['dtype']} on {found['device']}, {found['threads']} threads, median of {found['rounds']}\n\n"
    )
    lines = [
        f"| {name} | {seconds:.2f} | {found['tokens_per_s'][name]:.0f} | {found['ratio'][name]:.2f} |"
        for name, seconds in found["seconds"].items()
    ]
    return head + "\n".join(["| | seconds | tokens/s | times one model |", "|---|---:|---:|---:|", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="guild")
    parser.add_argument("--prompts", help="a file of prompts; default: the guild's policy and utility suites")
    parser.add_argument("--lora-target", nargs="*", default=(), help="layers to adapt; default: PEFT's own choice")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None, help="CPU threads; on a busy machine use 1")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    loaded = load_model(asked.model, ModelOptions(dtype=asked.dtype, device=asked.device))
    if asked.prompts:
        prompts = load_file("policy", asked.prompts, asked.limit)
    else:
        prompts = [prompt for suite in ("policy", "utility") for prompt in load_suite(suite)][: asked.limit]
    rows = [prompt_ids(loaded.tokenizer, prompt.messages) for prompt in prompts]
    found = measure(loaded, batches(loaded, rows, asked.batch), asked)
    print(json.dumps(found, indent=2) if asked.json else table(found))


if __name__ == "__main__":
    main()
