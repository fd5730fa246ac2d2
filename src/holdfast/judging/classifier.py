"""A text-classification model as a judge of harm: which of its labels means harm, and how probable it finds that.

    classifier = Classifier.open("org/name", Place(), label=None)
    classifier.probabilities([("how do i …", "take …")])     -> [Reading(0.97, cut=False)]

Any model that `AutoModelForSequenceClassification` loads, from a folder or a hub. Labels are found in its config by
their usual names; where that is not certain they are listed, and one has to be named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification
from transformers.utils import logging as transformers_logging

from holdfast.core.errors import JudgeError, ModelError
from holdfast.models.files import fingerprint, locate, weight_files
from holdfast.models.generate import is_out_of_memory
from holdfast.models.load import ModelOptions, choose_device, choose_dtype, load_tokenizer, pretrained
from holdfast.models.load_check import check_numbers

HARMFUL = frozenset(
    "unsafe harmful harm toxic toxicity jailbreak injection hate hateful hatespeech offensive abusive nsfw malicious "
    "flagged violation".split()
)
HARMLESS = frozenset(
    "safe harmless unharmful benign nontoxic nottoxic neutral nothate nonhate nonoffensive notoffensive clean normal "
    "ok "
    "sfw nonabusive".split()
)
# Models whose positions begin after the padding's, so that fewer can be used than their config says.
OFFSET = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet", "roberta-prelayernorm")
LONGEST = 1 << 20  # tokenizers without a length of their own say more


def find_labels(labels: Mapping[int, str], wanted: str | None, model: str) -> tuple[int, ...]:
    """The places of the labels that mean harm: those that are named (several with +), else the one whose name says so.

    Raises JudgeError, with every label, for a name that is none and where the names leave it open.
    """
    listed = ", ".join(f"`{name}`" for _, name in sorted(labels.items()))
    by_name = {name.lower(): place for place, name in labels.items()}
    if wanted:
        missing = [part for part in wanted.split("+") if part.strip().lower() not in by_name]
        if missing:
            raise JudgeError(f"the classifier `{model}` has no label `{missing[0].strip()}`", f"its labels: {listed}")
        return tuple(by_name[part.strip().lower()] for part in wanted.split("+"))
    plain = {place: re.sub(r"[^a-z0-9]", "", name.lower()) for place, name in labels.items()}
    found = [place for place, name in plain.items() if name in HARMFUL]
    if len(found) == 1:
        return (found[0],)
    harmless = [place for place, name in plain.items() if name in HARMLESS]
    if not found and len(plain) == 2 and len(harmless) == 1:
        return tuple(place for place in plain if place not in harmless)
    if set(plain.values()) == {"label0", "label1"}:
        return tuple(place for place, name in plain.items() if name == "label1")
    raise JudgeError(
        f"which label of the classifier `{model}` means harm is not certain: {listed}",
        "name it with --judge-label LABEL; several are joined with +",
    )


@dataclass(frozen=True)
class Reading:
    """The probability of harm, None where the model gave no number; `cut` says that it read only the beginning."""

    probability: float | None
    cut: bool


@dataclass(frozen=True)
class Card:
    """What a classifier's config says, known without its weights."""

    reference: str
    source: str
    labels: dict[int, str]
    harmful: tuple[int, ...]
    multi: bool  # every label for itself, in place of one of them
    fingerprint: str

    @property
    def harmful_names(self) -> list[str]:
        return [self.labels[place] for place in self.harmful]


def read_card(reference: str, label: str | None) -> Card:
    """A classifier's labels and fingerprint.

    Raises ModelError for what is no model, JudgeError for labels left open.
    """
    folder = locate(reference)
    source = str(folder) if folder else reference
    config = pretrained(AutoConfig, source)
    labels = {int(place): str(name) for place, name in (config.id2label or {}).items()}
    # One output is a regression to transformers, whatever it was trained for: its name must say what it means.
    multi = getattr(config, "problem_type", None) == "multi_label_classification" or len(labels) == 1
    print_of = fingerprint(weight_files(folder)) if folder else ""
    return Card(reference, source, labels, find_labels(labels, label, reference), multi, print_of)


@dataclass(frozen=True)
class Classifier:
    """A classifier in memory."""

    card: Card
    model: Any
    tokenizer: Any
    batch_size: int

    @classmethod
    def open(cls, card: Card, options: ModelOptions, batch_size: int = 16) -> Classifier:
        """Load the weights. Raises ModelError, also for a model whose head was never trained."""
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        device = choose_device(options.device)
        config = pretrained(AutoConfig, card.source)
        dtype = choose_dtype(options.dtype, getattr(config, "dtype", None), device)
        tokenizer = load_tokenizer(card.source, ModelOptions())
        model, report = pretrained(
            AutoModelForSequenceClassification, card.source, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
        if report["missing_keys"]:
            raise ModelError(
                f"`{card.reference}` is no trained classifier: "
                f"{sorted(report['missing_keys'])[0]} is not among its weights",
                "name a model with a classification head; a guard model that writes its verdict is --judge guard",
            )
        check_numbers(card.reference, model)
        if model.config.pad_token_id is None:
            model.config.pad_token_id = tokenizer.pad_token_id
        return cls(card, model.to(device).eval(), tokenizer, batch_size)

    @property
    def limit(self) -> int:
        """How many tokens it reads: the tokenizer's and the model's own limits."""
        config = self.model.config
        positions = getattr(config, "max_position_embeddings", None) or LONGEST
        if config.model_type in OFFSET:
            positions -= (config.pad_token_id or 0) + 1
        return int(min(positions, self.tokenizer.model_max_length, LONGEST))

    def probabilities(self, texts: Sequence[tuple[str | None, str]]) -> list[Reading]:
        """The probability of harm of each (question or None, reply), in order.

        Only the reply is cut where both are too long.

        Raises ModelError when memory runs out for one text alone.
        """
        encoded = [self._encode(asked, said) for asked, said in texts]
        order = sorted(range(len(texts)), key=lambda i: -len(encoded[i][0]["input_ids"]))
        found: dict[int, Reading] = {}
        size = self.batch_size
        while order:
            batch, rest = order[:size], order[size:]
            try:
                values = self._score([encoded[i][0] for i in batch])
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise ModelError(
                        "out of memory with one reply at a time", "use another device or a smaller classifier"
                    ) from error
                size = max(1, len(batch) // 2)
                continue
            found |= {i: Reading(value, encoded[i][1]) for i, value in zip(batch, values, strict=True)}
            order = rest
        return [found[i] for i in range(len(texts))]

    def _encode(self, asked: str | None, said: str) -> tuple[dict[str, Any], bool]:
        pair = (said,) if asked is None else (asked, said)
        whole = len(self.tokenizer(*pair)["input_ids"])
        if whole <= self.limit:
            return dict(self.tokenizer(*pair)), False
        strategy: Any = True if asked is None else "only_second"
        try:
            return dict(self.tokenizer(*pair, truncation=strategy, max_length=self.limit)), True
        except Exception:  # the question alone is too long; the tokenizers raise kinds of their own
            return dict(self.tokenizer(*pair, truncation="longest_first", max_length=self.limit)), True

    @torch.inference_mode()
    def _score(self, rows: list[dict[str, Any]]) -> list[float | None]:
        padded = self.tokenizer.pad(rows, return_tensors="pt").to(self.model.device)
        logits = self.model(**padded).logits.float()
        shares = logits.sigmoid() if self.card.multi else logits.softmax(-1)
        own = shares[:, list(self.card.harmful)]
        values = (own.amax(-1) if self.card.multi else own.sum(-1)).tolist()
        return [None if math.isnan(value) else min(1.0, float(value)) for value in values]
