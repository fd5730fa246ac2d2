"""JSON objects in what a model said, with prose, code fences and mistakes of form around them.

    read_objects('First {"Score": 2}. No:\n{"reason": "one\ntwo", "score": 4,}')
        -> Found([{"score": 2}, {"reason": "one\ntwo", "score": 4}], rest=["First ", ". No:\n", ""])

Only whole objects are given; an object within another, or within one that cannot be read, is none: there a model
quotes. So whoever wants a verdict looks at `rest` too, since what stands there may be the verdict of which an object is
only a part.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_COMMA = re.compile(r",(\s*[}\]])")
_FENCE = re.compile(r"^\s*(```|~~~)[\w-]*[ \t]*$", re.MULTILINE)


class Spoken(dict[str, Any]):
    """A JSON object with its keys in lower case; `unsure` are keys that stand in it twice with different values."""

    unsure: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """The whole objects in a text, in order, and the text around them: one piece before each, one after the last."""

    objects: list[Spoken]
    rest: list[str] = field(default_factory=list)


def _spoken(pairs: list[tuple[str, Any]]) -> Spoken:
    found = Spoken()
    unsure = set()
    for name, value in pairs:
        key = name.strip().lower()
        if key in found and (type(found[key]) is not type(value) or found[key] != value):
            unsure.add(key)
        found[key] = value
    found.unsure = frozenset(unsure)
    return found


# strict=False: a line break within a text is a mistake that leaves no doubt about what is meant.
_DECODER = json.JSONDecoder(object_pairs_hook=_spoken, strict=False)


def read_objects(text: str) -> Found:
    """Every whole JSON object of a text that lies in no other; a comma too many before a closing brace does no harm."""
    found: list[Spoken] = []
    rest, piece, at = [], "", 0
    while (start := text.find("{", at)) >= 0:
        piece += text[at:start]
        value, at = _object(text, start)
        if value is None:
            piece += text[start:at]
        else:
            found.append(value)
            rest.append(piece)
            piece = ""
    return Found(found, [*rest, piece + text[at:]])


def _object(text: str, start: int) -> tuple[Spoken | None, int]:
    """The object that begins at a place, or None, and where to read on: behind it, or behind what cannot be read."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        return value, end
    except (ValueError, RecursionError):
        end = _closing(text, start)
    try:
        return _DECODER.decode(_COMMA.sub(r"\1", text[start:end])), end
    except (ValueError, RecursionError):
        return None, end


def _closing(text: str, start: int) -> int:
    """Behind the brace that closes the one at `start`, by counting alone; the end of the text where none does."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.end()
    return len(text)


def without_fences(text: str) -> str:
    """Text without the lines that open and close a block of code."""
    return _FENCE.sub("", text).strip()
