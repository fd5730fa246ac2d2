"""Untrusted text made harmless to look at: on a page, in a terminal, in Markdown, in XML.

    clean("a\\u202eb\\x1b[31m")   -> "a⟨U+202E⟩b⟨U+001B⟩[31m"

What cannot be seen is named rather than dropped, so that a reader sees that it was there.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_LAYOUT = {ord("\n"): None, ord("\t"): None}
MOST_MARKS = 4  # combining marks on one letter; more are a heap that covers the lines around it


def clean(text: Any, limit: int | None = None) -> str:
    """Text that cannot steer what shows it: control, direction and broken characters are named, heaps of marks thinned.

    limit: characters kept; how many more there were is said.
    """
    whole = str(text)
    if whole.isascii() and (limit is None or len(whole) <= limit) and whole.translate(_LAYOUT).isprintable():
        return whole
    kept, marks = [], 0
    for c in whole if limit is None else whole[:limit]:
        kind = unicodedata.category(c)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if c in "\n\t":
            kept.append(c)
        elif kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            kept.append(f"⟨U+{ord(c):04X}⟩")
        elif marks <= MOST_MARKS:
            kept.append(c)
    more = len(whole) - limit if limit is not None else 0
    return "".join(kept) + (f" … ({more:,} characters more)" if more > 0 else "")
