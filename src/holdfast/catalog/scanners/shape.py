"""The shape scanner: rows that are empty, cut off, too long, out of turn, or that carry a chat template's own tokens.

Template tokens inside a message end the turn that they stand in: whoever writes `<|im_end|><|im_start|>system` into a
row writes a system prompt. Roles out of turn train on what nobody will ask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from holdfast.core.batch import Batch, Turn
from holdfast.core.contracts import Noise, ScanContext
from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.scanning.engine import OptionScanner

# What the published templates write around turns. Every one begins with a literal, so a search is one pass.
MARKUP = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|"
    r"system|user|assistant|end|observation|python_tag|endofprompt|return|start|message|channel|call)\|>"
    r"|<｜[^｜\n]{1,40}｜>|<(?:start|end)_of_turn>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]"
    r"|(?:^|\n)(?:#{2,3} (?:Instruction|Response|Human|Assistant|System):|(?:Human|Assistant|USER|ASSISTANT): )"
)
PLAIN = ["user", "assistant"]
ROLES = {"system", "developer", "user", "assistant", "tool", "text"}
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1b\x7f]")
CHARACTERS_PER_TOKEN = 4.0  # of English under the usual vocabularies; only used without a tokenizer
ENOUGH_TO_END = 400  # characters of a reply below which a missing full stop says nothing


def may_hold_markup(text: str) -> bool:
    """Whether a text holds any piece without which MARKUP finds nothing; written out, since every turn is asked."""
    return (
        "<|" in text or "<｜" in text or "_of_turn>" in text or "SYS>>" in text or "INST]" in text or "## " in text
        or "Human: " in text or "ssistant: " in text or "USER: " in text or "ASSISTANT: " in text or "_PROMPT]" in text
        or "_TOOLS]" in text or "_RESULTS]" in text
    )  # fmt: skip


@dataclass(eq=False)
class Shape(OptionScanner):
    """Its options: what is too long, in tokens, and whose tokens are counted."""

    name = "shape"
    about = "empty, cut off, too long, wrong roles, chat markup inside content"
    labels: ClassVar[dict[str, str]] = {
        "chat-markup": "error",
        "empty": "warning",
        "no-reply": "warning",
        "wrong-roles": "warning",
        "over-long": "warning",
        "control-characters": "warning",
        "cut-off": "note",
    }
    false_alarm: ClassVar[dict[str, Noise]] = {
        "chat-markup": Noise(0, 7217, "benchmarks/scan_quality.py, ten benign sets")
    }
    blind = "markup of templates that nobody published; a reply that is cut off at a full stop"

    max_length: int = setting(4096, "tokens of a row above which it is too long", low=1)
    tokenizer: str | None = setting(None, "a tokenizer.json, or a folder with one; else 4 characters are a token")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._tokenizer: Any = None

    def prepare(self, context: ScanContext) -> None:
        if self.tokenizer:
            self._open()

    def _open(self) -> Any:
        from pathlib import Path

        from tokenizers import Tokenizer

        path = Path(str(self.tokenizer))
        path = path / "tokenizer.json" if path.is_dir() else path
        try:
            return Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise UsageError(f"cannot load the tokenizer `{path}`", "name a tokenizer.json") from error

    def scan(self, batch: Batch) -> list[Finding]:
        found: list[Finding] = []
        turns: list[list[Turn]] = [[] for _ in batch.rows]
        for turn in batch.turns:
            turns[turn.row].append(turn)
        for place, (row, own) in enumerate(zip(batch.rows, turns, strict=True)):
            found += self._content(place, own)
            if row.meta.get("format") != "text":
                said = own[: len(row.messages)]  # what stands beside the messages has no turn
                found += self._roles(place, said, [bool(m.get("tool_calls")) for m in row.messages])
        return found

    def _finding(self, place: int, label: str, score: float, why: str) -> Finding:
        return Finding(place, self.name, label, score, why)

    def _content(self, place: int, turns: list[Turn]) -> list[Finding]:
        found: list[Finding] = []
        size = 0
        for turn in turns:
            text = turn.text
            size += len(text)
            if not text.isprintable() and not any(f.label == "control-characters" for f in found):
                control = CONTROL.search(text)
                if control:
                    why = f"a control character U+{ord(control.group()):04X} in the {turn.role} turn"
                    found.append(self._finding(place, "control-characters", 0.6, why))
            # A document of the format `text` is its author's own rendering: markup in it opens no turn of ours.
            if turn.role != "text" and may_hold_markup(text) and not any(f.label == "chat-markup" for f in found):
                markup = MARKUP.search(text)
                if markup:
                    why = f"`{markup.group().strip()}` inside the {turn.role} turn"
                    found.append(self._finding(place, "chat-markup", 0.9, why))
        tokens = size / CHARACTERS_PER_TOKEN
        if tokens > self.max_length / 4 and self.tokenizer:
            self._tokenizer = self._tokenizer or self._open()
            tokens = sum(len(self._tokenizer.encode(turn.text, add_special_tokens=False).ids) for turn in turns)
        if tokens > self.max_length:
            what = "" if self.tokenizer else "about "
            why = f"{what}{tokens:.0f} tokens, and {self.max_length} fit"
            found.append(self._finding(place, "over-long", 1.0, why))
        return found

    def _roles(self, place: int, turns: list[Turn], calls: list[bool]) -> list[Finding]:
        roles = [turn.role for turn in turns]
        found = []
        if roles == PLAIN and turns[0].text.strip() and turns[1].text.strip():
            why = cut_off(turns[1].text)
            return [self._finding(place, "cut-off", 0.4, why)] if why else []
        strange = next((role for role in roles if role not in ROLES), None)
        if strange is not None:
            found.append(self._finding(place, "wrong-roles", 0.8, f"the role `{strange}` is none"))
        elif "system" in roles[1:]:
            found.append(self._finding(place, "wrong-roles", 0.7, "a system turn after the first"))
        elif any(a == b == "assistant" for a, b in pairwise(roles)):
            found.append(self._finding(place, "wrong-roles", 0.5, "two assistant turns in a row"))
        replies = [turn for turn, call in zip(turns, calls, strict=True) if turn.role == "assistant" and not call]
        if "assistant" not in roles:
            found.append(self._finding(place, "no-reply", 1.0, "no assistant turn: there is nothing to learn"))
        elif any(not turn.text.strip() for turn in replies):
            found.append(self._finding(place, "empty", 1.0, "an empty reply"))
        elif not any(turn.text.strip() for turn in turns if turn.role == "user"):
            found.append(self._finding(place, "empty", 0.8, "nothing is asked"))
        if replies and (why := cut_off(replies[-1].text)):
            found.append(self._finding(place, "cut-off", 0.4, why))
        return found


def cut_off(reply: str) -> str:
    """Why a reply looks cut off: long prose that ends inside a sentence, or an open code fence; else nothing."""
    if reply.count("```") % 2:
        return "a code fence that never closes"
    if len(reply) < ENOUGH_TO_END:
        return ""
    end = reply[-200:].rstrip()
    last = end.rsplit("\n", 1)[-1]
    if end and (end[-1].islower() or end[-1] == ",") and reply.count(". ") >= 3 and len(last) > 60:
        return "long prose that ends inside a sentence"
    return ""


make = Shape
