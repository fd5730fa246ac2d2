"""Private values that a user brought, kept out of whatever is written or shown.

    mask("Call 555-0147 x12.", ["(555) 0147"])      -> "Call [private value 1] x12."
    values = PrivateValues(all_of_them)             made once for a run, quick for many values and many texts
    values.mask(text), values.found(text)

A prompt names the values that it is about in `expect["private"]`; `values_of(prompts)` collects them. The number in a
mask is the place of the value in what the user brought, so that equal values are seen to be equal, a run that is taken
up writes the same masks, and there is no hash of a short number that could be guessed. Case, accents, spaces and marks
do not matter; a value that is spelt out, translated or encoded is not seen.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from holdfast.core.records import Prompt

KEY = "private"  # of a prompt's `expect`: a list of values
PREFIX = 4  # folded characters by which values are looked up
GAP = 3  # marks that may stand between two characters of a value
ANYWHERE = 6  # from so many folded characters on, a value is seen inside a longer word or number too


def fold(text: str) -> tuple[str, list[int]]:
    """Letters and digits without case, accents and marks, and the place in the text of each."""
    if text.isascii():
        places = [i for i, c in enumerate(text) if c.isalnum()]
        return "".join([text[i] for i in places]).lower(), places
    kept, places = [], []
    for i, c in enumerate(text):
        for part in unicodedata.normalize("NFKD", c).casefold():
            if part.isalnum():
                kept.append(part)
                places.append(i)
    return "".join(kept), places


def _kind(c: str) -> str:
    return "digit" if c.isdigit() else "letter" if c.isalpha() else ""


class PrivateValues:
    """Values to look for, numbered from 1 in the order in which they are given; equal ones share the first's number.

    What is shorter than three letters or digits (two beyond ASCII) tells nothing by itself and is not looked for.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._by_prefix: dict[str, list[tuple[str, int]]] = {}
        self._lengths: set[int] = set()
        self._seen: set[str] = set()
        self._last = 0
        for value in values:
            self._last += 1
            self._take(value, self._last)

    def _take(self, value: str, number: int) -> bool:
        folded, _ = fold(str(value))
        if folded in self._seen or len(folded) < (3 if folded.isascii() else 2):
            return False
        self._seen.add(folded)
        self._by_prefix.setdefault(folded[:PREFIX], []).append((folded, number))
        self._lengths.add(len(folded[:PREFIX]))
        return True

    def add(self, values: Iterable[str]) -> None:
        """Take in more; those that are new get the next numbers."""
        for value in values:
            self._last += self._take(value, self._last + 1)

    def __bool__(self) -> bool:
        return bool(self._by_prefix)

    def _spans(self, text: str) -> list[tuple[int, int, int]]:
        """Begin, end and number of every value in a text, in order; they may overlap."""
        if not self._by_prefix:
            return []
        folded, places = fold(text)
        found = []
        for at in range(len(folded)):
            for length in self._lengths:
                for value, number in self._by_prefix.get(folded[at : at + length], ()):
                    if folded.startswith(value, at) and _whole(text, places[at : at + len(value)], value):
                        found.append((places[at], places[at + len(value) - 1] + 1, number))
        return found

    def found(self, text: str) -> list[int]:
        """The numbers of the values in a text, each once."""
        return sorted({number for _, _, number in self._spans(text)})

    def mask(self, text: str) -> str:
        """The text with `[private value N]` for every value in it; values that overlap go under one mask."""
        parts, end, spans = [], 0, self._spans(text)
        for i, (begin, stop, number) in enumerate(spans):
            if begin < end:
                end = max(end, stop)
                continue
            # A longer value that begins at the same place gives the mask its number.
            number = max((s for s in spans[i:] if s[0] == begin), key=lambda s: s[1], default=(0, 0, number))[2]
            parts += [text[end:begin], f"[private value {number}]"]
            end = stop
        return "".join([*parts, text[end:]]) if parts else text

    def mask_in(self, value: Any) -> Any:
        """The same for every string in lists and objects."""
        if not self._by_prefix:
            return value
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, (list, tuple)):
            return [self.mask_in(part) for part in value]
        return {key: self.mask_in(part) for key, part in value.items()} if isinstance(value, dict) else value


def _whole(text: str, places: Sequence[int], value: str) -> bool:
    """Whether a find is the value itself: its characters stand together, and a short one is not part of a word."""
    if any(b - a > GAP + 1 for a, b in pairwise(places)):
        return False
    if len(value) >= ANYWHERE or not value.isascii():
        return True
    before = text[places[0] - 1] if places[0] else ""
    after = text[places[-1] + 1 : places[-1] + 2]
    return not any(side and _kind(side) == _kind(edge) for side, edge in ((before, value[0]), (after, value[-1])))


def mask(text: str, values: Iterable[str]) -> str:
    """A text with every one of the values masked. For many texts make `PrivateValues` once."""
    return PrivateValues(values).mask(text)


def values_of(prompts: Iterable[Prompt]) -> PrivateValues:
    """The private values that prompts are about, each numbered where it first stands."""
    found = PrivateValues()
    found.add(str(value) for prompt in prompts for value in prompt.expect.get(KEY, ()))
    return found
