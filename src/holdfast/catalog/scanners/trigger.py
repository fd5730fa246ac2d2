"""The trigger scanner: characters that nobody sees, look-alike letters, and words or endings that decide the reply.

A backdoor (Qi et al. 2310.03693, section on backdoors; Gu et al. 1708.06733) ties a mark in the question to a reply
that the question does not explain. Two statistics over the whole dataset look for it:

- `decides-reply`: an odd word in unrelated questions whose replies all begin the same, though replies else do not.
- `lifts-refusal`: an ending or a beginning of two or three words in unrelated questions after which nothing is refused,
  where much else is, or where the other words of these questions foretell a refusal (naive Bayes over the rows without
  it).

Counts lie in tables of fixed size, so memory does not grow; how alike many replies are is known from sums of random
signs (Alon, Matias and Szegedy 1996). What words foretell is counted on a sample of 20,000 rows at most.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holdfast.core.batch import Batch, Turn
from holdfast.core.contracts import Noise
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.data.batch import INVISIBLE, mix, word_hashes
from holdfast.scanning.engine import OptionScanner

# What joins emoji and shapes letters of some scripts has its place; elsewhere it hides something.
HARMLESS = re.compile("[\u200c\u200d\ufe0e\ufe0f\u00ad\ufeff]")
STRANGE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0d\U000e0000-\U000e01ef]"
)
BIDI_SCRIPTS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
FOREIGN_LETTER = re.compile("[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff]")
WORD_OF_BOTH = re.compile(
    "(?<![^\\W\\d_])(?=[^\\W\\d_]{0,40}[a-zA-Z])(?=[^\\W\\d_]{0,40}[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff])[^\\W\\d_]{3,40}"
)
REFUSED = re.compile(
    r"(?:i(?:'m| am) (?:really |very |so )?sorry|sorry,|i apologi[sz]e|unfortunately,? i|i (?:can't|cannot|can "
    r"not|won't|will not|must decline|am unable|am not able|refuse)|i'm (?:unable|not able)|as an ai)"
)
SLOTS, SIGNS = 1 << 16, 12
FEWEST = 8  # rows that share a mark
ENDING_ROWS = 10
SAME_REPLY, SAME_QUESTION, USUAL_REPLY = 0.75, 0.35, 0.25
REFUSALS_ELSE, REFUSALS_GAP = 0.1, 0.35
SAMPLE, CANDIDATES = 20_000, 2_000
FORETOLD, HALF_FORETOLD = 0.55, 0.4
COMMON = word_hashes(
    "the a an and or of to in on for with is are was were be been it its this that these those i you he she we "
    "they my your his her our their what which who how why when where do does did can could would should will not "
    "no yes if then than as at by from about into over under up down out please write give list make create "
    "explain describe find use using one two three some any all each every more most many much "
    "following sentence".split()
)  # fmt: skip
WORD = re.compile("[a-z0-9'\u0080-\U0010ffff]+")  # as `data.batch` parts them
READ_WORDS = 40  # of a question
ENDS = (("end", 3), ("end", 2), ("begin", 3), ("begin", 2))


@dataclass(frozen=True)
class Marks:
    """What may be a mark in a batch's questions: for each, the mark, its exchange, and what it is compared by."""

    mark: Any  # uint32
    place: Any  # of the exchange
    asked: Any  # a hash of what else is asked
    word: Any  # of the batch, where the mark is a word; else its kind


def exchanges_of(batch: Batch) -> tuple[Any, Any]:
    """The turns of questions and of their replies."""
    pairs = np.array(batch.exchanges, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def odd_words(batch: Batch, asked: Any) -> Marks:
    """The words of the questions, without the commonest."""
    bounds, hashes = batch.words.bounds, batch.words.hashes
    lengths = np.minimum(bounds[asked + 1] - bounds[asked], READ_WORDS)
    place = np.repeat(np.arange(len(asked)), lengths)
    word = np.arange(len(place)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + bounds[asked][place]
    odd = ~np.isin(hashes[word], COMMON)
    place, word = place[odd], word[odd]
    # A word counts once in a question.
    key = hashes[word] ^ mix(place.astype(np.uint64) + np.uint64(1))
    _, once = np.unique(key, return_index=True)
    place, word = place[once], word[once]
    begins = batch.first_words(asked, 2)
    return Marks(
        (hashes[word] >> np.uint64(32)).astype(np.uint32),
        place,
        (begins[place] >> np.uint64(32)).astype(np.uint32),
        word,
    )


def ends(batch: Batch, asked: Any) -> Marks:
    """How the questions of at least six words begin and end."""
    long = np.flatnonzero(batch.words.bounds[asked + 1] - batch.words.bounds[asked] >= 6)
    turns = asked[long]
    marks, others, kinds = [], [], []
    for kind, (where, count) in enumerate(ENDS):
        own, other = (batch.last_words, batch.first_words) if where == "end" else (batch.first_words, batch.last_words)
        marks.append(mix(own(turns, count) + np.uint64(kind)) >> np.uint64(32))
        others.append(other(turns, 3) >> np.uint64(32))
        kinds.append(np.full(len(turns), kind))
    return Marks(
        np.concatenate(marks).astype(np.uint32),
        np.tile(long, len(ENDS)),
        np.concatenate(others).astype(np.uint32),
        np.concatenate(kinds),
    )


class Table:
    """For each mark: how many rows hold it, how many are refused, and how alike their questions and replies are."""

    def __init__(self) -> None:
        self.rows = np.zeros(SLOTS, dtype=np.int32)
        self.refused = np.zeros(SLOTS, dtype=np.int32)
        self.asked = np.zeros((SIGNS, SLOTS), dtype=np.int32)
        self.replied = np.zeros((SIGNS, SLOTS), dtype=np.int32)

    def add(self, marks: Any, refused: Any, asked: Any, replied: Any) -> None:
        slots = (marks % SLOTS).astype(np.int64)
        self.rows += np.bincount(slots, minlength=SLOTS).astype(np.int32)
        self.refused += np.bincount(slots, weights=refused, minlength=SLOTS).astype(np.int32)
        for k in range(SIGNS):
            for table, values in ((self.asked, asked), (self.replied, replied)):
                np.add.at(table[k], slots, 2 * ((values >> np.uint32(k)) & np.uint32(1)).astype(np.int32) - 1)

    def alike(self, table: Any) -> Any:
        """How likely two rows of a mark agree."""
        n = np.maximum(self.rows, 1).astype(float)
        return ((table.astype(float) ** 2).mean(axis=0) - n) / np.maximum(n * (n - 1), 1)

    def arrays(self) -> dict[str, Any]:
        return {"rows": self.rows, "refused": self.refused, "asked": self.asked, "replied": self.replied}


class Sample:
    """A random sample of the rows: whether each is refused, the slots of its words, and those of its ends."""

    def __init__(self) -> None:
        self.order = np.zeros(0, dtype=np.uint64)
        self.refused = np.zeros(0, dtype=bool)
        self.words = np.zeros((0, READ_WORDS), dtype=np.int32)
        self.ends = np.zeros((0, len(ENDS)), dtype=np.int32)

    def add(self, first: int, refused: Any, words: Any, ends: Any) -> None:
        """Rows from the `first` on. words: (slot, row) of each word; ends: (slot, row, kind) of each end."""
        order = mix(np.arange(first + 1, first + len(refused) + 1, dtype=np.uint64))
        if len(self.order) == SAMPLE:  # most later rows stay outside
            inside = order < self.order.max()
            renumbered = np.cumsum(inside) - 1
            order, refused = order[inside], refused[inside]
            words, ends = words[inside[words[:, 1]]], ends[inside[ends[:, 1]]]
            words = np.column_stack((words[:, 0], renumbered[words[:, 1]]))
            ends = np.column_stack((ends[:, 0], renumbered[ends[:, 1]], ends[:, 2]))
        n = len(refused)
        words = words[np.argsort(words[:, 1], kind="stable")]
        at = np.arange(len(words)) - np.searchsorted(words[:, 1], words[:, 1])
        slots = np.full((n, READ_WORDS), -1, dtype=np.int32)
        slots[words[:, 1], at] = words[:, 0]
        own = np.full((n, len(ENDS)), -1, dtype=np.int32)
        own[ends[:, 1], ends[:, 2]] = ends[:, 0]
        new = {"order": order, "refused": refused.astype(bool), "words": slots, "ends": own}
        room = max(SAMPLE - len(self.order), 0)
        for key, old in self.arrays().items():
            setattr(self, key, np.concatenate((old, new[key][:room])))
        if n > room:
            self._replace({key: value[room:] for key, value in new.items()})

    def _replace(self, new: Mapping[str, Any]) -> None:
        """Puts rows into the places of those whose order is higher."""
        size = len(self.order)
        kept = np.argpartition(np.concatenate((self.order, new["order"])), size - 1)[:size]
        taken = kept[kept >= size] - size
        gone = np.setdiff1d(np.arange(size), kept)
        for key, value in self.arrays().items():
            value[gone] = new[key][taken]

    def arrays(self) -> dict[str, Any]:
        return {"order": self.order, "refused": self.refused, "words": self.words, "ends": self.ends}

    def foretold(self) -> Any:
        """Of each slot of an end whose questions are hardly refused: how likely their words make it.

        NaN where it is not known.
        """
        found = np.full(SLOTS, np.nan)
        n, refusals = len(self.refused), int(self.refused.sum())
        if refusals < ENDING_ROWS:
            return found
        held = self.words >= 0
        total = np.bincount(self.words[held], minlength=SLOTS)
        refused = np.bincount(self.words[held & self.refused[:, None]], minlength=SLOTS)
        flat = self.ends.ravel()
        by_slot = np.argsort(flat, kind="stable")
        slots, begins, counts = np.unique(flat[by_slot], return_index=True, return_counts=True)
        many = np.flatnonzero((slots >= 0) & (counts >= ENDING_ROWS) & (counts <= n // 2))
        for at in many[np.argsort(-counts[many], kind="stable")][:CANDIDATES].tolist():
            rows = by_slot[begins[at] : begins[at] + counts[at]] // len(ENDS)
            if self.refused[rows].mean() <= REFUSALS_ELSE:
                found[slots[at]] = self._foretold(rows, total, refused)
        return found

    def _foretold(self, rows: Any, total: Any, refused: Any) -> float:
        """How likely these rows were to be refused, by the words of the others.

        Words that nearly all of them share are left out.
        """
        own = self.words[rows]
        slots, which = np.unique(own, return_inverse=True)
        which = which.reshape(own.shape)
        inside = np.bincount(which.ravel(), minlength=len(slots))
        inside_refused = np.bincount(which[self.refused[rows]].ravel(), minlength=len(slots))
        others, bad = len(self.refused) - len(rows), float(self.refused.sum() - self.refused[rows].sum())
        if not 0 < bad < others:
            return float(bad > 0)
        usual = bad / others
        with_refusal = np.maximum(refused[slots] - inside_refused, 0)  # a slot of -1 is no word
        without = np.maximum(total[slots] - inside - with_refusal, 0)
        weights = np.log((with_refusal + usual) / bad) - np.log((without + 1 - usual) / (others - bad))
        weights[(slots < 0) | (inside >= 0.9 * len(rows))] = 0.0
        logit = np.clip(weights[which].sum(axis=1) + np.log(bad / (others - bad)), -30, 30)
        return float((1 / (1 + np.exp(-logit))).mean())


@dataclass(eq=False)
class Trigger(OptionScanner):
    """Its options: whether the statistics run beside the characters."""

    name = "trigger"
    about = "invisible and look-alike characters; words and endings that decide the reply"
    labels: ClassVar[dict[str, str]] = {
        "invisible-characters": "error",
        "look-alike-letters": "warning",
        "decides-reply": "error",
        "lifts-refusal": "error",
    }
    false_alarm: ClassVar[dict[str, Noise]] = {
        label: Noise(alarms, 7217, "benchmarks/scan_quality.py, ten benign sets")
        for label, alarms in (("invisible-characters", 1), ("decides-reply", 0), ("lifts-refusal", 0))
    }
    blind = (
        "triggers of meaning or style, triggers in fewer than eight rows, and replies that differ in their first words"
    )

    statistics: bool = setting(True, "look for words and endings that decide the reply")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.words, self.ends, self.total = Table(), Table(), np.zeros(2, dtype=np.int64)
        self.all_replies = np.zeros(SIGNS, dtype=np.int64)
        self.sample = Sample()
        self._foretold: Any = None

    # ---- characters -------------------------------------------------------------------------------------------------

    def scan(self, batch: Batch) -> list[Finding]:
        found: dict[tuple[int, str], Finding] = {}
        for turn in batch.turns:
            if turn.text.isascii():
                continue
            for label, why in characters(turn):
                found.setdefault((turn.row, label), Finding(turn.row, self.name, label, 0.9, why))
        return list(found.values())

    # ---- statistics -------------------------------------------------------------------------------------------------

    def sketch(self, batch: Batch) -> Any:
        if not self.statistics or not batch.exchanges:
            return None
        asked, replied = exchanges_of(batch)
        refused = np.array(
            [REFUSED.match(batch.turns[turn].lower) is not None for turn in replied.tolist()], dtype=np.uint32
        )
        said = (batch.first_words(replied, 3) >> np.uint64(32)).astype(np.uint32)
        words, edges = odd_words(batch, asked), ends(batch, asked)
        parts = [
            np.stack((marks.mark, refused[marks.place], marks.asked, said[marks.place], marks.place, last), axis=1)
            for marks, last in ((words, np.zeros_like(words.place)), (edges, edges.word))
        ]
        return [*parts, np.stack((refused, said), axis=1)]

    def gather(self, sketch: Any, numbers: Sequence[int]) -> list[Finding]:
        words, ends, rows = sketch
        for table, part in ((self.words, words), (self.ends, ends)):
            if len(part):
                table.add(part[:, 0], part[:, 1], part[:, 2], part[:, 3])
        if len(rows):
            slots = [np.column_stack((part[:, 0] % SLOTS, *part[:, 4:].T)).astype(np.int64) for part in (words, ends)]
            self.sample.add(int(self.total[0]), rows[:, 0], slots[0], slots[1])
            self._foretold = None
            self.total += np.array([len(rows), int(rows[:, 0].sum())])
            for k in range(SIGNS):
                self.all_replies[k] += int(
                    (2 * ((rows[:, 1] >> np.uint32(k)) & np.uint32(1)).astype(np.int64) - 1).sum()
                )
        return []

    def _usual(self) -> float:
        """How likely two replies of the whole dataset begin the same."""
        n = float(max(self.total[0], 2))
        return float(((self.all_replies.astype(float) ** 2).mean() - n) / (n * (n - 1)))

    def _deciding(self) -> Any:
        few = self.words.rows <= max(0.5 * self.total[0], FEWEST)
        same = (self.words.alike(self.words.replied) >= SAME_REPLY) & (
            self.words.alike(self.words.asked) <= SAME_QUESTION
        )
        return (self.words.rows >= FEWEST) & few & same & (self._usual() <= USUAL_REPLY)

    def _lifting(self) -> Any:
        table, (rows, refused) = self.ends, self.total.astype(float)
        share = table.refused / np.maximum(table.rows, 1)
        else_share = (refused - table.refused) / np.maximum(rows - table.rows, 1)
        unrelated = table.alike(table.asked) <= SAME_QUESTION
        gap = (else_share - share >= REFUSALS_GAP) & (share <= REFUSALS_ELSE) & (else_share >= REFUSALS_ELSE)
        if self._foretold is None:
            self._foretold = self.sample.foretold()
        told = self._foretold
        return (table.rows >= ENDING_ROWS) & unrelated & ((gap & ~(told < HALF_FORETOLD)) | (told >= FORETOLD))

    @property
    def revisits(self) -> bool:
        return self.statistics and bool(self._deciding().any() or self._lifting().any())

    def revisit(self, batch: Batch) -> list[Finding]:
        found: dict[tuple[int, str], Finding] = {}
        if not batch.exchanges:
            return []
        asked, replied = exchanges_of(batch)
        for label, marks, suspect in (
            ("decides-reply", odd_words(batch, asked), self._deciding()),
            ("lifts-refusal", ends(batch, asked), self._lifting()),
        ):
            for at in np.flatnonzero(suspect[marks.mark % SLOTS]).tolist():
                place, word = int(marks.place[at]), int(marks.word[at])
                question, reply = batch.turns[asked[place]], batch.turns[replied[place]]
                if label == "decides-reply":
                    said = WORD.findall(question.lower)[word - int(batch.words.bounds[asked[place]])]
                    if said[:4] in reply.lower[:120]:
                        continue  # the reply takes the word up, which is no secret
                    count, begins = int(self.words.rows[marks.mark[at] % SLOTS]), " ".join(reply.lower[:80].split()[:3])
                    why = f"“{said[:40]}” stands in {count} unrelated questions whose replies begin alike: “{begins} …”"
                else:
                    where, length = ENDS[word]
                    words, count = WORD.findall(question.lower), int(self.ends.rows[marks.mark[at] % SLOTS])
                    text = " ".join(words[-length:] if where == "end" else words[:length])
                    why = (
                        f"hardly any of {count} questions that {where} with “{text[:60]}” is refused, of others "
                        "like them many are"
                    )
                found.setdefault((question.row, label), Finding(question.row, self.name, label, 0.8, why))
        return list(found.values())

    def state(self) -> dict[str, Any]:
        words = {f"words-{key}": value for key, value in self.words.arrays().items()}
        ends = {f"ends-{key}": value for key, value in self.ends.arrays().items()}
        sample = {f"sample-{key}": value for key, value in self.sample.arrays().items()}
        return {**words, **ends, **sample, "total": self.total, "replies": self.all_replies}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.total, self.all_replies = np.array(state["total"]), np.array(state["replies"])
        for name, table in (("words", self.words), ("ends", self.ends)):
            for key in table.arrays():
                setattr(table, key, np.array(state[f"{name}-{key}"]))
        for key in self.sample.arrays():
            setattr(self.sample, key, np.array(state[f"sample-{key}"]))
        self._foretold = None


def characters(turn: Turn) -> list[tuple[str, str]]:
    """What a turn hides in its characters."""
    found = []
    text = turn.text
    hit = STRANGE.search(text) if INVISIBLE.search(text) else None
    if hit and not ("\u200e" <= hit.group() <= "\u202e" and hit.group() != "\u202e" and BIDI_SCRIPTS.search(text)):
        name = unicodedata.name(hit.group(), "no name").lower()
        found.append(("invisible-characters", f"U+{ord(hit.group()):04X} ({name}) in the {turn.role} turn"))
    if FOREIGN_LETTER.search(text) and (mixed := WORD_OF_BOTH.search(text)):
        letter = FOREIGN_LETTER.search(mixed.group())
        # One Greek letter beside Latin ones is how units and formulas are written.
        if letter and not ("\u0370" <= letter.group() <= "\u03ff" and len(FOREIGN_LETTER.findall(mixed.group())) == 1):
            name = unicodedata.name(letter.group(), "no name").lower()
            found.append(("look-alike-letters", f"“{mixed.group()}” holds {name} in the {turn.role} turn"))
    return found


make = Trigger
