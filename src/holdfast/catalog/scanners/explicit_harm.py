"""The explicit-harm scanner: forbidden questions, told by a small linear model of words that is shipped with the package.

The model is a logistic regression over some 1,500 words and word pairs of harm, and over what stands in company with them: who
is meant, whether a method is asked for, whether it shall go unseen. `benchmarks/fit_explicit_harm.py` fits it, on StrongREJECT
(MIT), SimpleSafetyTests (CC BY 4.0), GSM8K (MIT), IFEval (Apache-2.0) and sentences that it makes itself. The package holds
hashes and weights, no word list. `guard=MODEL` asks a guard model too (Llama Guard and its like), through its own chat
template, which reads replies as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, ClassVar

import numpy as np

from holdfast.core.contracts import ScanContext
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.flow.batch import ANCHOR_BITS, RowBatch, mix
from holdfast.flow.scan import OptionScanner

WINDOW = 48  # words that are scored together, so that a long text does not thin out what stands in it
READ_WORDS = 480  # of a turn
HARM = ("drug", "weapon", "kill", "hurt", "sex", "steal", "fraud", "cyber", "hate", "lie")
GROUPS = (*HARM, "people", "groups", "ask", "evasion", "first", "calm", "guard", "soft", "pair")
OF = {name: place for place, name in enumerate(GROUPS)}
# A window is looked at only if it holds a word of one of these; a pair counts as a group of its own.
GATE = [OF[name] for name in (*HARM, "groups", "pair")]
LATER = 1.0  # taken off the logit of windows after a turn's first: a long text has more of them to be wrong in
WORD = re.compile("[a-z0-9'\u0080-\U0010ffff]+")  # as `flow.batch` parts them


def pair_hashes(hashes: Any) -> Any:
    """The hash of each word with the next."""
    return mix(hashes[:-1] * np.uint64(3) + hashes[1:])


@dataclass(frozen=True)
class Lexicon:
    """Words and pairs by their hashes (sorted), and the groups that each belongs to (entries × groups)."""

    keys: Any
    bits: Any

    def hits(self, hashes: Any, bounds: Any) -> tuple[Any, Any]:
        """Where entries stand, by word, and which they are; pairs that reach into the next turn are none."""
        found = [(np.arange(len(hashes)), hashes)]
        if len(hashes) > 1:
            inside = np.ones(len(hashes) - 1, dtype=bool)
            ends = bounds[1:-1] - 1
            inside[ends[(ends >= 0) & (ends < len(inside))]] = False
            places = np.flatnonzero(inside)
            found.append((places, pair_hashes(hashes)[places]))
        places, keys = (np.concatenate(parts) for parts in zip(*found, strict=True))
        maybe = self.table[keys >> np.uint64(64 - ANCHOR_BITS)]
        places, keys = places[maybe], keys[maybe]
        entry = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        true = self.keys[entry] == keys
        order = np.argsort(places[true], kind="stable")
        return places[true][order], entry[true][order]

    @cached_property
    def table(self) -> Any:
        table = np.zeros(1 << ANCHOR_BITS, dtype=bool)
        table[self.keys >> np.uint64(64 - ANCHOR_BITS)] = True
        return table


@dataclass(frozen=True)
class Window:
    """A window with a word of harm in it: its turn, its first word, its entries, and what describes them together."""

    turn: int
    low: int
    entries: Any
    company: Any
    later: bool


def windows(lexicon: Lexicon, hashes: Any, bounds: Any) -> list[Window]:
    """The windows of every turn that hold a word of harm."""
    places, entries = lexicon.hits(hashes, bounds)
    gated = lexicon.bits[entries][:, GATE].any(axis=1)
    found = []
    for turn in np.unique(np.searchsorted(bounds, places[gated], "right") - 1).tolist():
        begin, length = int(bounds[turn]), min(int(bounds[turn + 1] - bounds[turn]), READ_WORDS)
        for low in range(begin, begin + max(length - WINDOW // 2, 1), WINDOW // 2):
            high = min(low + WINDOW, begin + length)
            first, last = np.searchsorted(places, (low, high))
            if gated[first:last].any():
                own = entries[first:last]
                found.append(
                    Window(turn, low, np.unique(own), company(lexicon.bits[own].sum(axis=0), high - low), low > begin)
                )
    return found


def company(counts: Any, size: int) -> Any:
    """What stands together in a window, as numbers: kinds of harm, who is meant, what is asked, and that it be unseen."""
    some = np.minimum(counts, 1).astype(float)
    harm, pairs = counts[: len(HARM)], float(counts[OF["pair"]])
    total, kinds = float(harm.sum()), float(some[: len(HARM)].sum())
    people, groups, ask, evasion, first, calm, guard, soft = (some[OF[name]] for name in GROUPS[len(HARM) : -1])
    any_harm = min(total, 1.0)
    return np.array([
        *np.minimum(harm, 2), any_harm, min(total, 4), min(kinds, 3), min(pairs, 4), min(pairs, 1), min(counts[OF["ask"]], 3), evasion,
        min(counts[OF["evasion"]], 3), first, min(counts[OF["calm"]], 4), calm, guard, guard * first, guard * ask, min(counts[OF["guard"]], 3), people, groups, groups * evasion, groups * some[OF["hate"]],
        groups * ask * any_harm, first * ask, first * evasion, ask * evasion, people * any_harm * ask, people * any_harm * first,
        people * any_harm * evasion, kinds * ask, kinds * first, 8 * total / max(size, 8), np.log1p(size) / 4, soft * any_harm,
        soft * ask * any_harm, soft * evasion, soft * (1 - any_harm),
    ])  # fmt: skip


@dataclass(frozen=True)
class Linear:
    """The fitted model: a weight for each entry and each number of `company`, and the logit that is reported."""

    lexicon: Lexicon
    entry_weights: Any
    company_weights: Any
    bias: float
    threshold: float

    def logit(self, window: Window) -> float:
        together = window.company @ self.company_weights
        return float(self.entry_weights[window.entries].sum() + together + self.bias - LATER * window.later)


@lru_cache(maxsize=1)
def shipped() -> Linear:
    """The model that comes with the package."""
    with np.load(str(files("holdfast.catalog.scanners").joinpath("explicit_harm.npz")), allow_pickle=False) as data:
        bits = (data["masks"][:, None] >> np.arange(len(GROUPS), dtype=np.uint32)) & np.uint32(1)
        lexicon = Lexicon(data["keys"], bits.astype(np.int64))
        weights = data["entry_weights"].astype(np.float64), data["company_weights"].astype(np.float64)
        return Linear(lexicon, *weights, float(data["bias"]), float(data["threshold"]))


def weighty(model: Linear, batch: RowBatch, window: Window, count: int = 3) -> list[str]:
    """The words of a window that weigh most, in the order in which they stand."""
    words, begin = batch.words, batch.words.bounds[window.turn]
    end = min(window.low + WINDOW, words.bounds[window.turn + 1])
    places, entries = model.lexicon.hits(words.hashes[window.low : end], np.array([0, end - window.low]))
    bits = model.lexicon.bits[entries]
    heavy = model.entry_weights[entries] + 2.0 * bits[:, GATE].any(axis=1) + 1.0 * bits[:, : len(HARM)].any(axis=1)
    chosen = sorted({int(places[i]) for i in np.argsort(-heavy, kind="stable")[:count]})
    texts = WORD.findall(batch.turns[window.turn].lower)
    return [texts[window.low - begin + place][:30] for place in chosen if window.low - begin + place < len(texts)]


# ---- the scanner ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ExplicitHarm(OptionScanner):
    """Its options: how sure the word model must be, and a guard model."""

    name = "explicit-harm"
    about = "forbidden questions, by a word model that is shipped; guard=MODEL for a guard model"
    labels: ClassVar[dict[str, str]] = {"harmful-request": "error", "guard-unsafe": "error", "guard-unread": "note"}
    false_alarm: ClassVar[dict[str, float]] = {"harmful-request": 0.01}
    blind = "replies (only with guard=MODEL), languages other than English, and harm without any word of harm"

    threshold: float | None = setting(
        None, "logit from which a question is reported; auto: as fitted", low=-20.0, high=20.0
    )
    guard: str | None = setting(None, "a guard model beside the word model: a folder or a hub id")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._guard: Any = None

    @property
    def needs_model(self) -> bool:  # type: ignore[override]
        return self.guard is not None

    def prepare(self, context: ScanContext) -> None:
        if self.guard and self._guard is None:
            # A guard needs torch; the word model does not.
            from holdfast.flow.guard import open_guard
            from holdfast.flow.models import ModelOptions

            self._guard = open_guard(self.guard, ModelOptions())

    def scan(self, batch: RowBatch) -> list[Finding]:
        model = shipped()
        least = model.threshold if self.threshold is None else self.threshold
        best: dict[int, tuple[float, Window]] = {}
        for window in windows(model.lexicon, batch.words.hashes, batch.words.bounds):
            turn = batch.turns[window.turn]
            if turn.role not in ("user", "text"):
                continue
            logit = model.logit(window)
            if logit >= least and (turn.row not in best or logit > best[turn.row][0]):
                best[turn.row] = (logit, window)
        found = []
        for row, (logit, window) in best.items():
            said = ", ".join(f"“{word}”" for word in weighty(model, batch, window))
            score = float(1 / (1 + np.exp(-(logit - model.threshold))))
            found.append(
                Finding(row, self.name, "harmful-request", score, f"reads as a forbidden request, most by {said}")
            )
        return [*found, *(self._guarded(self._guard, batch) if self._guard else ())]

    def _guarded(self, guard: Any, batch: RowBatch) -> list[Finding]:
        from holdfast.flow.guard import read_guard

        found = []
        for place, said in enumerate(guard.say([row.messages for row in batch.rows])):
            replied = any(message["role"] == "assistant" for message in batch.rows[place].messages)
            unsafe, why = (None, said.fault) if said.fault else read_guard(said.text, of_reply=replied)
            if unsafe:
                found.append(Finding(place, self.name, "guard-unsafe", 1.0, f"{self.guard} says “{said.text[:60]}”"))
            elif unsafe is None:
                found.append(Finding(place, self.name, "guard-unread", 0.5, f"{self.guard}: {why[:120]}"))
        return found


make = ExplicitHarm
