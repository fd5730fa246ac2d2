"""Secrets of endpoints: taken out of what a user typed before anything else sees it, put back for the call alone.

    sealed("https://me:word@host/v1?key=abc")     -> "https://***@host/v1?key=***"
    opened("https://***@host/v1?key=***")         -> the URL as it was typed; only this process knows it
    without_secrets("cannot read word")           -> "cannot read ***"

Settings are sealed when they are made, so a run's folder, its title, its hash and every message hold the sealed form.
The last of the three is the net below: whatever is written or printed goes through it.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from urllib.parse import unquote

KEYS = ("OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")  # of the environment, as our libraries read them
PLAIN_PARAMETERS = ("api-version", "version", "model", "deployment")
SHORTEST = 6  # characters from which on a secret is looked for in other text; a shorter one would be found everywhere
HIDDEN = "***"

_URL = re.compile(r"\bhttps?://[^\s\"'<>`]+", re.IGNORECASE)
_REFERENCE = re.compile(r"(?P<before>(?:openai:.*?@)?)(?P<url>https?://.+)", re.IGNORECASE | re.DOTALL)
_typed: dict[str, str] = {}  # sealed → as typed
_known: set[str] = set()  # secrets, in every form in which they may come back


def _remember(secret: str) -> None:
    for form in {secret, unquote(secret)}:
        if len(form) >= SHORTEST and not set(form) <= set(HIDDEN):
            _known.update((form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]))


def _parameters(text: str) -> str:
    """A query with its values hidden, but for those that are known to be no secret."""
    parts = []
    for part in text.split("&"):
        name, mark, value = part.partition("=")
        secret = value if mark else name
        if not secret or secret.startswith(HIDDEN) or (mark and name.lower() in PLAIN_PARAMETERS):
            parts.append(part)
            continue
        _remember(secret)
        parts.append(f"{name}={HIDDEN}" if mark else HIDDEN)
    return "&".join(parts)


def _seal(typed: str) -> str:
    """A URL with what may be secret hidden; one that is sealed stays."""
    if typed in _typed:
        return typed
    scheme, _, rest = typed.partition("://")
    head, hash_mark, fragment = rest.partition("#")
    head, query_mark, query = head.partition("?")
    # A password may hold any mark, however wrongly: what stands before the last @ is one, unless a path begins before
    # it.
    before, at, after = rest.rpartition("@")
    if at and not before.startswith(HIDDEN) and ("/" not in before or re.search(r":(?!\d+(?:/|$))", before)):
        _remember(before)
        _remember(before.partition(":")[2])
        _known.add(b64encode(unquote(before).encode()).decode())
        head, query_mark, query = after.partition("#")[0].partition("?")
        hash_mark, fragment = after.partition("#")[1:]
        head = f"{HIDDEN}@{head}"
    if query:
        query = _parameters(query)
    if fragment and not fragment.startswith(HIDDEN):
        _remember(fragment)
        fragment = HIDDEN
    plain = f"{scheme}://{head}{query_mark}{query}{hash_mark}{fragment}"
    if plain == typed:
        return typed
    # Two keys at one place are told apart by a number.
    name, number = plain, 1
    while _typed.setdefault(name, typed) != typed:
        number += 1
        name = plain.replace(HIDDEN, f"{HIDDEN}{number}", 1)
    return name


def sealed(text: str) -> str:
    """Text with the secrets of every URL in it hidden.

    What is a URL or openai:NAME@URL as a whole may hold any mark.
    """
    if "://" not in text:
        return text
    whole = _REFERENCE.fullmatch(text)
    if whole:
        return whole["before"] + _seal(whole["url"])
    return _URL.sub(lambda found: _seal(found.group()), text)


def opened(url: str) -> str:
    """A sealed URL as it was typed in this process; any other as it is."""
    return _typed.get(url, url)


def without_secrets(text: str) -> str:
    """Text without any secret that this process knows: of URLs that were typed, and of the environment."""
    secrets = _known | {value for name in KEYS if len(value := os.environ.get(name, "")) >= SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text
