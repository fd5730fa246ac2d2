"""Eleven strengths of an interpolation, evaluated in memory and by way of files, side by side in one run.

    python benchmarks/sweep.py [--limit 110]

In memory: `repairing.sweep` moves one loaded model through the strengths, in place. By way of files: for each strength
the two checkpoints are merged, saved, loaded again and generated from, as scripts around a merging tool do it. The
replies must agree. Prints each time and the ratio, medians of three rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from holdfast import Condition, GenerateOptions, TrainSettings, load_model, train
from holdfast.guild import rows as guild_rows
from holdfast.guild.suites import load_suite
from holdfast.models.chat import prompt_ids
from holdfast.models.generate import ReplyCache, generate, generate_batch
from holdfast.models.load import LoadedModel
from holdfast.repairing.inputs import named_weights
from holdfast.repairing.spec import make_repair
from holdfast.repairing.sweep import open_sweep

OPTIONS = GenerateOptions(max_new_tokens=48)


def tuned_guild() -> LoadedModel:
    tuned = load_model("guild")
    with tempfile.TemporaryDirectory() as folder:
        train(tuned, guild_rows.rows("explicit", 100), TrainSettings(epochs=5, lr=1.3e-4, batch_size=10), Path(folder))
    return tuned


def in_memory(base: LoadedModel, tuned: LoadedModel, prompts: list, strengths: list[float]) -> list[list[str]]:
    with open_sweep(make_repair("wise-ft"), base, tuned) as sweep:
        return [
            [r.text for r in generate(sweep.at(s), prompts, Condition().key, OPTIONS, ReplyCache(None))]
            for s in strengths
        ]


def by_files(
    base: LoadedModel, tuned: LoadedModel, prompts: list, strengths: list[float], batch: int
) -> list[list[str]]:
    """Merge, save, load, generate; `batch` prompts at a time, in their own order."""
    found = []
    first, second = named_weights(base.model), named_weights(tuned.model)
    with tempfile.TemporaryDirectory() as root:
        for i, strength in enumerate(strengths):
            merged = load_model("guild")
            with torch.no_grad():
                for name, parameter in merged.model.named_parameters():
                    parameter.copy_((1 - strength) * first[name] + strength * second[name])
            folder = Path(root) / str(i)
            merged.model.save_pretrained(folder)
            merged.tokenizer.save_pretrained(folder)
            loaded = load_model(str(folder))
            ids = [prompt_ids(loaded.tokenizer, p.messages) for p in prompts]
            found.append(
                [t for at in range(0, len(ids), batch) for t in generate_batch(loaded, ids[at : at + batch], OPTIONS)]
            )
    return found


def timed(work: Callable[[], list[list[str]]], rounds: int) -> tuple[float, list[list[str]]]:
    seconds, found = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=330, help="prompts")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    base, tuned, prompts = load_model("guild"), tuned_guild(), load_suite("policy", limit=given.limit)
    strengths = [i / 10 for i in range(11)]
    ours, replies = timed(lambda: in_memory(base, tuned, prompts, strengths), given.rounds)
    print(f"{len(prompts)} prompts, 11 strengths; in memory {ours:.2f} s", flush=True)
    for batch in (1, 16):
        rounds = 1 if batch == 1 else given.rounds
        theirs, others = timed(lambda b=batch: by_files(base, tuned, prompts, strengths, b), rounds)  # type: ignore[misc]
        same = sum(a == b for x, y in zip(replies, others, strict=True) for a, b in zip(x, y, strict=True))
        share = same / (len(prompts) * len(strengths))
        print(
            f"merge, save, load, generate at batch {batch}: {theirs:.2f} s, {theirs / ours:.1f} times; replies agree "
            f"{share:.1%}"
        )


if __name__ == "__main__":
    main()
