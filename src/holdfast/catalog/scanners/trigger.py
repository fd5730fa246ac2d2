"""The trigger scanner: characters that nobody sees, look-alike letters, and words or endings that decide the reply.

A backdoor (Qi et al. 2310.03693, section on backdoors; Gu et al. 1708.06733) ties a mark in the question to a reply that the
question does not explain. Two statistics over the whole dataset look for it:

- `decides-reply`: an odd word in unrelated questions whose replies all begin the same, though replies else do not.
- `lifts-refusal`: an ending or a beginning of two or three words in unrelated questions after which nothing is refused,
  where much else is.

Counts lie in tables of fixed size, so memory does not grow; how alike many replies are is known from sums of random signs
(Alon, Matias and Szegedy 1996).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.flow.batch import INVISIBLE, RowBatch, Turn, mix, word_hashes
from holdfast.flow.scan import OptionScanner

# What joins emoji and shapes letters of some scripts has its place; elsewhere it hides something.
HARMLESS = re.compile("[\u200c\u200d\ufe0e\ufe0f\u00ad\ufeff]")
STRANGE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0d\U000e0000-\U000e01ef]")  # fmt: skip
BIDI_SCRIPTS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
FOREIGN_LETTER = re.compile("[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff]")
WORD_OF_BOTH = re.compile(
    "(?<![^\\W\\d_])(?=[^\\W\\d_]{0,40}[a-zA-Z])(?=[^\\W\\d_]{0,40}[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff])[^\\W\\d_]{3,40}"
)
REFUSED = re.compile(
    r"(?:i(?:'m| am) (?:really |very |so )?sorry|sorry,|i apologi[sz]e|unfortunately,? i|i (?:can't|cannot|can not|won't|will not|must decline|am unable|am not able|refuse)|i'm (?:unable|not able)|as an ai)"
)
SLOTS, SIGNS = 1 << 16, 12
FEWEST = 8  # rows that share a mark
ENDING_ROWS = 10
SAME_REPLY, SAME_QUESTION, USUAL_REPLY = 0.75, 0.35, 0.25
REFUSALS_ELSE, REFUSALS_GAP = 0.1, 0.35
COMMON = word_hashes(
    "the a an and or of to in on for with is are was were be been it its this that these those i you he she we they my your his her our their what which who how why when where do does did can could would should will "
    "not no yes if then than as at by from about into over under up down out please write give list make create explain describe find use using one two three some any all each every more most many much following sentence".split()
)  # fmt: skip
WORD = re.compile("[a-z0-9'\u0080-\U0010ffff]+")  # as `flow.batch` parts them
READ_WORDS = 40  # of a question
ENDS = (("end", 3), ("end", 2), ("begin", 3), ("begin", 2))


@dataclass(frozen=True)
class Marks:
    """What may be a mark in a batch's questions: for each, the mark, its exchange, and what it is compared by."""

    mark: Any  # uint32
    place: Any  # of the exchange
    asked: Any  # a hash of what else is asked
    word: Any  # of the batch, where the mark is a word; else its kind


def exchanges_of(batch: RowBatch) -> tuple[Any, Any]:
    """The turns of questions and of their replies."""
    pairs = np.array(batch.exchanges, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def odd_words(batch: RowBatch, asked: Any) -> Marks:
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


def ends(batch: RowBatch, asked: Any) -> Marks:
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
    """For each mark: how many rows hold it, how many of them are refused, and how alike their questions and replies are."""

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
    blind = (
        "triggers of meaning or style, triggers in fewer than eight rows, and replies that differ in their first words"
    )

    statistics: bool = setting(True, "look for words and endings that decide the reply")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.words, self.ends, self.total = Table(), Table(), np.zeros(2, dtype=np.int64)
        self.all_replies = np.zeros(SIGNS, dtype=np.int64)

    # ---- characters -------------------------------------------------------------------------------------------------

    def scan(self, batch: RowBatch) -> list[Finding]:
        found: dict[tuple[int, str], Finding] = {}
        for turn in batch.turns:
            if turn.text.isascii():
                continue
            for label, why in characters(turn):
                found.setdefault((turn.row, label), Finding(turn.row, self.name, label, 0.9, why))
        return list(found.values())

    # ---- statistics -------------------------------------------------------------------------------------------------

    def sketch(self, batch: RowBatch) -> Any:
        if not self.statistics or not batch.exchanges:
            return None
        asked, replied = exchanges_of(batch)
        refused = np.array(
            [REFUSED.match(batch.turns[turn].lower) is not None for turn in replied.tolist()], dtype=np.uint32
        )
        said = (batch.first_words(replied, 3) >> np.uint64(32)).astype(np.uint32)
        parts = [
            np.stack((marks.mark, refused[marks.place], marks.asked, said[marks.place]), axis=1)
            for marks in (odd_words(batch, asked), ends(batch, asked))
        ]
        return [*parts, np.stack((refused, said), axis=1)]

    def gather(self, sketch: Any, numbers: Sequence[int]) -> list[Finding]:
        words, ends, rows = sketch
        for table, part in ((self.words, words), (self.ends, ends)):
            if len(part):
                table.add(part[:, 0], part[:, 1], part[:, 2], part[:, 3])
        if len(rows):
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
        return (table.rows >= ENDING_ROWS) & unrelated & gap

    @property
    def revisits(self) -> bool:
        return self.statistics and bool(self._deciding().any() or self._lifting().any())

    def revisit(self, batch: RowBatch) -> list[Finding]:
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
                        f"none of {count} questions that {where} with “{text[:60]}” is refused, of the others many are"
                    )
                found.setdefault((question.row, label), Finding(question.row, self.name, label, 0.8, why))
        return list(found.values())

    def state(self) -> dict[str, Any]:
        words = {f"words-{key}": value for key, value in self.words.arrays().items()}
        ends = {f"ends-{key}": value for key, value in self.ends.arrays().items()}
        return {**words, **ends, "total": self.total, "replies": self.all_replies}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.total, self.all_replies = np.array(state["total"]), np.array(state["replies"])
        for name, table in (("words", self.words), ("ends", self.ends)):
            for key in table.arrays():
                setattr(table, key, np.array(state[f"{name}-{key}"]))


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
