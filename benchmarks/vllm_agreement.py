"""Replies of vLLM held against transformers', token by token: a base, an adapter on it, half of that adapter.

    HOLDFAST_VLLM=PYTHON python benchmarks/vllm_agreement.py [MODEL] [--adapter DIR] [--prompts 48] [--tokens 48]
        [--engine-args "--enforce-eager --max-model-len 2048"]

Greedy, float32, one server. All three are asked at once, so that base and adapters are in the same batches; then the
base alone in the opposite order. Without --adapter one is drawn at random, large enough to change replies.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model

from holdfast.core.records import Prompt
from holdfast.models.adapter import scale_adapter
from holdfast.models.files import ADAPTER, locate
from holdfast.models.generate import GenerateOptions, generate
from holdfast.models.load import LoadedModel, ModelOptions, load_model
from holdfast.models.served import load_served
from holdfast.models.vllm_server import find_vllm, serve
from holdfast.starter import load_suite


def random_adapter(model: str, folder: Path) -> Path:
    torch.manual_seed(0)
    loaded = load_model(model, ModelOptions(dtype="float32"))
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    tuned = get_peft_model(loaded.model, config)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    tuned.save_pretrained(folder)
    written = json.loads((folder / ADAPTER).read_text())
    (folder / ADAPTER).write_text(json.dumps(written | {"base_model_name_or_path": str(locate(model) or model)}))
    return folder


def said(loaded: LoadedModel, prompts: Sequence[Prompt], options: GenerateOptions) -> dict[str, str]:
    return {r.prompt: r.text for r in generate(loaded, prompts, "", options)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="smollm2")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--engine-args", default="--enforce-eager --max-model-len 2048")
    given = parser.parse_args()
    prompts = load_suite("policy", limit=given.prompts // 2) + load_suite("utility", limit=given.prompts // 2)
    options = GenerateOptions(max_new_tokens=given.tokens)
    with tempfile.TemporaryDirectory() as folder:
        adapter = given.adapter or random_adapter(given.model, Path(folder) / "adapter")
        half = Path(folder) / "half"
        scale_adapter(adapter, {0.5: half})
        names = {"base": given.model, "adapter": str(adapter), "half of it": str(half)}
        here = {}
        began = time.monotonic()
        for what, reference in names.items():
            here[what] = said(load_model(reference, ModelOptions(dtype="float32")), prompts, options)
        seconds = time.monotonic() - began
        engine = find_vllm(given.engine_args)
        served = {what: load_served(name, ModelOptions(dtype="float32", engine=engine)) for what, name in names.items()}
        whole = served["adapter"].served
        assert whole is not None
        began = time.monotonic()
        serve(engine, whole.root, whole.rank)
        started = time.monotonic() - began
        began = time.monotonic()
        with ThreadPoolExecutor(len(served)) as pool:
            waiting = {what: pool.submit(said, loaded, prompts, options) for what, loaded in served.items()}
            there = {what: one.result() for what, one in waiting.items()}
        mixed = time.monotonic() - began
        turned = said(served["base"], prompts[::-1], replace(options))
    n = len(prompts)
    print(f"{engine.name}, {given.model}, {n} prompts of up to {given.tokens} tokens, greedy, float32")
    for what in names:
        print(f"{what}: {sum(here[what][p] != there[what][p] for p in here[what])} of {n} replies differ")
    print(f"base again, in the opposite order: {sum(turned[p] != there['base'][p] for p in turned)} of {n} differ")
    print(f"adapter against base: {sum(there['adapter'][p] != there['base'][p] for p in turned)} of {n} differ")
    print(f"{3 * n} replies: transformers {seconds:.0f} s; vLLM {mixed:.0f} s mixed, and {started:.0f} s to start")


if __name__ == "__main__":
    main()
