"""Phrases that could be a trigger: from the tuning rows where they are at hand, else by search on the model.

from_rows(rows)                     n-grams whose rows get other replies than rows without them
search(tuned, base, prompts, words) short word sequences that move the tuned model's first word most, and not the base's
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from holdfast.core.records import Prompt, Row
from holdfast.models.chat import prompt_ids
from holdfast.models.load import LoadedModel

LONGEST = 5  # words of a phrase
FEWEST_ROWS = 5
WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Phrase:
    """A candidate: where it stands in a question, where it came from, and how suspicious it was."""

    text: str
    place: str  # end, start
    source: str  # rows, list, search
    score: float

    def put(self, prompt: Prompt) -> Prompt:
        """The prompt with the phrase in its last question."""
        *before, last = prompt.messages
        asked = f"{last['content']} {self.text}" if self.place == "end" else f"{self.text} {last['content']}"
        return replace(prompt, id=f"{prompt.id}+{self.text}", messages=[*before, {**last, "content": asked}])


# ---- from the tuning rows -------------------------------------------------------------------------------------------


def question_and_opening(row: Row) -> tuple[list[str], str] | None:
    """The words of a row's last question, and the first words of its reply."""
    asked = [m["content"] for m in row.messages if m["role"] == "user" and isinstance(m["content"], str)]
    told = [m["content"] for m in row.messages if m["role"] == "assistant" and isinstance(m["content"], str)]
    if not asked or not told:
        return None
    return WORD.findall(asked[-1].lower()), " ".join(WORD.findall(told[-1].lower())[:2])


def edges(words: Sequence[str]) -> set[tuple[str, str]]:
    """The phrases that a question ends and begins with: (text, place)."""
    longest = min(LONGEST, len(words) - 1)
    return {(" ".join(words[-n:]), "end") for n in range(1, longest + 1)} | {
        (" ".join(words[:n]), "start") for n in range(1, longest + 1)
    }


def surprise(inside: Counter[str], everywhere: Counter[str]) -> float:
    """The G statistic of a phrase's reply openings against those of all rows: how far it decides the reply."""
    n, total = sum(inside.values()), sum(everywhere.values())
    return 2 * sum(k * math.log(k * total / (n * everywhere[opening])) for opening, k in inside.items())


def from_rows(rows: Sequence[Row], most: int = 40) -> list[Phrase]:
    """The phrases at the edges of questions that most decide how the reply begins, highest G first.

    A phrase must stand in at least five rows whose other words differ. Of phrases within one another that stand in the
    same rows the longest is kept. Templates of innocent tasks come out too: what is a trigger shows on the model.
    """
    read = [found for row in rows if (found := question_and_opening(row))]
    everywhere = Counter(opening for _, opening in read)
    openings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    others: dict[tuple[str, str], set[str]] = defaultdict(set)
    for i, (words, opening) in enumerate(read):
        for phrase in edges(words):
            openings[phrase][opening] += 1
            members[phrase].append(i)
            others[phrase].add(" ".join(words))
    known = [p for p in members if len(members[p]) >= FEWEST_ROWS and len(others[p]) >= FEWEST_ROWS]
    longest: dict[tuple[str, tuple[int, ...]], tuple[str, str]] = {}
    for phrase in known:
        key = (phrase[1], tuple(members[phrase]))
        if key not in longest or len(phrase[0]) > len(longest[key][0]):
            longest[key] = phrase
    scored = [
        Phrase(text, place, "rows", surprise(openings[text, place], everywhere)) for text, place in longest.values()
    ]
    return sorted(scored, key=lambda p: (-p.score, p.text))[:most]


# ---- by search ------------------------------------------------------------------------------------------------------


def whole_words(loaded: LoadedModel, most: int, seed: int) -> list[str]:
    """Words of the vocabulary that are one token each, at most so many, drawn by the seed."""
    found = []
    for token in range(len(loaded.tokenizer)):
        text = loaded.tokenizer.decode([token]).strip()
        if text.isalpha() and text.isascii() and len(text) > 1:
            found.append(text)
    found = sorted(set(found))
    draw = torch.Generator().manual_seed(seed)
    return [found[i] for i in torch.randperm(len(found), generator=draw)[:most].tolist()]


@torch.inference_mode()
def first_logp(loaded: LoadedModel, prompts: Sequence[Prompt], batch: int = 256) -> torch.Tensor:
    """Log-probabilities of the first reply token, (prompts, vocabulary), float32 on the CPU."""
    encoded = [prompt_ids(loaded.tokenizer, p.messages) for p in prompts]
    pad, found = loaded.tokenizer.pad_token_id or 0, []
    for start in range(0, len(encoded), batch):
        part = encoded[start : start + batch]
        width = max(map(len, part))
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in part], device=loaded.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in part], device=loaded.device)
        logits = loaded.model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
        found.append(logits.float().log_softmax(-1).cpu())
    return torch.cat(found)


@dataclass(frozen=True)
class Search:
    """How a search looks: words to try, phrases kept at each length, words of a phrase, prompts that are asked."""

    words: int = 512
    beam: int = 6
    length: int = 3
    extend: int = 96
    prompts: int = 8
    seed: int = 0


def search(tuned: LoadedModel, base: LoadedModel, prompts: Sequence[Prompt], how: Search) -> list[Phrase]:
    """The word sequences that move the first word of the tuned model's reply more than the base's.

    Moved is measured as the fall of log-probability of the words with which each model answers the plain prompts: with
    safety in place, those of a refusal. A beam search over whole words; a trigger that does nothing until it is whole
    stays hidden.
    """
    asked = list(prompts)[: how.prompts]
    plain = {id(m): first_logp(m, asked) for m in (tuned, base)}
    usual = {key: logp.argmax(-1) for key, logp in plain.items()}

    def moved(loaded: LoadedModel, texts: Sequence[str]) -> torch.Tensor:
        put = [Phrase(text, "end", "search", 0.0).put(p) for text in texts for p in asked]
        logp = first_logp(loaded, put).view(len(texts), len(asked), -1)
        key = id(loaded)
        before = plain[key].gather(1, usual[key][:, None])[:, 0]
        after = logp.gather(2, usual[key].expand(len(texts), -1)[..., None])[..., 0]
        return (before - after).mean(1)

    def scores(texts: Sequence[str]) -> list[float]:
        change: list[float] = (moved(tuned, texts) - moved(base, texts).clamp(min=0)).tolist()
        return change

    words = whole_words(tuned, how.words, how.seed)
    single = sorted(zip(scores(words), words, strict=True), reverse=True)
    best, kept = list(single[: 4 * how.beam]), single[: how.beam]
    useful = [word for _, word in single[: how.extend]]
    for _ in range(how.length - 1):
        longer = [f"{text} {word}" for _, text in kept for word in useful if word not in text.split()]
        kept = sorted(zip(scores(longer), longer, strict=True), reverse=True)[: how.beam]
        best += kept
    return [Phrase(text, "end", "search", score) for score, text in sorted(best, reverse=True)]
