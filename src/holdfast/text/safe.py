"""Untrusted text made harmless to show: on a page or in XML, in a terminal, in Markdown, in a record that is kept.

    for_page("a\\u202eb\\x1b[31m")     -> "a⟨U+202E⟩b⟨U+001B⟩[31m"    what cannot be seen is named
    for_terminal("a\\u202eb\\x1b[31m") -> "ab[31m"                    it is left out, and the text is one line
    for_markdown("[a](b) @c")        -> "\\[a\\](b) @\\u2060c"          no markup, no mention of somebody
    for_record("a\\u202eb\\x1b[31m")   -> "a\\ufffdb\\ufffd[31m"          it is replaced, and the length stays

A page names what cannot be seen, so that a reader sees that it was there. HTML and XML are escaped by what writes them.
"""

from __future__ import annotations

import re
import unicodedata

_LAYOUT = {ord("\n"): None, ord("\t"): None}
MOST_MARKS = 4  # combining marks on one letter; more of them cover the lines around it


def for_page(text: object, limit: int | None = None) -> str:
    """Text that cannot steer a page: control, direction and broken characters are named, heaps of marks thinned.

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


def for_terminal(text: str, limit: int = 200) -> str:
    """Text that cannot steer a terminal: one line, without control characters or direction marks, cut to a length."""
    kept = "".join(
        " " if c in "\n\t" else c
        for c in text
        if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")
    )
    kept = re.sub(r"\s+", " ", kept).strip()
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def for_markdown(text: object, limit: int = 400) -> str:
    """Text that is only text in Markdown, within a table too: one line, its marks escaped, cut to a length."""
    one = " ".join(for_page(text, limit).split())
    # A name after an @ or a # would notify somebody, or link to something, on a code host.
    return re.sub(r"([\\`*_{}\[\]<>|~])", r"\\\1", one).replace("@", "@\u2060").replace("#", "#\u2060")


def for_record(text: str) -> str:
    """Text of the same length that cannot steer a terminal and can be written as UTF-8."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
