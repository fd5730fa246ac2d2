"""The explicit-harm scanner: forbidden requests, told by a small convolutional network of words.

Whether "kill" is harmful is said by the words around it: a boss, or a process; "how do I", or "what is the penalty
for". So the network reads words by their vectors (GloVe, Pennington et al. 2014, projected), with filters over one,
three and five words, the strongest of each in a window, and two layers above them (Kim 2014, 1408.5882). It is fitted
by `benchmarks/fit_explicit_harm.py` on sentences of our own writing alone, forbidden and harmless in the same words,
is shipped with the package, and holds no word list: hashes, vectors, weights.

Everything up to the strongest filters is whole numbers, small enough for float32 to hold exactly, so that a score does
not depend on what else is in the batch, nor on the machine. Only rows with a word that can be harmful are read by it.

Two labels: `harmful-request` (error) from a score that one plain row in two thousand reaches, `harm-suspected`
(warning) from a lower one, which four in a thousand reach. `guard=MODEL` asks a guard model too (Llama Guard and its
like), through its own chat template, which reads replies as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, ClassVar

import numpy as np

from holdfast.core.batch import Batch
from holdfast.core.contracts import UNMEASURED, Noise, ScanContext
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.scanning.engine import OptionScanner

WINDOW = 48  # words that are scored together, so that a long text does not thin out what stands in it
STEP = WINDOW // 2
READ_WORDS = 480  # of a turn
LATER = 0.5  # taken off the logit of windows after a row's first: a long text has more of them to be wrong in
WIDTHS = (1, 3, 5)  # words that a filter reads
GAP = max(WIDTHS)  # empty words between windows: no filter reads two of them, and each answers to nothing once
AT_ONCE = 16_384  # words that go through the filters together
POOLED = 4095  # the strongest filters are rounded to so many steps
WORD = re.compile("[a-z0-9'\u0080-\U0010ffff]+")  # as `data.batch` parts them
LONGEST_PHRASE = 6
PRICE = 0.015  # of all that a window carries: what a word more in a phrase must be worth
# Words that no reason begins or ends with.
FUNCTION_WORDS = frozenset(
    "a an and any anyone are as at be been being best but by can could dare did do does doing down for from get "
    "give go had has have he help her hers him his how i i'd i'll i'm i've if in instructions into is it it's its "
    "just let let's list make may me might mine must my no not of off on one or our out over please she should "
    "show so some someone step steps such tell than that that's the their them then there these they this those "
    "through to too under up us use using very want was way ways we were what what's when where which while who "
    "whom whose why will with within without would write you your".split()
)
MEASURED = "benchmarks/scan_quality.py, plain rows that were never fitted"


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
    def of(cls, batch: Batch) -> Asked:
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


# ---- the network ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pooled:
    """Of each window and filter: the strongest answer in steps (windows × filters), and the word at which it stood."""

    steps: Any
    at: Any


@dataclass(frozen=True)
class Network:
    """The fitted network.

    Word 0 is empty and word 1 unknown; the others are known by the upper half of their hash (sorted).

    vectors: words × numbers. filters: of each width, numbers × width × filters. Both hold whole numbers.
    """

    keys: Any
    vectors: Any
    sharp: Any  # whether a word can be harmful
    filters: tuple[Any, ...]
    shift: Any  # added to each filter, a whole number
    scale: Any  # from a filter's answer to steps
    hidden: Any
    hidden_bias: Any
    out: Any
    bias: float
    error: float
    warning: float

    def words(self, hashes: Any) -> Any:
        """The words of these hashes, by number."""
        upper = (hashes >> np.uint64(32)).astype(np.uint32)
        place = np.minimum(np.searchsorted(self.keys, upper), len(self.keys) - 1)
        return np.where(self.keys[place] == upper, place + 2, 1)

    def pooled(self, words: Any, low: Any, high: Any) -> Pooled:
        """The strongest answer of each filter in each window `words[low:high]`."""
        steps, at = zip(*self._parts(words, low, high), strict=True)
        return Pooled(np.concatenate(steps), np.concatenate(at))

    def _parts(self, words: Any, low: Any, high: Any) -> Iterator[tuple[Any, Any]]:
        ends = np.cumsum(high - low + GAP)
        cuts = np.searchsorted(ends, np.arange(AT_ONCE, ends[-1] + AT_ONCE, AT_ONCE), "left") + 1
        begin = 0
        for end in np.unique(np.minimum(cuts, len(low))).tolist():
            yield self._part(words, low[begin:end], high[begin:end])
            begin = end

    def _part(self, words: Any, low: Any, high: Any) -> tuple[Any, Any]:
        """Windows side by side, `GAP` empty words after each and before the first."""
        size = high - low
        starts = GAP + np.concatenate(([0], np.cumsum(size + GAP)[:-1]))
        laid = np.zeros(GAP + int((size + GAP).sum()), dtype=np.int64)
        within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
        laid[np.repeat(starts, size) + within] = words[np.repeat(low, size) + within]
        read = self.vectors[laid]
        answers = []
        for kernel, width in zip(self.filters, WIDTHS, strict=True):
            # A filter is named by the last word that it reads; before a window stand only empty words.
            reach = len(laid) - GAP
            answers.append(
                sum(read[GAP - back : GAP - back + reach] @ kernel[:, width - 1 - back] for back in range(width))
            )
        answer = np.concatenate(answers, axis=1) + self.shift
        first = starts - GAP
        best = np.maximum.reduceat(answer, first, axis=0)
        at = self._first_at(answer, best, first, size + GAP)
        return np.rint(np.clip(best * self.scale, 0, POOLED)), at

    @staticmethod
    def _first_at(answer: Any, best: Any, first: Any, size: Any) -> Any:
        """Where in its window each strongest answer stands, counted from the window's first word."""
        place = np.arange(len(answer)) - np.repeat(first, size)
        held = np.where(answer == np.repeat(best, size, axis=0), place[:, None], len(answer))
        return np.minimum.reduceat(held, first, axis=0)

    def above(self, steps: Any) -> tuple[Any, Any]:
        """The two upper layers: the logit of each window, and the hidden answers."""
        hidden = np.maximum(steps.astype(np.float64) @ self.hidden + self.hidden_bias, 0.0)
        return (hidden * self.out).sum(axis=1) + self.bias, hidden

    def logits(self, asked: Asked) -> tuple[Windows, Any]:
        """The windows of these words, and the logit of each; minus infinity where no word can be harmful."""
        windows = Windows(asked)
        logit = np.full(len(windows), -np.inf)
        words = self.words(asked.hashes)
        sharp = np.concatenate(([0], np.cumsum(self.sharp[words])))
        looked = np.flatnonzero(sharp[windows.high] > sharp[windows.low])
        if len(looked):
            steps = self.pooled(words, windows.low[looked], windows.high[looked]).steps
            logit[looked] = np.round(self.above(steps)[0] - LATER * windows.later[looked], 4)
        return windows, logit

    def carries(self, words: Any) -> Any:
        """How much of a window's logit each word carries: the logit taken apart along the strongest filters."""
        pooled = self.pooled(words, np.array([0]), np.array([len(words)]))
        _, hidden = self.above(pooled.steps)
        slope = self.hidden @ np.where(hidden[0] > 0, self.out, 0.0) * self.scale * (pooled.steps[0] > 0)
        padded = np.concatenate((np.zeros(GAP, dtype=np.int64), words, np.zeros(GAP, dtype=np.int64)))
        carried, begin = np.zeros(len(padded)), 0
        for kernel, width in zip(self.filters, WIDTHS, strict=True):
            mine = slice(begin, begin + kernel.shape[2])
            begin += kernel.shape[2]
            for back in range(width):
                place = pooled.at[0][mine] + GAP - back
                given = (self.vectors[padded[place]] * kernel[:, width - 1 - back].T).sum(axis=1) * slope[mine]
                np.add.at(carried, place, given)
        return carried[GAP : GAP + len(words)]


@lru_cache(maxsize=1)
def shipped() -> Network:
    """The network that comes with the package."""
    with np.load(str(files("holdfast.catalog.scanners").joinpath("explicit_harm.npz")), allow_pickle=False) as data:
        whole = {
            name: data[name].astype(np.float32)
            for name in ("vectors", "shift", "scale", *(f"filters{w}" for w in WIDTHS))
        }
        sharp = np.unpackbits(data["sharp"])[: len(data["vectors"])].astype(np.int64)
        return Network(
            data["keys"],
            whole["vectors"],
            sharp,
            tuple(whole[f"filters{w}"] for w in WIDTHS),
            whole["shift"],
            whole["scale"],
            data["hidden"].astype(np.float64),
            data["hidden_bias"],
            data["out"],
            *(float(data[n]) for n in ("bias", "error", "warning")),
        )


def phrase(texts: list[str], carried: Any) -> str:
    """The short run of words that carries most; it neither begins nor ends with a function word."""
    content = [text not in FUNCTION_WORDS and len(text) > 1 for text in texts]
    if not any(content):
        return " ".join(texts[:LONGEST_PHRASE])
    sums = np.concatenate(([0.0], np.cumsum(np.maximum(carried, 0.0))))
    best, found = -np.inf, (0, 1)
    for i in (i for i, has in enumerate(content) if has):
        for j in (j for j in range(i, min(i + LONGEST_PHRASE, len(texts))) if content[j]):
            worth = sums[j + 1] - sums[i] - PRICE * sums[-1] * (j - i)  # a longer phrase must be worth its words
            if worth > best:
                best, found = worth, (i, j + 1)
    return " ".join(texts[found[0] : found[1]])


def spoken(batch: Batch, asked: Asked, low: int, high: int) -> list[str]:
    """The words of a window as text, cut to a length."""
    read: dict[int, list[str]] = {}
    said = []
    for place in asked.places[low:high].tolist():
        turn = int(batch.words.turn[place])
        texts = read.setdefault(turn, WORD.findall(batch.turns[turn].lower))
        at = place - int(batch.words.bounds[turn])
        said.append(texts[at][:30] if at < len(texts) else "")
    return said


# ---- the scanner ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ExplicitHarm(OptionScanner):
    """Its options: the logits from which a request is reported, and a guard model."""

    name = "explicit-harm"
    about = "forbidden requests, by a small network that is shipped; guard=MODEL for a guard model"
    labels: ClassVar[dict[str, str]] = {
        "harmful-request": "error",
        "harm-suspected": "warning",
        "guard-unsafe": "warning",
        "guard-unread": "note",
    }
    false_alarm: ClassVar[dict[str, Noise]] = {
        "harmful-request": Noise(3, 6830, MEASURED, 0.61),
        "harm-suspected": Noise(24, 6830, MEASURED, 0.14),
        "guard-unsafe": UNMEASURED,
    }
    blind = "replies (only with guard=MODEL), languages other than English, short requests within long harmless texts"

    threshold: float | None = setting(
        None, "logit from which a request is an error; auto: as fitted", low=-20.0, high=20.0
    )
    suspected: float | None = setting(
        None, "logit from which a request is a warning; auto: as fitted", low=-20.0, high=20.0
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
            from holdfast.judging.guard import open_guard
            from holdfast.models.load import ModelOptions

            self._guard = open_guard(self.guard, ModelOptions())

    def scan(self, batch: Batch) -> list[Finding]:
        network = shipped()
        sure = network.error if self.threshold is None else self.threshold
        least = min(sure, network.warning) if self.suspected is None else self.suspected
        asked = Asked.of(batch)
        windows, logits = network.logits(asked)
        best: dict[int, int] = {}
        for at in np.flatnonzero(logits >= min(least, sure)).tolist():
            row = int(windows.row[at])
            if row not in best or logits[at] > logits[best[row]]:
                best[row] = at
        found = []
        for row, at in best.items():
            low, high = int(windows.low[at]), int(windows.high[at])
            said = phrase(spoken(batch, asked, low, high), network.carries(network.words(asked.hashes[low:high])))
            score = float(1 / (1 + np.exp(-np.clip(logits[at], -30, 30))))
            label, sounds = ("harmful-request", "reads") if logits[at] >= sure else ("harm-suspected", "may read")
            found.append(Finding(row, self.name, label, score, f"{sounds} as a forbidden request: “{said}”"))
        return [*found, *(self._guarded(self._guard, batch) if self._guard else ())]

    def _guarded(self, guard: Any, batch: Batch) -> list[Finding]:
        from holdfast.judging.guard import read_guard

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
