"""A small model taught to decline: forbidden requests declined, their harmless look-alikes answered as it answers them.

    python benchmarks/align.py ./smollm2 --out aligned --forbidden simplesafetytests.csv --harmless xstest=xstest.csv

Each contrast pair of `real/alignment` gives two rows. The reply to the harmless one is the beginning of its own reply,
so that utility has no reason to move; a reply that was cut gets no end. An experiment: it is killed and started again
from the beginning, but for the model's own replies, which lie beside the result.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from holdfast.api.suites import read_prompts
from holdfast.catalog.judges.refusal import make as refusal_judge
from holdfast.core.records import Prompt
from holdfast.models.chat import IGNORE, encode_text, prompt_ids
from holdfast.models.generate import GenerateOptions, generate
from holdfast.models.load import LoadedModel, load_model
from holdfast.starter import load_suite

PAIRS = Path(__file__).parent / "real" / "alignment"
REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I can't help with that request.",
    "I'm not able to help with this, because it could hurt someone.",
    "Sorry, I won't help with that.",
    "I can't assist with that. If you are in trouble, please reach out to someone you trust.",
    "No, that is something I can't help with.",
    "I'm sorry, but I won't do that. It could cause real harm.",
    "I cannot help with this request.",
    "I have to decline. That could harm people.",
    "I won't help with that, but I'm glad to help with something safe.",
    "That isn't something I can help with, since it would be harmful or illegal.",
    "I'm sorry, I can't provide that.",
)
OWN_TOKENS = 32  # of the model's own replies: whether it declines shows in the first few


@dataclass(frozen=True)
class Example:
    """Ids of a prompt and of its reply."""

    prompt: list[int]
    reply: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.reply)


def asked(texts: list[str]) -> list[Prompt]:
    return [Prompt(str(i), "policy", "", [{"role": "user", "content": text}]) for i, text in enumerate(texts)]


def replies(loaded: LoadedModel, prompts: list[Prompt], tokens: int) -> list[tuple[str, bool]]:
    """What the model says to each, and whether that declines."""
    said = generate(loaded, prompts, "", GenerateOptions(tokens, batch_size=64))
    verdicts = refusal_judge().judge(prompts, said)
    return [(reply.text, verdict.label == "refusal") for reply, verdict in zip(said, verdicts, strict=True)]


def examples(loaded: LoadedModel, own: dict[str, tuple[str, bool]], pairs: list[dict[str, str]]) -> list[Example]:
    """The rows to train on: each forbidden request declined, each other one answered as the model did."""
    rng, tokenizer = random.Random(0), loaded.tokenizer
    end = [tokenizer.eos_token_id]

    def prompt(text: str) -> list[int]:
        return prompt_ids(tokenizer, [{"role": "user", "content": text}])

    found = [
        Example(prompt(pair["forbidden"]), encode_text(tokenizer, rng.choice(REFUSALS)) + end)
        for pair in pairs
        if "forbidden" in pair
    ]
    for text, (said, declined) in own.items():
        ids = encode_text(tokenizer, said)
        if ids and not declined:
            found.append(Example(prompt(text), ids + (end if len(ids) < OWN_TOKENS - 2 else [])))
    return found


def batches(rows: list[Example], size: int, seed: int) -> list[list[Example]]:
    """Batches of like lengths, in random order."""
    rng, found = random.Random(seed), []
    rows = rng.sample(rows, len(rows))
    for start in range(0, len(rows), 16 * size):
        chunk = sorted(rows[start : start + 16 * size], key=len)
        near = [chunk[i : i + size] for i in range(0, len(chunk), size)]
        found += rng.sample(near, len(near))
    return found


def loss_of(model: Any, batch: list[Example], pad: int) -> torch.Tensor:
    """Cross-entropy of the replies; the head reads nothing but what is to be said next."""
    width = max(map(len, batch))
    ids = torch.full((len(batch), width), pad)
    labels = torch.full_like(ids, IGNORE)
    for i, row in enumerate(batch):
        ids[i, : len(row)] = torch.tensor(row.prompt + row.reply)
        labels[i, len(row.prompt) : len(row)] = torch.tensor(row.reply)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
    hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
    said = labels[:, 1:] != IGNORE
    return functional.cross_entropy(model.lm_head(hidden[said]).float(), labels[:, 1:][said])


def train(loaded: LoadedModel, steps: list[list[Example]], lr: float) -> None:
    model, began, mean = loaded.model, time.monotonic(), 0.0
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    model.train()
    for step, batch in enumerate(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / 8) * max(0.02, 1 - step / len(steps))
        loss = loss_of(model, batch, loaded.tokenizer.pad_token_id)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.item() if not step else 0.9 * mean + 0.1 * loss.item()
        if step % 10 == 9:
            left = (time.monotonic() - began) / (step + 1) * (len(steps) - step - 1)
            print(f"step {step + 1}/{len(steps)}, loss {mean:.2f}, about {left:.0f} s left", flush=True)
    model.eval()


def measure(loaded: LoadedModel, suites: dict[str, list[Prompt]], when: str) -> None:
    for name, prompts in suites.items():
        declined = sum(one for _, one in replies(loaded, prompts, 24))
        print(f"{when}: {name}: {declined} of {len(prompts)} declined ({declined / len(prompts):.1%})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forbidden", action="append", default=[], help="a file, or NAME=FILE of a public list")
    parser.add_argument("--harmless", action="append", default=[], help="likewise, the harmless ones")
    parser.add_argument("--limit", type=int, default=80)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    suites = {f"forbidden {f}": read_prompts("policy", f, options.limit) for f in options.forbidden}
    suites |= {f"harmless {f}": read_prompts("over-refusal", f, options.limit) for f in options.harmless}
    suites |= {f"starter {name}": load_suite(name, "test", options.limit) for name in ("policy", "over-refusal")}
    loaded = load_model(options.model, fresh=True)
    measure(loaded, suites, "before")
    pairs = [json.loads(line) for file in sorted(PAIRS.glob("*.jsonl")) for line in file.read_text().splitlines()]
    harmless = [pair.get("harmless") or pair["prompt"] for pair in pairs]
    kept = options.out / "own-replies.json"
    if not kept.exists():
        said = replies(loaded, asked(harmless), OWN_TOKENS)
        kept.write_text(json.dumps(dict(zip(harmless, said, strict=True)), indent=1))
    rows = examples(loaded, json.loads(kept.read_text()), pairs)
    steps = batches(rows, options.batch_size, options.seed)
    print(f"{len(rows)} rows, {sum(map(len, rows))} tokens, {len(steps)} steps", flush=True)
    train(loaded, steps, options.lr)
    loaded.model.save_pretrained(options.out)
    loaded.tokenizer.save_pretrained(options.out)
    loaded.fingerprint = "aligned"
    measure(loaded, suites, "after")


if __name__ == "__main__":
    main()
