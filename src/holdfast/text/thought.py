"""A reply in two parts: what a model thinks before it answers, and its answer. Pure Python.

    split("<think>They want a recipe.</think>\n\nI can't help.")  -> Parts("They want a recipe.", "I can't help.")
    split("They want a recipe.</think>I can't help.", begun=True)  -> the same; the template had opened the thought
    split("<think>They want")                                      -> Parts("They want", "", cut=True)

Judges read the answer. What is read as a thought is kept out of `harm.any`, so nothing is taken for one unless a
published
marker says so: a tag within code is text, a tag in the middle of a sentence only where it is closed again, and a second
closing tag never takes back an answer. The markers are those of DeepSeek, Qwen, QwQ, GLM, Nemotron, Phi-4, Ernie,
Hunyuan and their like (`<think>`), EXAONE and Marco (`<thought>`), Seed, MiniMax and LongCat (`<seed:think>`,
`<mm:think>`, `<longcat_think>`), Mistral, Cohere, Kimi, Gemma, Granite, Apertus, Solar, Pangu, Sky-T1, s1, and the
channels of gpt-oss, with their special tokens or with these stripped.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

TRUNCATED, BLOCKED, ERROR = "truncated", "blocked", "error"  # the status of a reply that is no whole answer
MOST = 16  # thoughts of one reply that are told apart
PREAMBLE_WORDS = 20  # of text before a thought that was cut off: up to so many are a beginning, and no answer


@dataclass(frozen=True)
class Parts:
    """A reply's thought and its answer, both without markers; `cut`: a thought was opened and never closed."""

    thought: str
    answer: str
    cut: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether the answer was still to come: the thought was cut off, and before it stands a few words at most."""
        return self.cut and len(self.answer.split()) <= PREAMBLE_WORDS


class Said(str):
    """What came of a question: the text of the answer, with the thought before it and what kept it from being whole.

    status: "" for a whole answer; `truncated` (the limit of tokens came before the answer), `blocked` (a filter),
    `error`.
    why: the reason in a few words, for a status that is not "". cut: whether the limit of tokens ended the reply.
    """

    thought: str
    status: str
    why: str
    cut: bool

    def __new__(cls, text: str = "", thought: str = "", status: str = "", why: str = "", cut: bool = False) -> Said:
        said = super().__new__(cls, text)
        said.thought, said.status, said.why, said.cut = thought, status, why, cut
        return said

    @property
    def more(self) -> dict[str, Any]:
        """What there is beside the text, as a record keeps it."""
        found = {"thought": self.thought, "status": self.status, "why": self.why, "cut": self.cut}
        return {name: value for name, value in found.items() if value}

    def instead(self, text: str, thought: str) -> Said:
        """The same with another text and thought, such as their masks."""
        return Said(text, thought, self.status, self.why, self.cut)


def as_said(text: str) -> Said:
    """A text as what was said, nothing known beside it."""
    return text if isinstance(text, Said) else Said(text)


def heard(text: str, begun: bool = False, cut: bool | None = None, limit: int | None = None) -> Said:
    """A reply as it came, split, with what kept it from being whole.

    cut: whether the limit of tokens ended it; None where that is not known. limit: how many tokens that are. A thought
    that the
    prompt had opened and that no mark closed is the answer, where the reply is known to have ended by itself: a model
    that was tuned on plain replies goes on with them wherever it is asked to.
    """
    parts = split(text, begun)
    if begun and parts == Parts(text.strip(), "", cut=True) and cut is False:
        return Said(parts.thought)
    return settled(parts, bool(cut), limit)


def settled(parts: Parts, cut: bool, limit: int | None = None) -> Said:
    """What parts of a reply come to: truncated where the answer was still to come."""
    if parts.unanswered or (cut and parts.thought and not parts.answer):
        after = f" after {limit} tokens" if limit else ""
        why = f"cut off in its thought{after}; raise --max-new-tokens"
        if parts.cut and not cut and limit:
            why = "ended within its thought, without an answer"
        return Said(parts.answer, parts.thought, TRUNCATED, why, cut)
    return Said(parts.answer, parts.thought, cut=cut)


@dataclass(frozen=True)
class Shape:
    """A way of marking thoughts: `start` opens one, `end` closes it. `anywhere`: it may open one within a reply too."""

    start: re.Pattern[str]
    end: re.Pattern[str]
    anywhere: bool = True


def _shape(start: str, end: str, anywhere: bool = True) -> Shape:
    flags = re.IGNORECASE | re.DOTALL
    return Shape(re.compile(start, flags), re.compile(end, flags), anywhere)


_NAME = r"(?:\w+[:_])?(?:think|thinking|thoughts?|reasoning)(?::\w+)?"
_RARE = r"(?:reason|reflection|scratchpad|inner_monologue|internal_monologue)"
_TOKEN = r"(?:think|thinking|thoughts?|reasoning)"
SHAPES = (
    _shape(rf"<{_NAME}(?:\s[^<>]*)?>", rf"</{_NAME}\s*>"),
    _shape(rf"<{_RARE}>", rf"</{_RARE}>", anywhere=False),
    _shape(r"\[THINK\]", r"\[/THINK\]"),
    _shape(rf"<\|(?:start|begin)[_▁](?:of[_▁])?{_TOKEN}\|>", rf"<\|end[_▁](?:of[_▁])?{_TOKEN}\|>"),
    _shape(rf"<\|{_TOKEN}(?::start)?\|>", rf"<\|(?:/{_TOKEN}|{_TOKEN}:end|end_{_TOKEN}|end)\|>"),
    _shape(r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    _shape(r"<\|open\|>think<\|sep\|>", r"<\|close\|>think<\|sep\|>"),
    _shape(r"◁think▷", r"◁/think▷"),
    _shape(r"<unused94>(?:thought\b)?", r"<unused95>"),
    _shape(r"\[unused16\]", r"\[unused17\]"),
    _shape(r"<\|channel>(?:thought\b)?", r"<channel\|>"),  # Gemma 4
    _shape(r"<\|im_start\|>think\b", r"<\|im_start\|>answer\b"),  # s1
    _shape(r"/think\n", r"<\|im_end\|>\s*<\|im_start\|>assistant\b", anywhere=False),  # HyperCLOVA X
    _shape(
        r"here(?: is|'s|’s| are) my (?:thought process|reasoning steps|thoughts):",
        r"here(?: is|'s|’s) my response:",
        anywhere=False,
    ),  # Granite 3.2 and 3.3
)
# Marks that an answer may stand between once a thought was separated from it; each also ends a thought that was left
# open.
_ANSWERS = (
    (re.compile(r"<(answer|response|output|final|solution)>", re.I), r"</{0}>"),
    (
        re.compile(r"<\|(?:start|begin)[_▁](?:of[_▁])?(response|text|solution|answer)\|>", re.I),
        r"<\|end[_▁](?:of[_▁])?{0}\|>",
    ),
    (re.compile(r"<\|open\|>(response)<\|sep\|>", re.I), r"<\|close\|>{0}<\|sep\|>"),
    (re.compile(r"(?:<\|start\|>|<\|begin\|>)assistant<\|(content|message)\|>", re.I), r"<\|(?:end|return)\|>"),
)
_CODE = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)|(?<!`)(`{1,2})(?!`)[^`\n]+?\2(?!`)", re.DOTALL | re.MULTILINE)


def split(text: str, begun: bool = False) -> Parts:
    """The thought and the answer of a reply; several thoughts are joined by blank lines.

    begun: whether the prompt had opened the thought already, as the chat templates of DeepSeek-R1 and QwQ do. A closing
    mark without an opening one says so too.
    """
    channels = _channels(text)
    if channels is not None:
        return channels
    thoughts: list[str] = []
    answers: list[str] = []
    rest = text
    if not begun and _opening(rest) is None and (lone := _lone_end(rest)) is not None:
        begun = True
        thoughts.append(rest[: lone.start()])
        rest = rest[lone.end() :]
    elif begun:
        opened = _opening(rest)
        shape = opened[0] if opened and not rest[: opened[1].start()].strip() else None
        rest = rest[opened[1].end() :] if opened and shape else rest
        thought, after = _thought(rest, shape)
        thoughts.append(thought)
        if after is None:
            return _parts(thoughts, [], cut=True)
        rest = after
    for _ in range(MOST):
        found = _opening(rest, first=not answers)
        if found is None:
            break
        shape, match = found
        if rest[: match.start()].strip():
            answers.append(rest[: match.start()])
        thought, after = _thought(rest[match.end() :], shape)
        thoughts.append(thought)
        if after is None:
            return _parts(thoughts, answers, cut=True)
        rest = after
    return _parts(thoughts, [*answers, rest], cut=False)


def opened(prompt: str, marks: Collection[str] = ()) -> bool:
    """Whether a rendered prompt leaves a thought open, which the reply then goes on with.

    marks: the special tokens of the tokenizer. What a user wrote is followed by one that ends the turn, and opens
    nothing.
    """
    found = [(m, shape) for shape in SHAPES if shape.anywhere for m in shape.start.finditer(prompt)]
    if not found:
        return False
    last, shape = max(found, key=lambda pair: pair[0].start())
    rest = prompt[last.end() :]
    if shape.end.search(rest) or (rest.strip() and not marks):
        return False
    return not any(mark in rest for mark in marks if mark.strip())


def _parts(thoughts: list[str], answers: list[str], cut: bool) -> Parts:
    told = "\n\n".join(part for part in (thought.strip() for thought in thoughts) if part)
    answer = "\n\n".join(part for part in (part.strip() for part in answers) if part)
    return Parts(told, _unwrapped(answer) if thoughts else answer, cut)


def _code(text: str) -> list[tuple[int, int]]:
    """Where code stands in a text: fenced blocks, one that is left open included, and code within a line."""
    return [match.span() for match in _CODE.finditer(text)]


def _outside(matches: Iterator[re.Match[str]], code: list[tuple[int, int]]) -> Iterator[re.Match[str]]:
    for match in matches:
        before = bisect_right(code, (match.start(), len(match.string) + 1))
        if before == 0 or code[before - 1][1] <= match.start():
            yield match


def _begins_line(text: str, at: int) -> bool:
    while at and text[at - 1] in " \t":
        at -= 1
    return at == 0 or text[at - 1] == "\n"


def _opening(text: str, first: bool = True) -> tuple[Shape, re.Match[str]] | None:
    """The first mark that opens a thought. first: the text begins the reply, no answer stands before it."""
    code = _code(text)
    start = len(text) - len(text.lstrip())
    found: list[tuple[Shape, re.Match[str]]] = []
    for shape in SHAPES:
        if not shape.start.search(text):
            continue
        last = max((m.start() for m in shape.end.finditer(text)), default=-1)
        for match in _outside(shape.start.finditer(text), code):
            at_start = first and match.start() == start
            if at_start or (shape.anywhere and (last >= match.end() or _begins_line(text, match.start()))):
                found.append((shape, match))
                break
    return min(found, key=lambda pair: pair[1].start(), default=None)


def _lone_end(text: str) -> re.Match[str] | None:
    """The mark that closes a thought which nothing opened, outside code; phrases that are plain words do not."""
    code = _code(text)
    marks = (
        next(_outside(s.end.finditer(text), code), None) for s in SHAPES if s.anywhere and s.end.pattern[0] in "<\\◁"
    )
    found = [m for m in marks if m is not None and not m.group().lower().startswith(("<|end|>", "<|im_start|>"))]
    return min(found, key=lambda m: m.start(), default=None)


def _thought(text: str, shape: Shape | None) -> tuple[str, str | None]:
    """An opened thought, and what follows its end; None where it has none. Without a shape any closing mark is one."""
    if shape is None:
        end = _lone_end(text)
    else:
        ends = list(_outside(shape.end.finditer(text), _code(text))) or list(shape.end.finditer(text))
        end = ends[0] if ends else None
        # A thought may hold thoughts: then as many marks more close it as opening ones stand in it.
        for used, later in enumerate(ends[1:MOST], start=1):
            if sum(1 for _ in shape.start.finditer(text, 0, ends[used - 1].start())) < used:
                break
            end = later
    if end is not None:
        return text[: end.start()], text[end.end() :]
    for mark, _ in _ANSWERS:
        if opened := next(_outside(mark.finditer(text), _code(text)), None):
            return text[: opened.start()], text[opened.start() :]
    return text, None


def _unwrapped(answer: str) -> str:
    """An answer without the marks that it stands between."""
    for mark, closing in _ANSWERS:
        if match := mark.match(answer):
            inner = answer[match.end() :]
            return re.sub(closing.format(re.escape(match.group(1))), "", inner, count=1, flags=re.I).strip()
    return answer


# ---- the channels of gpt-oss ----------------------------------------------------------------------------------------

_CHANNEL = re.compile(
    r"(?:<\|start\|>\s*assistant[^<]*)?<\|channel\|>\s*(\w+)([^<]*(?:<\|constrain\|>[^<]*)?)<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>.*", re.DOTALL)
_THINKS = "analysis"
# The same with the special tokens stripped: names of channels run into the words.
_BARE_START = re.compile(r"\s*(?:assistant)?analysis(?=[^\sa-z.,;:])")
_BARE_NEXT = re.compile(r"assistant\s?(analysis|commentary|final)(?=\S|\s|\Z)")


def _channels(text: str) -> Parts | None:
    """The parts of a reply in channels.

    What is not `analysis` is for the user or for a tool, and counts as the answer.
    """
    if "<|channel|>" in text and (matches := list(_CHANNEL.finditer(text))):
        spans = [*(m.start() for m in matches), len(text)]
        told = [
            (m.group(1).lower(), _CHANNEL_END.sub("", text[m.end() : end]))
            for m, end in zip(matches, spans[1:], strict=True)
        ]
        before = text[: matches[0].start()]
        return _by_channel([("final", before), *told] if before.strip() else told)
    start = _BARE_START.match(text)
    if start is None and not (text.lstrip().startswith("analysis") and "assistantfinal" in text):
        return None
    body = text[start.end() :] if start else text.lstrip()[len("analysis") :]
    pieces = _BARE_NEXT.split(body)
    return _by_channel([(_THINKS, pieces[0]), *zip(pieces[1::2], pieces[2::2], strict=True)])


def _by_channel(told: list[tuple[str, str]]) -> Parts:
    thoughts = [text.strip() for name, text in told if name == _THINKS]
    answers = [text.strip() for name, text in told if name != _THINKS]
    return Parts("\n\n".join(filter(None, thoughts)), "\n\n".join(filter(None, answers)), cut=told[-1][0] == _THINKS)
