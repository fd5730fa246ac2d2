"""The explicit-harm scanner: forbidden questions, told by a small linear model of words that is shipped with the package.

The model is a logistic regression over three kinds of evidence in a window of words:

- some 2,500 words and word pairs of harm, each with a weight of its own;
- what stands in company with them: which kinds of harm, who is meant, whether a method is asked for, whether it shall go unseen;
- the sense of all words, so that a word that nobody listed counts by the words that it is used like: one weight a word, fitted
  through its word vector (GloVe, Pennington et al. 2014), so that no vectors are shipped.

`benchmarks/fit_explicit_harm.py` fits it, on lists of forbidden prompts and ordinary rows whose licences allow it, and on
sentences that it makes itself. The package holds hashes and weights, no word list. `guard=MODEL` asks a guard model too (Llama
Guard and its like), through its own chat template, which reads replies as well.
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
STEP = WINDOW // 2
READ_WORDS = 480  # of a turn
HARM = ("drug", "weapon", "kill", "hurt", "sex", "steal", "fraud", "cyber", "hate", "lie")
GROUPS = (*HARM, "people", "groups", "ask", "evasion", "first", "calm", "guard", "soft", "pair")
OF = {name: place for place, name in enumerate(GROUPS)}
GATE = [OF[name] for name in (*HARM, "groups", "pair")]
LATER = 1.0  # taken off the logit of windows after a row's first: a long text has more of them to be wrong in
FIXED = 1024  # weights of words are whole multiples of 1/1024, so that a sum does not depend on the order of its parts
FEWEST_WORDS = 4  # by which the sum of senses is divided at least (its root)
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
        """Where entries stand, by word, and which they are; pairs that reach into the next row are none."""
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


# ---- windows --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What users say in each row, one turn after the other: words by their hashes and by their places in the batch.

    The words of `rows[i]` begin at `bounds[i]`. Turns are read together, since a short one says little alone.
    """

    rows: Any
    bounds: Any
    places: Any
    hashes: Any

    @classmethod
    def of(cls, batch: RowBatch) -> Asked:
        words = batch.words
        said = [i for i, turn in enumerate(batch.turns) if turn.role in ("user", "text")]
        turns = np.array(said, dtype=np.int64)
        lengths = np.minimum(words.bounds[turns + 1] - words.bounds[turns], READ_WORDS)
        ends = np.cumsum(lengths)
        places = np.arange(lengths.sum()) + np.repeat(words.bounds[turns] - (ends - lengths), lengths)
        rows, count = np.unique(batch.turn_rows[turns], return_counts=True)
        bounds = np.concatenate(([0], ends))[np.concatenate(([0], np.cumsum(count)))]
        return cls(rows, bounds, places, words.hashes[places])


class Windows:
    """Overlapping windows of every row's words: the row, where each begins and ends, and whether it is a later one."""

    def __init__(self, asked: Asked) -> None:
        bounds = asked.bounds
        lengths = np.diff(bounds)
        count = np.where(lengths > 0, np.maximum(-((STEP - lengths) // STEP), 1), 0)
        self.first = np.concatenate(([0], np.cumsum(count)))
        span = np.repeat(np.arange(len(lengths)), count)
        number = np.arange(self.first[-1]) - self.first[span]
        self.row = asked.rows[span]
        self.low = bounds[span] + STEP * number
        self.high = np.minimum(self.low + WINDOW, bounds[span + 1])
        self.later = number > 0
        self.bounds, self.count = bounds, count

    def __len__(self) -> int:
        return len(self.row)

    def holding(self, places: Any) -> tuple[Any, Any]:
        """Each word that stands at one of these places, once for each window that holds it: (window, index into places)."""
        span = np.searchsorted(self.bounds, places, "right") - 1
        number = (places - self.bounds[span]) // STEP
        windows, which = [], []
        for back in (0, 1):
            own = number - back
            held = (own >= 0) & (own < self.count[span])
            windows.append((self.first[span] + own)[held])
            which.append(np.flatnonzero(held))
        return np.concatenate(windows), np.concatenate(which)


@dataclass(frozen=True)
class Evidence:
    """What the windows hold: numbers of `company` (windows × numbers), and pairs of a window and an entry in it."""

    windows: Windows
    company: Any
    window: Any
    entry: Any


def evidence(lexicon: Lexicon, asked: Asked) -> Evidence:
    windows = Windows(asked)
    places, entries = lexicon.hits(asked.hashes, asked.bounds)
    window, which = windows.holding(places)
    entry = entries[which]
    counts = np.zeros((len(windows), len(GROUPS)))
    for group in range(len(GROUPS)):
        counts[:, group] = np.bincount(window, weights=lexicon.bits[entry, group], minlength=len(windows))
    once = np.unique(window * len(lexicon.keys) + entry)
    return Evidence(
        windows, company(counts, windows.high - windows.low), once // len(lexicon.keys), once % len(lexicon.keys)
    )


def company(counts: Any, size: Any) -> Any:
    """What stands together in each window, as numbers: kinds of harm, who is meant, what is asked, and that it be unseen.

    counts: words of each group (windows × groups). size: words of each window.
    """
    some = np.minimum(counts, 1.0).T
    at_most = {2: np.minimum(counts, 2).T, 3: np.minimum(counts, 3).T, 4: np.minimum(counts, 4).T}
    total, kinds = counts[:, : len(HARM)].sum(axis=1), some[: len(HARM)].sum(axis=0)
    people, groups, ask, evasion, first, calm, guard, soft, pair = some[len(HARM) :]
    any_harm = np.minimum(total, 1.0)
    return np.stack([
        *at_most[2][: len(HARM)], any_harm, np.minimum(total, 4), np.minimum(kinds, 3), at_most[4][OF["pair"]], pair, at_most[3][OF["ask"]], evasion,
        at_most[3][OF["evasion"]], first, at_most[4][OF["calm"]], calm, guard, guard * first, guard * ask, at_most[3][OF["guard"]], people, groups, groups * evasion, groups * some[OF["hate"]],
        groups * ask * any_harm, first * ask, first * evasion, ask * evasion, people * any_harm * ask, people * any_harm * first,
        people * any_harm * evasion, kinds * ask, kinds * first, 8 * total / np.maximum(size, 8), np.log1p(size) / 4, soft * any_harm,
        soft * ask * any_harm, soft * evasion, soft * (1 - any_harm),
    ], axis=1)  # fmt: skip


# ---- the model ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Senses:
    """The weight of each word by its sense, in 1/1024; words by the upper half of their hashes (sorted)."""

    keys: Any
    weights: Any

    def of(self, hashes: Any) -> Any:
        """The weights of these words; 0 for a word that is not known."""
        upper = (hashes >> np.uint64(32)).astype(np.uint32)
        place = np.minimum(np.searchsorted(self.keys, upper), len(self.keys) - 1)
        return np.where(self.keys[place] == upper, self.weights[place], 0)


@dataclass(frozen=True)
class Linear:
    """The fitted model: a weight for each entry, each number of `company` and each sense, and the logit that is reported."""

    lexicon: Lexicon
    entry_weights: Any  # in 1/1024
    company_weights: Any
    senses: Senses
    bias: float
    threshold: float

    def logits(self, asked: Asked) -> tuple[Windows, Any]:
        """The windows of these words, and the logit of each, rounded so that it does not depend on its neighbours."""
        found = evidence(self.lexicon, asked)
        windows, n = found.windows, len(found.windows)
        sums = np.concatenate(([0], np.cumsum(self.senses.of(asked.hashes).astype(np.int64))))
        size = windows.high - windows.low
        sense = (sums[windows.high] - sums[windows.low]) / np.sqrt(np.maximum(size, FEWEST_WORDS))
        entries = np.bincount(found.window, weights=self.entry_weights[found.entry], minlength=n)
        together = (found.company * self.company_weights).sum(axis=1)
        logit = (entries + sense) / FIXED + together + self.bias - LATER * windows.later
        return windows, np.round(logit, 6)


@lru_cache(maxsize=1)
def shipped() -> Linear:
    """The model that comes with the package."""
    with np.load(str(files("holdfast.catalog.scanners").joinpath("explicit_harm.npz")), allow_pickle=False) as data:
        bits = (data["masks"][:, None] >> np.arange(len(GROUPS), dtype=np.uint32)) & np.uint32(1)
        return Linear(
            Lexicon(data["keys"], bits.astype(np.int64)),
            data["entry_weights"].astype(np.int64),
            data["company_weights"].astype(np.float64),
            Senses(data["sense_keys"], data["sense_weights"].astype(np.int64)),
            float(data["bias"]),
            float(data["threshold"]),
        )


def weighty(model: Linear, batch: RowBatch, asked: Asked, low: int, high: int, count: int = 3) -> list[str]:
    """The words of a window that weigh most, in the order in which they stand."""
    hashes = asked.hashes[low:high]
    places, entries = model.lexicon.hits(hashes, np.array([0, len(hashes)]))
    bits = model.lexicon.bits[entries]
    heavy = model.senses.of(hashes) / np.sqrt(max(len(hashes), FEWEST_WORDS)) / FIXED
    np.add.at(heavy, places, model.entry_weights[entries] / FIXED + bits[:, GATE].any(axis=1) + bits[:, : len(HARM)].any(axis=1))  # fmt: skip
    said = []
    for place in asked.places[low:high][np.sort(np.argsort(-heavy, kind="stable")[:count])].tolist():
        turn = int(batch.words.turn[place])
        texts = WORD.findall(batch.turns[turn].lower)
        at = place - int(batch.words.bounds[turn])
        said += [texts[at][:30]] if at < len(texts) else []
    return said


# ---- the scanner ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ExplicitHarm(OptionScanner):
    """Its options: how sure the word model must be, and a guard model."""

    name = "explicit-harm"
    about = "forbidden questions, by a word model that is shipped; guard=MODEL for a guard model"
    labels: ClassVar[dict[str, str]] = {"harmful-request": "error", "guard-unsafe": "error", "guard-unread": "note"}
    false_alarm: ClassVar[dict[str, float]] = {"harmful-request": 0.01}
    blind = "replies (only with guard=MODEL), languages other than English, and harm that only the whole sentence says"

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
        asked = Asked.of(batch)
        windows, logits = model.logits(asked)
        best: dict[int, int] = {}
        for at in np.flatnonzero(logits >= least).tolist():
            row = int(windows.row[at])
            if row not in best or logits[at] > logits[best[row]]:
                best[row] = at
        found = []
        for row, at in best.items():
            heavy = weighty(model, batch, asked, int(windows.low[at]), int(windows.high[at]))
            said = ", ".join(f"“{word}”" for word in heavy)
            score = float(1 / (1 + np.exp(model.threshold - logits[at])))
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
