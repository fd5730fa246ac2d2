"""The front matter of a model card, changed key by key so that everything else stays byte for byte.

text = with_front(text, {"base_model": ["org/base"]}, tags=["holdfast"])
text = put_section(text, SECTION, section)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)


def put_section(text: str, pattern: re.Pattern[str], section: str) -> str:
    """A card with a section in place of an earlier one that the pattern finds, else at its end."""
    if pattern.search(text):
        return pattern.sub(lambda _: section, text, count=1)
    return f"{text.rstrip()}\n\n{section}".lstrip()


def read_front(text: str) -> dict[str, Any] | None:
    """The front matter's keys, none where there is no front matter; None for one that is no YAML mapping."""
    found = FRONT.match(text)
    try:
        known = yaml.safe_load((found[1] or "") if found else "") or {}
    except yaml.YAMLError:
        return None
    return known if isinstance(known, dict) else None


def _set(front: str, key: str, value: Any) -> str:
    """Front matter in which only this one entry is written anew: its line and what is below it."""
    front = re.sub(rf"(?m)^{re.escape(key)}[ \t]*:.*\n(?:[ \t]*(?:-|#)[^\n]*\n|[ \t]+[^\n]*\n)*", "", front)
    return front + yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True)


def with_front(
    text: str, new: Mapping[str, Any], tags: Sequence[str], replaced: Mapping[str, Any] | None = None
) -> str:
    """A card with more in its front matter; one that is no YAML mapping is left alone.

    new: keys that are added where they are missing. tags: those that are missing are added. replaced: keys that get
    these values whatever stood there. What is there already is not touched, so a second call changes nothing.
    """
    known = read_front(text)
    if known is None:
        return text
    found = FRONT.match(text)
    front = (found[1] or "") if found else ""
    for key, value in new.items():
        if value and key not in known:
            front += yaml.safe_dump({key: value}, sort_keys=False)
    for key, value in (replaced or {}).items():
        if known.get(key) != value:
            front = _set(front, key, value)
    old = known.get("tags") or []
    old = [old] if isinstance(old, str) else list(old)
    if not set(tags) <= set(old):
        front = _set(front, "tags", old + [tag for tag in tags if tag not in old])
    return f"---\n{front}---\n{text[found.end() :] if found else chr(10) + text}"
