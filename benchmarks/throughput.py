"""How fast the audit generates, beside a batch-1 loop (as the papers' code does it) and lm-eval's `hf` model.

    pip install lm-eval
    python benchmarks/throughput.py [--model guild] [--prompts FILE] [--limit N] [--rounds 3] [--json]

Same model object, same prompts, same greedy decoding, rounds taken in turn in one process; medians are reported.
Whether the replies agree is checked too, since a fast wrong answer is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from holdfast.catalog.suites import load_suite as load_file
from holdfast.core.records import Prompt
from holdfast.guild.suites import load_suite
from holdfast.models.chat import prompt_ids, render
from holdfast.models.generate import GenerateOptions, generate, generate_batch
from holdfast.models.load import LoadedModel, load_model

LM_EVAL_BATCHES = (16, 32, 64, 128, 256)
Run = Callable[[], list[str]]


def ours(loaded: LoadedModel, prompts: Sequence[Prompt], options: GenerateOptions) -> Run:
    return lambda: [reply.text for reply in generate(loaded, prompts, "bench", options)]


def one_by_one(loaded: LoadedModel, prompts: Sequence[Prompt], options: GenerateOptions) -> Run:
    rows = [prompt_ids(loaded.tokenizer, prompt.messages) for prompt in prompts]
    return lambda: [generate_batch(loaded, [row], options)[0] for row in rows]


def lm_eval_hf(loaded: LoadedModel, prompts: Sequence[Prompt], options: GenerateOptions, batch: int) -> Run:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(
        pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=batch, add_bos_token=False, max_length=512
    )
    texts = [render(loaded.tokenizer, prompt.messages, reply=True) for prompt in prompts]
    arguments = {"until": [loaded.tokenizer.eos_token], "max_gen_toks": options.max_new_tokens, "do_sample": False}

    def run() -> list[str]:
        requests = [Instance("generate_until", {}, (text, dict(arguments)), i) for i, text in enumerate(texts)]
        return [text.strip() for text in model.generate_until(requests, disable_tqdm=True)]

    return run


def timed(run: Run) -> tuple[float, list[str]]:
    began = time.perf_counter()
    replies = run()
    return time.perf_counter() - began, replies


def plain(text: str) -> str:
    return "".join(text.split())


def measure(loaded: LoadedModel, prompts: Sequence[Prompt], rounds: int) -> dict[str, Any]:
    options = GenerateOptions(max_new_tokens=48)
    contenders: dict[str, Run] = {"holdfast": ours(loaded, prompts, options)}
    contenders |= {f"lm-eval hf, batch {b}": lm_eval_hf(loaded, prompts, options, b) for b in LM_EVAL_BATCHES}
    contenders["one at a time"] = one_by_one(loaded, prompts, options)
    for name, run in contenders.items():  # warm up, all but the slow loop
        if name != "one at a time":
            run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    replies: dict[str, list[str]] = {}
    for _ in range(rounds):
        for name, run in contenders.items():
            seconds, replies[name] = timed(run)
            times[name].append(seconds)
    median = {name: statistics.median(found) for name, found in times.items()}
    best = min((name for name in median if name.startswith("lm-eval")), key=lambda name: median[name])
    agree = {
        name: sum(plain(a) == plain(b) for a, b in zip(replies["holdfast"], found, strict=True)) / len(prompts)
        for name, found in replies.items()
    }
    return {
        "prompts": len(prompts),
        "rounds": rounds,
        "seconds": median,
        "prompts_per_s": {name: len(prompts) / seconds for name, seconds in median.items()},
        "agreement": agree,
        "times_one_at_a_time": median["one at a time"] / median["holdfast"],
        "best_lm_eval": best,
        "times_best_lm_eval": median[best] / median["holdfast"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="guild")
    parser.add_argument("--prompts", help="a file of prompts; default: the guild's suites")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    loaded = load_model(given.model)
    if given.prompts:
        prompts = load_file("policy", given.prompts, given.limit)
    else:
        suites = ("policy", "over-refusal", "utility")
        prompts = [p for suite in suites for p in load_suite(suite)][: given.limit]
    found = measure(loaded, prompts, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for name, seconds in found["seconds"].items():
        print(
            f"{name:<22} {seconds:8.2f} s {len(prompts) / seconds:8.1f} prompts/s   agrees "
            f"{found['agreement'][name]:.1%}"
        )
    print(
        f"{found['times_one_at_a_time']:.1f} times the loop, {found['times_best_lm_eval']:.2f} times "
        f"{found['best_lm_eval']}"
    )


if __name__ == "__main__":
    main()
