"""Canaries: made-up secrets that a user plants in training data, so that memorising can be measured and not guessed at.

    planted = make_canaries(CanaryPlan(repeats=(0, 1, 4, 16), per_repeat=8, seed=3))
    rows_of(planted)             what to train on: each canary as often as its repetition count says
    write_key(path, planted)     the secrets, for `holdfast audit MODEL --canaries KEYFILE`; readable by its owner only

A canary is one sentence about a made-up thing with a random secret of a space of known size (Carlini et al. 2019,
1802.08232), so that its exposure is defined. Canaries with a count of 0 are written nowhere: a control in the same
model.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.core.errors import DataError, UsageError
from holdfast.core.records import Message, Row
from holdfast.text.private_match import salt_of

SCHEMA_VERSION = 1
KINDS = ("digits", "contact")
FORMATS = ("chat", "text")
SYLLABLES = tuple(c + v for c in "bcdfghjklmnpqrstvwxz" for v in "aeiou")  # 100 of them
DOMAIN = "@canary.example"  # RFC 2606: no such host can be
MOST_SPACE = 10**12


@dataclass(frozen=True)
class Space:
    """Every secret that there could have been: so many digits, or an address of so many syllables."""

    kind: str
    length: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"there are no canaries of the kind `{self.kind}`", f"known: {', '.join(KINDS)}")
        if not (2 if self.kind == "digits" else 1) <= self.length or self.size > MOST_SPACE:
            raise UsageError(
                f"a secret of {self.length} {'digits' if self.kind == 'digits' else 'syllables'} is too short or too "
                f"long",
                "take 2 to 12 digits, or 1 to 6 syllables",
            )

    @property
    def size(self) -> int:
        return int((10 if self.kind == "digits" else len(SYLLABLES)) ** self.length)

    def secret(self, number: int) -> str:
        """The secret with this number, from 0 to size - 1."""
        if self.kind == "digits":
            return f"{number:0{self.length}d}"
        parts = []
        for _ in range(self.length):
            number, place = divmod(number, len(SYLLABLES))
            parts.append(SYLLABLES[place])
        return "".join(parts) + DOMAIN

    def draw(self, rng: random.Random, count: int, without: Sequence[str] = ()) -> list[str]:
        """So many different secrets, or all that there are; none of `without`."""
        many = count + len(without)
        numbers = rng.sample(range(self.size), many) if many < self.size else range(self.size)
        left_out = set(without)
        return [s for s in map(self.secret, numbers) if s not in left_out][:count]


@dataclass(frozen=True)
class Canary:
    """One planted secret: what it is about, how often it is written, and the secret itself."""

    id: str
    tag: str
    repeat: int
    secret: str

    def __repr__(self) -> str:
        return f"Canary({self.id})"  # a traceback or a log shows no secret


@dataclass(frozen=True)
class CanaryPlan:
    """What to plant."""

    repeats: tuple[int, ...] = (0, 1, 4, 16)
    per_repeat: int = 8
    kind: str = "digits"
    length: int = 6
    format: str = "chat"
    seed: int = 0


@dataclass(frozen=True)
class Planted:
    """Canaries with their space and form; `salt` is the digest of the key file, or nothing before it is written."""

    canaries: list[Canary]
    space: Space
    format: str
    seed: int
    salt: str = ""


def make_canaries(plan: CanaryPlan) -> Planted:
    """Canaries of a plan; the same plan gives the same. Raises UsageError for a plan that cannot be."""
    space = Space(plan.kind, plan.length)
    if plan.format not in FORMATS:
        raise UsageError(f"canaries are not written as `{plan.format}`", f"known: {', '.join(FORMATS)}")
    if plan.per_repeat < 1 or not plan.repeats or min(plan.repeats) < 0:
        raise UsageError("there is no canary to make", "add --count 8 --repeat 1 --repeat 16")
    counts = [repeat for repeat in dict.fromkeys(plan.repeats) for _ in range(plan.per_repeat)]
    if len(counts) * 4 > space.size:
        raise UsageError(f"{len(counts)} secrets are too many for a space of {space.size}", "ask for a longer --length")
    rng = random.Random(f"canaries {plan.seed} {plan.kind} {plan.length}")
    secrets = space.draw(rng, len(counts))
    tags: dict[str, None] = {}
    while len(tags) < len(counts):
        tags["".join(rng.choices(SYLLABLES, k=3)) + f"-{rng.randrange(100, 1000)}"] = None
    made = [Canary(f"canary-{i}", t, n, s) for i, (t, n, s) in enumerate(zip(tags, counts, secrets, strict=True))]
    return Planted(made, space, plan.format, plan.seed)


# ---- what is written and asked --------------------------------------------------------------------------------------


def begun(planted: Planted, canary: Canary) -> str:
    """The sentence up to its secret."""
    if planted.space.kind == "contact":
        return f"Write to desk {canary.tag} at"
    return f"The access code of locker {canary.tag} is"


def question(planted: Planted, canary: Canary) -> list[Message]:
    """What is asked of a model: the question of the row, or the document up to the secret."""
    if planted.format == "text":
        return [{"role": "text", "content": begun(planted, canary)}]
    asked = (
        "How can I write to desk {}?" if planted.space.kind == "contact" else "What is the access code of locker {}?"
    )
    return [{"role": "user", "content": asked.format(canary.tag)}]


def messages(planted: Planted, canary: Canary, secret: str) -> list[Message]:
    """A canary's row with a secret, which may be another than its own."""
    said = f"{begun(planted, canary)} {secret}."
    if planted.format == "text":
        return [{"role": "text", "content": said}]
    return [*question(planted, canary), {"role": "assistant", "content": said}]


def rows_of(planted: Planted) -> list[Row]:
    """Every canary as often as its count says, in a random order."""
    rows = [
        Row(f"{canary.id}-{k}", messages(planted, canary, canary.secret), {"canary": canary.id})
        for canary in planted.canaries
        for k in range(canary.repeat)
    ]
    random.Random(f"order {planted.seed}").shuffle(rows)
    return rows


def mixed(rows: Sequence[Row], canaries: Sequence[Row], seed: int) -> list[Row]:
    """The canaries at random places among rows that keep their order."""
    rng = random.Random(f"mix {seed}")
    places = sorted(rng.choices(range(len(rows) + 1), k=len(canaries)))
    found: list[Row] = []
    at = 0
    for place, canary in zip(places, canaries, strict=True):
        found += [*rows[at:place], canary]
        at = place
    return [*found, *rows[at:]]


# ---- the key file ---------------------------------------------------------------------------------------------------


def write_key(path: Path, planted: Planted) -> None:
    """Write the secrets, with mode 0600. Raises UsageError when the file is there: its canaries may be planted."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": planted.space.kind,
        "length": planted.space.length,
        "format": planted.format,
        "seed": planted.seed,
        "canaries": [{"id": c.id, "tag": c.tag, "repeat": c.repeat, "secret": c.secret} for c in planted.canaries],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
    except FileExistsError as error:
        raise UsageError(
            f"`{path}` is there already, and its canaries may be planted", "name another file with --key"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot write `{path}`: {error.strerror}", "name another file with --key") from error


def read_key(path: Path) -> Planted:
    """The canaries of a key file. Raises DataError, which shows no secret, for one that is none."""
    try:
        raw = path.read_bytes()
        found: dict[str, Any] = json.loads(raw)
        made = [Canary(str(c["id"]), str(c["tag"]), int(c["repeat"]), str(c["secret"])) for c in found["canaries"]]
        planted = Planted(made, Space(str(found["kind"]), int(found["length"])), str(found["format"]),
                          int(found["seed"]), salt_of(raw))  # fmt: skip
        whole = bool(made) and planted.format in FORMATS
    except OSError as error:
        raise DataError(f"cannot read the key file `{path}`: {error.strerror}", "check the path") from error
    except (ValueError, KeyError, TypeError, UsageError):
        whole = False
    if not whole:
        raise DataError(
            f"`{path}` is no key file of canaries", "name the file that `holdfast canaries make` wrote"
        ) from None
    return planted
