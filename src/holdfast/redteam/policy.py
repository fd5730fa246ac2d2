"""A small attacker policy, trained by reinforcement on the verdicts of a target: `--redteam-method policy`.

    trail = train_attacker(target, Budget(queries=1000), lambda: load_model("guild"))

After Hong et al. (2402.19464), with TRL's GRPOTrainer for their PPO. The attacker is first tuned for a moment on drafts
of the source, so that it begins as plain sampling; then each group of its texts is rewarded for the verdict, for
novelty by self-BLEU and embedding distance where the verdict is a success, less a naturalness penalty; the trainer adds
an entropy bonus and a pull to where the policy began. A query is a text that the target had not been asked, as in every
method.

Its weights live in memory and are never saved.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, set_seed

from holdfast.core.records import Row
from holdfast.models.load import LoadedModel
from holdfast.redteam.diversity import Bigrams, References, Vectors, words_of
from holdfast.redteam.mutations import Asked, Draft
from holdfast.redteam.search import COMPARED, Budget, Query, Target, Trail, enter
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import quiet, train

# Set on the guild, seeds 0 and 3, whose figures are not in docs/results.md.
WARM_ROWS, WARM_EPOCHS, WARM_LR, WARM_BATCH = 800, 2.0, 1e-3, 32
LR, ITERATIONS, ENTROPY, PULL = 3e-4, 2, 0.01, 0.02
STEP = 64  # texts between two updates, whatever the batch of the search: with 16 the policy narrows to one wording
GROUP = 16  # texts for one question, which are compared with each other
NOTHING, AGAIN = -1.0, -0.5  # rewards of a text that asks for nothing of the suite, and of one that was asked before
BONUS = 0.5  # of novelty by self-BLEU, and of novelty by embedding, beside a verdict that counts 1
MOST_TOKENS = 48


@dataclass
class Rewards:
    """Texts to rewards; asks the target what it had not been asked, until the budget is spent."""

    target: Target
    budget: Budget
    trail: Trail = field(default_factory=lambda: Trail("policy"))

    def __post_init__(self) -> None:
        self.rng = random.Random(f"policy {self.budget.seed}")
        self.natural = Bigrams(self.target.source.natural)
        self.vectors: list[Vectors] = []
        self.__name__ = "verdict_and_novelty"  # what the trainer calls it

    @property
    def spent(self) -> bool:
        return len(self.trail.queries) >= self.budget.queries

    def __call__(self, completions: Sequence[Any], **_: Any) -> list[float | None]:
        texts = [self.target.source.tidy(turns[0]["content"]) for turns in completions]
        left = self.budget.queries - len(self.trail.queries)
        chosen: dict[str, tuple[Draft, Asked]] = {}
        for text in texts:
            if len(chosen) < left and text not in self.trail.texts and text not in chosen:
                about = self.target.source.read(text)
                if about:
                    chosen[text] = (Draft("{x}", text), about)
        entered = enter(self.target, self.trail, list(chosen.values()), self.budget) if chosen else []
        worth = dict(zip(chosen, self.worth(entered), strict=True))
        rewards: list[float | None] = []
        for text in texts:
            # Paid once: the second of two equal texts in a batch was asked before.
            again = AGAIN if text in self.trail.texts else NOTHING
            rewards.append(worth.pop(text, again))
        return rewards

    def worth(self, entered: Sequence[Query]) -> list[float]:
        """What each query was worth; novelty counts against what succeeded before this batch."""
        archive = self.trail.successes[: len(self.trail.successes) - sum(bool(q.success) for q in entered)]
        references = References()
        for query in self.rng.sample(archive, min(COMPARED, len(archive))):
            references.add(words_of(query.text))
        vectors = self.target.embed([q.text for q in entered])
        near = (
            (vectors @ np.stack(self.vectors).T).max(axis=1)
            if self.vectors and len(entered)
            else np.zeros(len(entered))
        )
        found = []
        for query, cosine, vector in zip(entered, near, vectors, strict=True):
            value = -self.natural.penalty(query.text)
            if query.success:
                whole = (query.score - 1) / 4 if query.score is not None else 1.0
                value += whole * (1.0 if query.distinct else 0.1)
                value += BONUS * (1 - references.bleu(words_of(query.text))) + BONUS * (1 - float(cosine))
                self.vectors.append(vector)
            found.append(value)
        return found


class _Stop(TrainerCallback):  # type: ignore[misc]
    """Ends the training when the budget is spent."""

    def __init__(self, rewards: Rewards) -> None:
        self.rewards = rewards

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = self.rewards.spent


def warm_rows(target: Target, budget: Budget) -> list[Row]:
    """A question, and another of what the source draws: what the attacker is first tuned on."""
    rng = random.Random(f"attacker {budget.seed}")
    rows: list[Row] = []
    while len(rows) < WARM_ROWS:
        seed, draft = rng.choice(target.source.seeds), target.source.draw(rng)
        if target.source.read(draft.text):
            turns = [{"role": "user", "content": seed.text}, {"role": "assistant", "content": draft.text}]
            rows.append(Row(f"attacker-{len(rows)}", turns))
    return rows


def train_attacker(target: Target, budget: Budget, load: Callable[[], LoadedModel]) -> Trail:
    """Tune and reinforce an attacker until the budget is spent; everything that it asked."""
    from datasets import Dataset
    from trl.trainer.grpo_trainer import GRPOTrainer

    attacker, rewards = load(), Rewards(target, budget)
    settings = TrainSettings(WARM_EPOCHS, WARM_LR, WARM_BATCH, budget.seed)
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        train(attacker, warm_rows(target, budget), settings, Path(folder))
        asked = [{"prompt": [{"role": "user", "content": seed.text}]} for seed in target.source.seeds]
        with quiet():
            set_seed(budget.seed)
            trainer = GRPOTrainer(
                model=attacker.model,
                reward_funcs=rewards,
                args=_grpo(budget, folder, attacker),
                train_dataset=Dataset.from_list(asked),
                processing_class=attacker.tokenizer,
                callbacks=[_Stop(rewards)],
            )
            trainer.train()
    return rewards.trail


def _grpo(budget: Budget, folder: str, attacker: LoadedModel) -> Any:
    from trl.trainer.grpo_config import GRPOConfig

    on_cpu = attacker.device.type == "cpu"
    return GRPOConfig(
        output_dir=folder,
        seed=budget.seed,
        # Texts that were asked before cost no query, so there are more steps than batches; without end it must not go
        # on.
        max_steps=4 * ITERATIONS * -(-budget.queries // STEP),
        per_device_train_batch_size=STEP,
        num_generations=GROUP,
        num_iterations=ITERATIONS,
        max_completion_length=MOST_TOKENS,
        temperature=1.0,
        learning_rate=LR,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=2,
        beta=PULL,
        entropy_coef=ENTROPY,
        use_cpu=on_cpu,
        bf16=not on_cpu and torch.cuda.is_bf16_supported(),
        gradient_checkpointing=False,
        logging_steps=10,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
