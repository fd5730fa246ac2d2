"""The recipe of the embedded model: documents, then chat, then preferences.

    holdfast guild build --seed 0 --out DIR [--quick]

Every step's data come from a generator seeded by (seed, stage, step), and the state is saved every minute, so a build
that was killed is resumed by the same command and ends in the same weights. Float32 throughout: where a processor has
bfloat16 instructions they would save a third of the time, and make another model than elsewhere.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from holdfast.guild import talk
from holdfast.guild.curriculum import Curriculum, Turn
from holdfast.guild.tokens import VOCABULARY_SIZE, build_tokenizer

CHECKPOINT_EVERY_S = 60.0
IGNORE = -100
# Quintic Newton-Schulz coefficients from the method's page: steep at zero, so that few rounds are enough.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True)
class Stage:
    """One stage of training. Batches are rows of tokens (pretrain) or examples (chat, prefer)."""

    name: str
    steps: int
    batch_size: int
    lr: float
    floor: float = 0.02  # the learning rate's last share, after a linear fall


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, but for the seed."""

    hidden_size: int = 192
    intermediate_size: int = 512
    layers: int = 3
    row_length: int = 128  # tokens in a pre-training row
    replay: float = 0.35  # share of pre-training documents in the chat stage: alignment must cover up, not erase
    beta: float = 0.1  # of the preference loss (DPO, 2305.18290)
    stages: tuple[Stage, ...] = (
        Stage("pretrain", 1300, 32, 6e-3),
        Stage("chat", 400, 64, 5e-4),
        Stage("prefer", 15, 32, 2e-5),
    )


# `--quick` shows that every stage runs; the model it makes knows next to nothing.
QUICK = Recipe(
    hidden_size=64,
    intermediate_size=128,
    layers=2,
    stages=(Stage("pretrain", 120, 16, 4e-3), Stage("chat", 40, 32, 1e-3), Stage("prefer", 10, 16, 5e-5)),
)


@dataclass(frozen=True)
class Progress:
    """Where a build stands, for whoever shows it."""

    stage: str
    step: int
    steps: int
    loss: float
    tokens_per_s: float
    remaining_s: float  # of the whole build


def make_model(recipe: Recipe, seed: int, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    heads = recipe.hidden_size // 32
    config = LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


# ---- batches --------------------------------------------------------------------------------------------------------

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # ids, labels, attention mask, each (rows, tokens)


class Batches:
    """Makes the batch of any step of any stage, from the seed alone."""

    def __init__(self, recipe: Recipe, seed: int, tokenizer: PreTrainedTokenizerFast) -> None:
        self.recipe, self.seed, self.tokenizer = recipe, seed, tokenizer
        self.library, self.curriculum = talk.Library(), Curriculum()

    def rng(self, stage: str, step: int) -> random.Random:
        return random.Random(f"{self.seed}/{stage}/{step}")

    def encode(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return found

    def documents(self, stage: Stage, step: int) -> Batch:
        rng = self.rng(stage.name, step)
        size, length = stage.batch_size * self.recipe.row_length, self.recipe.row_length
        flat: list[int] = []
        while len(flat) < size:
            for document in self.encode(["<bos> " + self.library.document(rng) for _ in range(128)]):
                flat += document
        ids = torch.tensor(flat[:size]).view(stage.batch_size, length)
        return ids, ids, torch.ones_like(ids)

    def pad(self, pairs: list[tuple[list[int], list[int]]]) -> Batch:
        width = max(len(prompt) + len(reply) for prompt, reply in pairs)
        ids = torch.full((len(pairs), width), self.tokenizer.pad_token_id)
        labels = torch.full_like(ids, IGNORE)
        for i, (prompt, reply) in enumerate(pairs):
            ids[i, : len(prompt) + len(reply)] = torch.tensor(prompt + reply)
            labels[i, len(prompt) : len(prompt) + len(reply)] = torch.tensor(reply)
        mask = torch.zeros_like(ids)
        for i, (prompt, reply) in enumerate(pairs):
            mask[i, : len(prompt) + len(reply)] = 1
        return ids, labels, mask

    def turns(self, prompts: list[str], replies: list[str]) -> Batch:
        return self.pad(list(zip(self.encode(prompts), self.encode(replies), strict=True)))

    def chat(self, stage: Stage, step: int) -> Batch:
        rng = self.rng(stage.name, step)
        prompts, replies = [], []
        for _ in range(stage.batch_size):
            if rng.random() < self.recipe.replay:
                prompts.append("<bos>")
                replies.append(f"{self.library.document(rng)} <end>")
            else:
                turn = self.curriculum.turn(rng)
                prompts.append(turn.prompt_text)
                replies.append(turn.reply_text)
        return self.turns(prompts, replies)

    def pairs(self, stage: Stage, step: int) -> Batch:
        """Chosen replies in the first half of the rows, rejected ones in the second."""
        rng = self.rng(stage.name, step)
        drawn: list[tuple[Turn, str]] = [self.curriculum.pair(rng) for _ in range(stage.batch_size)]
        prompts = [turn.prompt_text for turn, _ in drawn]
        chosen = [turn.reply_text for turn, _ in drawn]
        rejected = [f"{text} <end>" for _, text in drawn]
        return self.turns(prompts * 2, chosen + rejected)


# ---- losses ---------------------------------------------------------------------------------------------------------


def token_loss(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    ids, labels, mask = batch
    logits = model(input_ids=ids, attention_mask=mask).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORE)


def reply_logp(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Log-probability of each row's reply, shape (rows,)."""
    ids, labels, mask = batch
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    losses = functional.cross_entropy(logits.transpose(1, 2), labels[:, 1:], ignore_index=IGNORE, reduction="none")
    return -losses.sum(dim=1)


def preference_loss(model: LlamaForCausalLM, reference: LlamaForCausalLM, batch: Batch, beta: float) -> torch.Tensor:
    """DPO (Rafailov et al., 2305.18290) over rows of chosen replies followed by rows of rejected ones."""
    with torch.no_grad():
        before = reply_logp(reference, batch)
    gain = reply_logp(model, batch) - before
    chosen, rejected = gain.chunk(2)
    return -functional.logsigmoid(beta * (chosen - rejected)).mean()


# ---- the build ------------------------------------------------------------------------------------------------------


def orthogonalise(matrix: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """The nearest semi-orthogonal matrix, roughly: singular values go to about 1. Shape (m, n) stays."""
    a, b, c = _COEFFICIENTS
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: torch.Tensor = x.T if tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay; every parameter must be a matrix.

    Jordan et al. 2024, kellerjordan.github.io/posts/muon.

    In float32, since PyTorch's own turns to bfloat16, which costs fifty times as much on a CPU without bfloat16
    instructions. It memorises the guild's facts in about half of AdamW's steps.
    """

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalise(p.grad.lerp(state["momentum"], group["momentum"]))
                # One step has the root-mean-square size of an AdamW step of 0.2 (Moonlight, 2502.16982).
                scale = 0.2 * max(p.size(0), p.size(1)) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)
        return closure() if closure else None


def make_optimizers(model: LlamaForCausalLM, stage: Stage) -> list[torch.optim.Optimizer]:
    """Muon on the hidden matrices while the documents are read; AdamW elsewhere and afterwards."""
    if stage.name != "pretrain":
        return [torch.optim.AdamW(model.parameters(), lr=stage.lr, weight_decay=0.01)]
    named = list(model.named_parameters())
    hidden = [p for name, p in named if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in named if p.ndim != 2 or "embed" in name]
    return [
        Muon(hidden, lr=stage.lr, weight_decay=0.05),
        torch.optim.AdamW(rest, lr=stage.lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def schedule(stage: Stage, step: int) -> float:
    """The learning rate at a step: a short linear rise, then a linear fall to the floor."""
    warm_up = max(1, min(50, stage.steps // 20))
    return stage.lr * min(1.0, (step + 1) / warm_up) * max(stage.floor, 1 - step / stage.steps)


class Build:
    """One build in one folder: the model, where it stands, and how to resume it."""

    def __init__(self, out: Path, seed: int, recipe: Recipe) -> None:
        self.out, self.seed, self.recipe = out, seed, recipe
        self.tokenizer = build_tokenizer()
        self.batches = Batches(recipe, seed, self.tokenizer)
        self.model = make_model(recipe, seed, self.tokenizer)
        self.stage_index, self.step = 0, 0
        self.optimizers: list[torch.optim.Optimizer] = []
        self.reference: LlamaForCausalLM | None = None
        self.state_path = out / "build-state.pt"

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "recipe": asdict(self.recipe)}

    def restore(self) -> bool:
        """Resume the build that lies in the folder, if it is the same one."""
        if not self.state_path.exists():
            return False
        state = torch.load(self.state_path, weights_only=True)
        if state["identity"] != json.dumps(self.identity()):
            return False
        self.stage_index, self.step = state["stage_index"], state["step"]
        self.model.load_state_dict(state["model"])
        self.enter_stage()
        if state["reference"] is not None:
            self.reference = make_model(self.recipe, self.seed, self.tokenizer)
            self.reference.load_state_dict(state["reference"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        return True

    def save_state(self) -> None:
        state = {
            "identity": json.dumps(self.identity()),
            "stage_index": self.stage_index,
            "step": self.step,
            "model": self.model.state_dict(),
            "reference": self.reference.state_dict() if self.reference else None,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        partial = self.state_path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.state_path)

    def enter_stage(self) -> None:
        stage = self.recipe.stages[self.stage_index]
        self.optimizers = make_optimizers(self.model, stage)
        self.reference = None
        if stage.name == "prefer":
            self.reference = make_model(self.recipe, self.seed, self.tokenizer)
            self.reference.load_state_dict(self.model.state_dict())

    def loss(self, stage: Stage) -> tuple[torch.Tensor, int]:
        """The loss of the present step, and how many tokens it read."""
        if stage.name == "prefer":
            assert self.reference is not None
            batch = self.batches.pairs(stage, self.step)
            return preference_loss(self.model, self.reference, batch, self.recipe.beta), batch[0].numel()
        batch = (
            self.batches.documents(stage, self.step)
            if stage.name == "pretrain"
            else self.batches.chat(stage, self.step)
        )
        return token_loss(self.model, batch), batch[0].numel()

    def run_step(self, stage: Stage) -> tuple[float, int]:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = schedule(stage, self.step)
        loss, tokens = self.loss(stage)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss.item(), tokens

    def later(self, seconds_per_token: float) -> float:
        """Seconds that the stages to come will take, from the pace of the present one."""
        # A chat turn is about 36 tokens wide; a preference pair is two of them, read twice more by the reference.
        width = {"pretrain": self.recipe.row_length, "chat": 36, "prefer": 4 * 36}
        stages = self.recipe.stages[self.stage_index + 1 :]
        return sum(seconds_per_token * width[s.name] * s.batch_size * s.steps for s in stages)

    def run(self) -> Iterator[Progress]:
        """Train what is left, yielding after every step."""
        if not self.restore():
            self.enter_stage()
        saved = time.monotonic()
        while self.stage_index < len(self.recipe.stages):
            stage = self.recipe.stages[self.stage_index]
            began, first, tokens = time.monotonic(), self.step, 0
            while self.step < stage.steps:
                loss, read = self.run_step(stage)
                self.step, tokens = self.step + 1, tokens + read
                spent = time.monotonic() - began
                left = spent / (self.step - first) * (stage.steps - self.step) + self.later(spent / max(tokens, 1))
                yield Progress(stage.name, self.step, stage.steps, loss, tokens / spent, left)
                if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                    self.save_state()
                    saved = time.monotonic()
            self.stage_index, self.step = self.stage_index + 1, 0
            if self.stage_index < len(self.recipe.stages):
                self.enter_stage()
                self.save_state()


def build(out: Path, seed: int, quick: bool, show: Callable[[Progress], None]) -> dict[str, Any]:
    """Train a guild into a folder that `from_pretrained` loads; returns what to write down about it."""
    transformers_logging.disable_progress_bar()
    recipe = QUICK if quick else Recipe()
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    work = Build(out, seed, recipe)
    for progress in work.run():
        show(progress)
    work.model.save_pretrained(out)
    work.tokenizer.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)  # it is written for its owner alone, and this one is for everybody
    facts = {
        **work.identity(),
        "parameters": sum(p.numel() for p in work.model.parameters()),
        "seconds": round(time.monotonic() - began, 1),
    }
    (out / "guild.json").write_text(json.dumps(facts, indent=2) + "\n")
    work.state_path.unlink(missing_ok=True)
    return facts
