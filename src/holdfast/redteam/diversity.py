"""How new and how natural a prompt is: self-BLEU, embedding distance, a bigram model, and the count of distinct ones.

    seen = References(); seen.add(words); seen.bleu(other)      1 for a copy of what was seen, 0 for something else
    count = Distinct(); count.add(subject)                      True where nothing alike was counted before

After Hong et al. (2402.19464): novelty is 1 minus self-BLEU, and 1 minus the largest cosine, against what was found.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from holdfast.core.records import Prompt
from holdfast.models.chat import prompt_ids
from holdfast.models.load import LoadedModel

Vectors = np.ndarray[Any, np.dtype[np.float32]]
Embed = Callable[[Sequence[str]], Vectors]

GRAMS = (2, 3, 4)  # Hong et al. use 3, 4, 5 on prompts of 20 tokens; the guild's have 8
ALIKE_SUBJECT = 0.5  # Jaccard of subject words from which two prompts ask for the same
ALIKE_WORDING = 0.5  # Jaccard of 1- to 3-grams from which two prompts are one wording
ALIKE_EMBEDDING = 0.8  # cosine from which two prompts are one meaning
HASHED = 512
_TOKEN = re.compile(r"\w+|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Words and marks, in small letters."""
    return _TOKEN.findall(text.lower())


def grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


# ---- self-BLEU ------------------------------------------------------------------------------------------------------


@dataclass
class References:
    """BLEU of a prompt against all that was added, kept as the largest count of each n-gram over the references."""

    most: dict[tuple[str, ...], int] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)

    def add(self, words: Sequence[str]) -> None:
        self.lengths.add(len(words))
        for n in range(1, max(GRAMS) + 1):
            for gram, count in Counter(grams(words, n)).items():
                self.most[gram] = max(count, self.most.get(gram, 0))

    def bleu(self, words: Sequence[str]) -> float:
        """The mean of BLEU-2, -3 and -4 with clipped counts, 0 to 1; 0 before anything was added."""
        if not self.lengths or not words:
            return 0.0
        logs = []
        for n in range(1, max(GRAMS) + 1):
            found = Counter(grams(words, n))
            total = sum(found.values())
            hits = sum(min(count, self.most.get(gram, 0)) for gram, count in found.items())
            logs.append(math.log(hits / total) if hits else -math.inf)
        nearest = min(self.lengths, key=lambda length: (abs(length - len(words)), length))
        brevity = min(0.0, 1 - nearest / len(words))
        scores = [math.exp(brevity + sum(logs[:n]) / n) for n in GRAMS]
        return sum(scores) / len(scores)


def self_bleu(texts: Sequence[str], most: int = 200) -> float | None:
    """The mean BLEU of each prompt against the others, of at most so many spread evenly; None below two."""
    split = [words_of(text) for text in _evenly(texts, most)]
    if len(split) < 2:
        return None
    scores = []
    for i, words in enumerate(split):
        others = References()
        for j, other in enumerate(split):
            if j != i:
                others.add(other)
        scores.append(others.bleu(words))
    return sum(scores) / len(scores)


def _evenly(items: Sequence[str], most: int) -> list[str]:
    return list(items) if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


# ---- embeddings -----------------------------------------------------------------------------------------------------


def _unit(vectors: Vectors) -> Vectors:
    length: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
    return scaled


def hashed_embedding(texts: Sequence[str]) -> Vectors:
    """Hashed 1- and 2-grams, (texts, 512), each of length 1: for a model that has no weights here."""
    found = np.zeros((len(texts), HASHED), dtype=np.float32)
    for row, text in enumerate(texts):
        words = words_of(text)
        for gram in [*grams(words, 1), *grams(words, 2)]:
            found[row, zlib.crc32(" ".join(gram).encode()) % HASHED] += 1
    return _unit(np.sqrt(found))


def hidden_embedding(loaded: LoadedModel, seeds: Sequence[str], batch: int = 64) -> Embed:
    """The model's last hidden states, mean over the prompt, less the mean over the seeds: (texts, width), length 1."""

    @torch.inference_mode()
    def states(texts: Sequence[str]) -> Vectors:
        pad, found = loaded.tokenizer.pad_token_id or 0, []
        for start in range(0, len(texts), batch):
            messages = [[{"role": "user", "content": text}] for text in texts[start : start + batch]]
            ids = [prompt_ids(loaded.tokenizer, turns) for turns in messages]
            width = max(map(len, ids))
            tokens = torch.tensor([row + [pad] * (width - len(row)) for row in ids], device=loaded.device)
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids], device=loaded.device)
            out = loaded.model(input_ids=tokens, attention_mask=mask, output_hidden_states=True, logits_to_keep=1)
            last = out.hidden_states[-1].float() * mask[..., None]
            found.append((last.sum(1) / mask.sum(1, keepdim=True)).cpu())
        # Rounded, so that the last bit of a sum in another order does not send a replayed search another way.
        return np.round(torch.cat(found).numpy(), 4)

    middle: Vectors = states(list(seeds)).mean(axis=0, keepdims=True)
    return lambda texts: _unit(states(texts) - middle) if texts else np.zeros((0, middle.shape[1]), np.float32)


# ---- naturalness ----------------------------------------------------------------------------------------------------


class Bigrams:
    """A bigram model of what natural prompts look like, interpolated with single words; knows no model weights."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.single: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, ...]] = Counter()
        split = [["<s>", *words_of(text), "</s>"] for text in texts]
        for words in split:
            self.single.update(words)
            self.pairs.update(grams(words, 2))
        self.total, self.size = sum(self.single.values()), len(self.single) + 1
        own = sorted(self.surprise(" ".join(words[1:-1])) for words in split)
        self.usual = own[int(0.95 * (len(own) - 1))] if own else 0.0

    def surprise(self, text: str) -> float:
        """Nats a word."""
        words = ["<s>", *words_of(text), "</s>"]
        logs = []
        for before, word in grams(words, 2):
            alone = (self.single[word] + 1) / (self.total + self.size)
            share = self.pairs[before, word] / self.single[before] if self.single[before] else 0.0
            logs.append(math.log(0.8 * share + 0.2 * alone))
        return -sum(logs) / len(logs)

    def penalty(self, text: str) -> float:
        """0 for what is as natural as 95 % of the seeds, rising to 1 two nats a word above."""
        return min(max(self.surprise(text) - self.usual, 0.0) / 2, 1.0)


# ---- distinct -------------------------------------------------------------------------------------------------------


def jaccard(a: frozenset[Any], b: frozenset[Any]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


@dataclass
class Distinct:
    """Greedy clustering in the order of coming: a set counts when none that counted before is as alike as `alike`."""

    alike: float = ALIKE_SUBJECT
    kept: list[frozenset[Any]] = field(default_factory=list)
    holding: dict[Any, set[int]] = field(default_factory=dict)

    def nearest(self, found: frozenset[Any]) -> float:
        near = {i for part in found for i in self.holding.get(part, ())}
        return max((jaccard(found, self.kept[i]) for i in near), default=0.0)

    def add(self, found: frozenset[Any]) -> bool:
        if self.nearest(found) >= self.alike:
            return False
        for part in found:
            self.holding.setdefault(part, set()).add(len(self.kept))
        self.kept.append(found)
        return True


def wording(text: str) -> frozenset[Any]:
    """A prompt's 1- to 3-grams."""
    words = words_of(text)
    return frozenset(gram for n in (1, 2, 3) for gram in grams(words, n))


def distinct_wordings(texts: Sequence[str]) -> int:
    count = Distinct(ALIKE_WORDING)
    return sum(count.add(wording(text)) for text in texts)


def distinct_embeddings(texts: Sequence[str], embed: Embed) -> int:
    """How many texts are left when those as near as `ALIKE_EMBEDDING` to an earlier one are taken as one."""
    kept: list[Vectors] = []
    for vector in embed(texts):
        if not kept or float(np.max(np.stack(kept) @ vector)) < ALIKE_EMBEDDING:
            kept.append(vector)
    return len(kept)


def asked(prompt: Prompt) -> str:
    """The last question of a prompt, as text."""
    content = prompt.messages[-1]["content"]
    return content if isinstance(content, str) else " ".join(str(part.get("text", "")) for part in content)
