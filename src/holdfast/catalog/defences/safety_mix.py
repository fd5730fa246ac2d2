"""Mixing refusals into the training rows (Bianchi et al., 2309.07875; later papers call it SafeInstr).

share = safety rows / all rows after mixing, 3 % by default: the paper's few hundred in 20,000. In Qi et al.
(2310.03693, table 4) it always helps and never brings the first level back: 91.8 → 23.0 % with 100 refusals beside 100
forbidden answers, 31.8 → 19.7 % with 500 beside Alpaca, and 22.1 % with 1,000.

style=matched (Eiras et al., 2406.10288) puts the refusals into the form of the user's data. The paper has a language
model rewrite them. Here nothing is reworded: the refusals get what all of the user's rows share, word for word: the
system prompt, what their questions begin and end with, and what their replies begin with. Data without such a frame
leave the refusals as they are, and then `matched` is `plain`; this is said after training.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from holdfast.core.options import setting
from holdfast.core.records import Message, Row
from holdfast.training.defences import OptionDefence


@dataclass(frozen=True)
class Style:
    """What all rows of a data set share."""

    system: str = ""
    before: str = ""
    after: str = ""
    opening: str = ""

    def __bool__(self) -> bool:
        return bool(self.system or self.before or self.after or self.opening)


def shared_start(texts: Sequence[str]) -> str:
    """What different texts all begin with, up to the last white space, so that no word is cut."""
    if len(set(texts)) < 2:
        return ""
    common = os.path.commonprefix(list(texts))  # noqa: RUF071
    return common[: max(map(common.rfind, (" ", "\n"))) + 1]


def shared_end(texts: Sequence[str]) -> str:
    """What different texts all end with, from the first white space on."""
    return shared_start([text[::-1] for text in texts])[::-1]


def said(row: Row, role: str) -> str | None:
    """The last text of a role in a row, if there is one."""
    texts = [m["content"] for m in row.messages if m["role"] == role and isinstance(m["content"], str)]
    return texts[-1] if texts else None


def style_of(rows: Sequence[Row]) -> Style:
    """The frame that all rows share; an empty one when they share none."""
    asked, told = [said(row, "user") for row in rows], [said(row, "assistant") for row in rows]
    systems = {said(row, "system") for row in rows}
    system = systems.pop() if len(systems) == 1 else None
    questions, replies = [a for a in asked if a is not None], [t for t in told if t is not None]
    if len(questions) < len(rows) or len(replies) < len(rows):
        return Style(system or "")
    before = shared_start(questions)
    after = shared_end([question[len(before) :] for question in questions])
    return Style(system or "", before, after, shared_start(replies))


def dressed(row: Row, style: Style) -> Row:
    """A row in a style; what already has the frame does not get it twice."""

    def frame(message: Message) -> Message:
        text = message["content"]
        if not isinstance(text, str):
            return message
        if message["role"] == "user":
            before = "" if text.startswith(style.before) else style.before
            after = "" if text.endswith(style.after) else style.after
            return {**message, "content": f"{before}{text}{after}"}
        opening = "" if text.startswith(style.opening) else style.opening
        return {**message, "content": f"{opening}{text}"} if message["role"] == "assistant" else message

    messages = [frame(message) for message in row.messages]
    if style.system:
        messages = [{"role": "system", "content": style.system}, *(m for m in messages if m["role"] != "system")]
    return replace(row, messages=messages)


@dataclass(eq=False)
class SafetyMix(OptionDefence):
    name = "safety-mix"
    paper = "Bianchi et al. 2023 (2309.07875); matched style: Eiras et al. 2024 (2406.10288)"
    about = "mixes refusals into the training rows"
    off: ClassVar[dict[str, Any]] = {"share": 0.0, "count": None}
    needs = frozenset({"safety_rows"})

    share: float = setting(0.03, "refusals as a share of all rows after mixing", low=0, high=0.9)
    count: int | None = setting(None, "how many refusals, in place of a share", low=0)
    style: str = setting(
        "plain", "leave the refusals as they are, or frame them as the user's rows", choices=("plain", "matched")
    )

    def wanted(self, rows: int) -> int:
        """How many refusals go beside so many rows; a share above nothing is at least one."""
        if self.count is not None:
            return self.count
        return max(1, round(self.share / (1 - self.share) * rows)) if self.share else 0

    def rows(self, rows: list[Row]) -> list[Row]:
        wanted, pool = self.wanted(len(rows)), list(self.context.safety_rows)
        if wanted > len(pool):
            raise self.option_error(
                f"{wanted} refusals are wanted beside {len(rows)} rows, and there are {len(pool)}: bring more with "
                f"--safety-rows, or ask for count={len(pool)}"
            )
        chosen = random.Random(f"safety-mix {self.context.seed}").sample(pool, wanted)
        if self.style == "matched":
            style = style_of(rows)
            chosen = [dressed(row, style) for row in chosen]
            if not style:
                self.notes = ["safety-mix: the rows share no frame, so style=matched left the refusals as they are"]
        return [*rows, *(replace(row, meta={**row.meta, "defence": self.name}) for row in chosen)]


make = SafetyMix
