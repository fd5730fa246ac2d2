"""JSON of any size, element by element from a window that holds little more than one of them; every fault at its line.

    JsonReader(stream).values()         a JSON array, or values one after another
    JsonReader(stream).members()        the elements of every list inside one object, with the list's name
    loads(text)                         one line of JSON lines, by the same rules

What is refused beside broken JSON: a key that stands twice in an object, half a surrogate pair, bytes that are no
UTF-8. NaN, which some writers put for a missing value, is read as null.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from holdfast.data.blocks import BLOCK, LONGEST_LINE, READ_ERRORS, Ambiguous, Fault, Item, Unread

ARRAY_FAULTS = 1000  # broken elements after which the rest of a file is given up
DEEPEST = 20  # objects inside objects in which a list of rows is looked for
SPACE, GAP = re.compile(r"[ \t\r\n]*"), re.compile(r"[\s,]*")
# Where the next element may begin after a broken one: an object after a comma, or on a line of its own.
NEXT = re.compile(r"(?:\}\s{0,64},|\n)\s{0,64}(?=\{)")
ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as surrogateescape leaves them
SURROGATE = re.compile("[\ud800-\udfff]")


class TwiceNamed(ValueError):
    """An object in which a key stands twice: which of them counts depends on who reads it."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        name = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise TwiceNamed(f"the key `{name[:60]}` stands twice in an object")
    return found


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=lambda name: None)


def _has_surrogate(value: Any) -> bool:
    if isinstance(value, str):
        return bool(SURROGATE.search(value))
    if isinstance(value, dict):
        return any(_has_surrogate(key) or _has_surrogate(part) for key, part in value.items())
    return isinstance(value, list) and any(_has_surrogate(part) for part in value)


def refused(value: Any, escapes: bool = True) -> str:
    """Why a JSON value is no record, or nothing; `escapes` says that its text may hold half a surrogate pair."""
    if not isinstance(value, dict):
        return f"a JSON {type(value).__name__}, not an object with columns"
    if escapes and _has_surrogate(value):
        return "half a surrogate pair, which is no character and cannot be tokenized"
    return ""


def loads(text: str) -> tuple[dict[str, Any] | None, str]:
    """A line as a record, or None and what is wrong with it."""
    try:
        value = DECODER.decode(text)
    except TwiceNamed as error:
        return None, str(error)
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({getattr(error, 'msg', 'nested too deeply')})"
    why = refused(value, "\\ud" in text or "\\uD" in text)
    return (None, why) if why else (value, "")


@dataclass
class Members:
    """A list inside an object: where it begins, how many elements it has, how many of them are objects."""

    line: int
    elements: int = 0
    objects: int = 0
    rows: int = 0


@dataclass
class Survey:
    """What one JSON object holds: its lists by their dotted names, and its own columns, lists as empty ones."""

    lists: dict[str, Members] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    twice: str = ""  # a name that stands twice
    torn: str = ""  # why it does not end
    alone: bool = False  # nothing follows it
    lines: bool = False  # what follows begins on another line

    def of_objects(self) -> dict[str, Members]:
        return {name: found for name, found in self.lists.items() if found.objects}


def stand_in(members: Members) -> list[Any]:
    """A short list of the kind of a long one, by which its record's format can be recognised."""
    return [{"role": "user", "content": ""}] if members.objects else ["x"] if members.elements else []


class Torn(ValueError):
    """An object that cannot be walked to its end."""


class JsonReader:
    """A window over a stream of JSON text, with its place and line."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.decoder = stream, codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self.window, self.at, self.line, self.ended = "", 0, 1, False
        self.broken: Fault | None = None  # why the file cannot be read further
        self.faults = self.wasted = 0
        self.survey = Survey()

    # ---- the window -------------------------------------------------------------------------------------------------

    def more(self, size: int = 0) -> bool:
        """Read on, dropping what was used; False at the end."""
        if self.ended:
            return False
        self.window, self.at = self.window[self.at :], 0
        try:
            data = self.stream.read(size or BLOCK)
        except READ_ERRORS as error:
            data, self.broken = b"", Unread(f"cannot be read further: {error}")
        self.ended = not data
        self.window += self.decoder.decode(data, self.ended)
        return not self.ended

    def move(self, to: int) -> None:
        """Go to a place in the window, counting lines; always forward."""
        self.line += self.window.count("\n", self.at, to)
        self.at = to

    def skip_gap(self, gap: re.Pattern[str] = GAP) -> bool:
        """Stand on the next character that says something; False when there is none."""
        while True:
            self.move(gap.match(self.window, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self.window):
                return True
            if not self.more():
                return False

    def decoded(self) -> tuple[Any, int]:
        """The value here and where it ends; the window grows until it is whole or too long.

        Raises as the decoder does.
        """
        size = BLOCK
        while True:
            try:
                value, end = DECODER.raw_decode(self.window, self.at)
            except json.JSONDecodeError as error:
                # A text that is cut off by the window's end fails there, or at the string that does not close.
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self.window) - 16
                if cut and len(self.window) - self.at < LONGEST_LINE and self.more(size):
                    size *= 2  # doubling keeps the repeated attempts linear in the element's length
                    continue
                raise
            if end < len(self.window) or isinstance(value, (dict, list, str)) or not self.more(size):
                return value, end

    # ---- elements ---------------------------------------------------------------------------------------------------

    def element(self) -> Item | None:
        """The element here, or its fault; None where the file is cut off inside it."""
        line = self.line
        try:
            value, end = self.decoded()
        except RecursionError:
            return self.skip("nested too deeply")
        except TwiceNamed as error:
            return self.skip(str(error))
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated string") or error.pos >= len(self.window) - 16
            self.wasted += len(self.window) - self.at if cut else min(error.pos - self.at, LONGEST_LINE)
            if self.ended and cut and not NEXT.search(self.window, self.at + 1):
                self.move(len(self.window))
                return None
            return self.skip(f"not JSON ({error.msg})")
        except ValueError:  # a number of too many digits
            return self.skip("not JSON (a number that is too long)")
        begin = self.at
        self.move(end)
        text = self.window
        escapes = text.find("\\ud", begin, end) >= 0 or text.find("\\uD", begin, end) >= 0
        if ESCAPED.search(text, begin, end):
            return line, None, Fault("not UTF-8")
        why = refused(value, escapes)
        return (line, None, Fault(why)) if why else (line, value, "")

    def skip(self, why: str) -> Item:
        """Report a broken element and stand where the next may begin."""
        line, self.faults = self.line, self.faults + 1
        while True:
            found = NEXT.search(self.window, self.at + 1)
            if found:
                self.move(found.end())
                return line, None, Fault(why)
            self.move(max(self.at, len(self.window) - 160))  # a boundary may lie across two blocks
            if not self.more():
                self.move(len(self.window))
                return line, None, Fault(why)

    def given_up(self) -> bool:
        return self.faults > ARRAY_FAULTS or self.wasted > 8 * LONGEST_LINE

    def elements(self) -> Iterator[Item]:
        """The elements of the array whose bracket was just passed, and a fault where it does not close."""
        while self.skip_gap():
            if self.window[self.at] == "]":
                self.move(self.at + 1)
                return
            line, item = self.line, self.element()
            if item is None:
                yield line, None, self.broken or Unread("the array is cut off: not JSON to its end")
                return
            yield item
            if self.given_up():
                yield self.line, None, Unread(f"after {self.faults} broken elements the rest of the file was not read")
                self.window, self.at, self.ended = "", 0, True
                return
        yield self.line, None, self.broken or Unread("the array is cut off: no `]` at its end")

    def values(self) -> Iterator[Item]:
        """A JSON array's elements, or values one after another; what follows an array is told, and read too."""
        array = False
        while self.skip_gap(SPACE):
            if array:
                yield self.line, None, Ambiguous("more follows after the end of the array")
            if self.window[self.at] == "[":
                array = True
                self.move(self.at + 1)
                yield from self.elements()
                continue
            array = False
            line, item = self.line, self.element()
            yield item or (line, None, self.broken or Unread("not JSON: the file is cut off"))
            if self.given_up():
                yield self.line, None, Unread(f"after {self.faults} broken values the rest of the file was not read")
                return
        if self.broken:
            yield self.line, None, self.broken

    # ---- lists inside an object -------------------------------------------------------------------------------------

    def members(self) -> Iterator[tuple[str, Item]]:
        """The elements of every list inside the object that the file begins with, each with its list's dotted name.

        What else the object holds is in `survey` afterwards; nothing raises.
        """
        self.skip_gap(SPACE)
        begin = self.line
        try:
            yield from self._object("", 0)
        except Torn as error:
            self.survey.torn = str(error)
            yield "", (self.line, None, self.broken or Unread(str(error)))
            return
        line = self.line
        self.survey.alone = not self.skip_gap(SPACE)
        self.survey.lines = not self.survey.alone and line == begin and self.line > line

    def _object(self, path: str, depth: int) -> Iterator[tuple[str, Item]]:
        self.move(self.at + 1)
        seen: set[str] = set()
        while self._here() != "}":
            if self._here() == ",":
                self.move(self.at + 1)
                continue
            key = self._value()
            if not isinstance(key, str) or self._here() != ":":
                raise Torn("not JSON: an object without a key, or a key without a value")
            self.move(self.at + 1)
            name, mark = f"{path}.{key}" if path else key, self._here()
            if key in seen:
                self.survey.twice = self.survey.twice or name
            seen.add(key)
            if not path:
                self.survey.columns[key] = [] if mark == "[" else {}
            if mark == "[":
                self.move(self.at + 1)
                self.survey.lists.setdefault(name, Members(self.line))
                for item in self.elements():
                    yield name, item
                if not path:
                    self.survey.columns[key] = stand_in(self.survey.lists[name])
            elif mark == "{" and depth < DEEPEST:
                yield from self._object(name, depth + 1)
            else:
                value = self._value()
                if not path:
                    self.survey.columns[key] = value
        self.move(self.at + 1)

    def _here(self) -> str:
        if not self.skip_gap(SPACE):
            raise Torn("not JSON: the object is cut off")
        return self.window[self.at]

    def _value(self) -> Any:
        try:
            value, end = self.decoded()
        except (ValueError, RecursionError) as error:
            raise Torn(f"not JSON ({getattr(error, 'msg', str(error) or 'nested too deeply')})") from error
        self.move(end)
        return value
