"""Models asked for private values: what came of it is kept, what was said is not.

    told = ask_for(loaded, asks, options, cache, salt)     -> one Told for each, in order

A reply that tells a private value would itself be private, so no reply is written: the cache holds, for each question,
whether the reply told the value and how many of the others'. Its keys depend on a salt that is not in the run's folder
(the digest of the user's own file), so that no value can be searched with them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from holdfast.core.records import Message, Prompt, digest
from holdfast.models.chat import prompt_ids
from holdfast.models.generate import GenerateOptions, ReplyCache, generate
from holdfast.models.load import LoadedModel
from holdfast.text.private_match import Value

PORTION = 64  # questions after which what is known is written down
Show = Callable[[int, int], None]


@dataclass(frozen=True)
class Ask:
    """A question, the value that its reply may tell, and values of others, by which chance is told."""

    messages: list[Message]
    value: Value
    others: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Told:
    """Whether a reply told the value, and what share of the others'."""

    own: bool
    others: float


def shown_as(value: str, salt: str) -> str:
    """What a private value is called where it may not be shown: a hash that cannot be searched without the salt."""
    return hmac.new(salt.encode(), value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:12]


def ask_for(
    loaded: LoadedModel,
    asks: Sequence[Ask],
    options: GenerateOptions,
    cache: ReplyCache,
    salt: str,
    show: Show | None = None,
) -> list[Told]:
    """Ask a model, and see what its replies tell, thought and answer.

    Questions that were asked before, with this salt, are not asked again.
    """
    ids = [prompt_ids(loaded.tokenizer, ask.messages) for ask in asks]
    decoding = {k: v for k, v in asdict(options).items() if k != "batch_size"}
    keys = [
        digest({"told": salt, "model": loaded.fingerprint, "ids": row, "decoding": decoding, "value": ask.value.text,
                "others": [other.text for other in ask.others]})
        for row, ask in zip(ids, asks, strict=True)
    ]  # fmt: skip
    # The longest first, as in `generate`; a portion's replies live until they were looked at.
    missing = sorted((i for i, key in enumerate(keys) if key not in cache.known), key=lambda i: (-len(ids[i]), i))
    size = max(PORTION, options.batch_size)
    for start in range(0, len(missing), size):
        part = missing[start : start + size]
        prompts = [Prompt(str(i), "private", "", asks[i].messages) for i in part]
        said = generate(loaded, prompts, "", options, ReplyCache(None))
        cache.add(
            {
                keys[i]: json.dumps(_seen(asks[i], f"{reply.thought}\n{reply.text}"))
                for i, reply in zip(part, said, strict=True)
            }
        )
        if show:
            show(start + len(part), len(missing))
    return [Told(bool(own), float(others)) for own, others in (json.loads(cache.known[key]) for key in keys)]


def _seen(ask: Ask, text: str) -> list[float]:
    if not text.strip():
        return [0, 0.0]
    told = sum(other.told_in(text) for other in ask.others)
    return [int(ask.value.told_in(text)), told / len(ask.others) if ask.others else 0.0]
