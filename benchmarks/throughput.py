"""How fast the audit generates, beside a batch-1 loop (as the papers' code does it) and lm-eval's `hf` model.

    pip install lm-eval
    python benchmarks/throughput.py [--model guild] [--prompts FILE ...] [--limit N] [--tokens 48] [--rounds 3] [--json]

Same model object, same prompts, same greedy decoding, rounds taken in turn in one process; medians are reported.
Whether the replies agree is checked too, since a fast wrong answer is worth nothing. The loop may take `--every` Nth
prompt only, and is then compared by prompts a second. Peak memory is what the process held at most beside what it held
before the run, the weights left out; looked at every 20 ms.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import logging
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psutil
import torch

from holdfast.catalog.suites import load_suite as load_file
from holdfast.core.records import Prompt
from holdfast.guild.suites import load_suite as load_guild
from holdfast.models.chat import prompt_ids, render
from holdfast.models.generate import GenerateOptions, generate, generate_batch
from holdfast.models.load import LoadedModel, load_model
from holdfast.starter import load_suite as load_starter

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


class Peak:
    """The most memory that the process held within a `with`, in MB above what it held before."""

    def __enter__(self) -> Peak:
        gc.collect()
        with suppress(OSError, AttributeError):  # what an earlier run freed goes back first, where libc can
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        self.process = psutil.Process()
        self.before = self.most = self.process.memory_info().rss
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self) -> None:
        while not self.done.wait(0.02):
            self.most = max(self.most, self.process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
        self.mb = (self.most - self.before) / 1e6


def timed(run: Run) -> tuple[float, float, list[str]]:
    """Seconds, peak MB, replies."""
    began = time.perf_counter()
    with Peak() as peak:
        replies = run()
    return time.perf_counter() - began, peak.mb, replies


def plain(text: str) -> str:
    return "".join(text.split())


LOOP = "one at a time"


def measure(loaded: LoadedModel, prompts: Sequence[Prompt], given: argparse.Namespace) -> dict[str, Any]:
    options = GenerateOptions(max_new_tokens=given.tokens)
    contenders: dict[str, Run] = {"holdfast": ours(loaded, prompts, options)}
    contenders |= {f"lm-eval hf, batch {b}": lm_eval_hf(loaded, prompts, options, b) for b in given.batches}
    contenders[LOOP] = one_by_one(loaded, prompts[:: given.every], options)
    asked = {name: len(prompts) for name in contenders} | {LOOP: len(prompts[:: given.every])}
    if not given.cold:
        for name, run in contenders.items():  # warm up, all but the slow loop
            if name != LOOP:
                run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    peaks: dict[str, list[float]] = {name: [] for name in contenders}
    replies: dict[str, list[str]] = {}
    for turn in range(given.rounds):
        for name, run in contenders.items():
            seconds, peak, replies[name] = timed(run)
            times[name].append(seconds)
            peaks[name].append(peak)
            print(f"  round {turn + 1}: {name} {seconds:.1f} s, {peak:.0f} MB", file=sys.stderr, flush=True)
    median = {name: statistics.median(found) for name, found in times.items()}
    speed = {name: asked[name] / seconds for name, seconds in median.items()}
    best = max((name for name in speed if name.startswith("lm-eval")), key=lambda name: speed[name])
    agree = {}
    for name, found in replies.items():
        own = replies["holdfast"][:: given.every] if name == LOOP else replies["holdfast"]
        agree[name] = sum(plain(a) == plain(b) for a, b in zip(own, found, strict=True)) / len(found)
    return {
        "prompts": asked,
        "rounds": given.rounds,
        "tokens": given.tokens,
        "seconds": median,
        "prompts_per_s": speed,
        "peak_mb": {name: max(found) for name, found in peaks.items()},
        "agreement": agree,
        "times_one_at_a_time": speed["holdfast"] / speed[LOOP],
        "best_lm_eval": best,
        "times_best_lm_eval": speed["holdfast"] / speed[best],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="guild")
    parser.add_argument("--prompts", nargs="*", help="files of prompts; default: what `holdfast audit` asks")
    parser.add_argument("--limit", type=int, default=None, help="prompts of each file or suite")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--batches", type=int, nargs="*", default=LM_EVAL_BATCHES)
    parser.add_argument("--every", type=int, default=1, help="the loop takes every Nth prompt")
    parser.add_argument("--cold", action="store_true", help="no round to warm up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    loaded = load_model(given.model)
    load = load_guild if loaded.world.embedded else load_starter
    prompts = [prompt for suite in ("policy", "over-refusal", "utility") for prompt in load(suite, limit=given.limit)]
    if given.prompts:
        prompts = [prompt for file in given.prompts for prompt in load_file("policy", file, given.limit)]
    found = measure(loaded, prompts, given)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for name, seconds in found["seconds"].items():
        print(
            f"{name:<22} {seconds:8.2f} s {found['prompts_per_s'][name]:8.2f} prompts/s "
            f"{found['peak_mb'][name]:7.0f} MB   agrees {found['agreement'][name]:.1%}"
        )
    print(
        f"{found['times_one_at_a_time']:.1f} times the loop, {found['times_best_lm_eval']:.2f} times "
        f"{found['best_lm_eval']}"
    )


if __name__ == "__main__":
    main()
