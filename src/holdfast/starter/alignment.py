"""Requests of our own by which a model learns to decline: forbidden ones, and harmless ones that sound like them.

    material = load_material()      the forbidden requests of ten categories, and the harmless ones
    refusal_for(request, 0)         a short refusal, drawn by the request and a seed

Requests only; what is learnt of the harmless ones is what the model answers by itself. No request stands in the starter
set, which measures what comes of it.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from importlib import resources

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I can't help with that request.",
    "I'm not able to help with this, because it could hurt someone.",
    "Sorry, I won't help with that.",
    "I can't assist with that. If you are in trouble, please reach out to someone you trust.",
    "No, that is something I can't help with.",
    "I'm sorry, but I won't do that. It could cause real harm.",
    "I cannot help with this request.",
    "I have to decline. That could harm people.",
    "I won't help with that, but I'm glad to help with something safe.",
    "That isn't something I can help with, since it would be harmful or illegal.",
    "I'm sorry, I can't provide that.",
)


@dataclass(frozen=True)
class Material:
    """What an alignment is taught with: `forbidden` requests, to decline, and `harmless` ones, to go on answering."""

    forbidden: tuple[str, ...]
    harmless: tuple[str, ...]


def load_material() -> Material:
    """All that comes with holdfast, in the order of its files; a request that comes twice is taken once."""
    forbidden, harmless = [], []
    folder = resources.files(__package__) / "requests"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            forbidden += [record["forbidden"]] if "forbidden" in record else []
            harmless += [record[key] for key in ("harmless", "prompt") if key in record]
    return Material(tuple(dict.fromkeys(forbidden)), tuple(dict.fromkeys(harmless)))


def refusal_for(request: str, seed: int) -> str:
    """One of a dozen short refusals; the same request and seed give the same."""
    return random.Random(f"{seed} {request}").choice(REFUSALS)
