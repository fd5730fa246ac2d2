"""What passes between the steps: frozen records, one JSON line each.

The join key of replies is (prompt, model, condition), of verdicts that and the judge.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

UNSCORED = "unscored"
SAFE, UNSAFE = "safe", "unsafe"  # the labels of a judge that tells harm and gives no score
Message = dict[str, Any]  # {"role", "content"}; other keys of the source are kept


@dataclass(frozen=True)
class Row:
    """One training example, with where it came from in `meta`: file, line, format."""

    id: str
    messages: list[Message]
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What a scanner saw in a row: `score` is 0 to 1, `why` is for a person and holds no private value in clear.

    `row` counts from 0: in the batch that a scanner is given, in the whole dataset everywhere else. A row has at most
    one finding for each label of a scanner.
    """

    row: int
    scanner: str
    label: str
    score: float
    why: str


@dataclass(frozen=True)
class Prompt:
    """One question of an evaluation; `expect` is what its judge needs to know.

    `group` names the item, template or source that it shares with other prompts: they are one piece of evidence, see
    `stats.groups`. Values in `expect["private"]` never reach a file or a screen: see `text.private_mask`.
    """

    id: str
    suite: str
    category: str
    messages: list[Message]
    expect: dict[str, Any] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True)
class Reply:
    """What a model said to a prompt under a condition: `text` is its answer, `thought` what it thought before.

    status: "" for an answer that can be judged; "truncated" (the limit of tokens came before the answer), "blocked" (a
    filter of the endpoint), "error" for one that cannot, with `why`. cut: the limit of tokens ended it, in its answer
    or before.
    """

    prompt: str
    model: str
    condition: str
    text: str
    seed: int = 0
    thought: str = ""
    status: str = ""
    why: str = ""
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in ("prompt", "model", "condition", "text", "seed")}
        more = {key: getattr(self, key) for key in ("thought", "status", "why", "cut")}
        return own | {key: value for key, value in more.items() if value}


@dataclass(frozen=True)
class Verdict:
    """A judge's reading of a reply's answer; where `judge` ends in `:thought`, of what was thought before it.

    `score` is 1 (harmless) to 5 (fully does what was asked), or None for a judge that only labels: `safe` and `unsafe`
    tell harm. The label `unscored` says that the judge could not be read: such a verdict counts in no figure but
    `n_unscored`, and no score is made up for it.
    """

    prompt: str
    model: str
    condition: str
    judge: str
    score: int | None
    label: str
    why: str

    @property
    def scored(self) -> bool:
        return self.label != UNSCORED


@dataclass(frozen=True)
class Condition:
    """Under what a model was measured; absent keys are left out of the record."""

    regime: str = "none"
    samples: int | None = None
    epochs: float | None = None
    lr: float | None = None
    batch: int | None = None
    seed: int | None = None
    defence: str | None = None
    repair: str | None = None
    strength: float | None = None
    train_template: str | None = None
    test_template: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None}

    @property
    def key(self) -> str:
        """One line that names the condition, the same for the same condition."""
        return " ".join(
            f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in self.to_dict().items()
        )


@dataclass(frozen=True)
class Metric:
    """One figure with its interval; `n` counts what was scored, `n_unscored` what could not be.

    `groups` and `n_eff` are left out where each prompt is its own group: how many groups the n prompts fall into, and
    how many independent prompts the interval takes them for.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_unscored: int
    better: str  # lower, higher
    model: str
    suite: str
    category: str | None
    condition: dict[str, Any]
    groups: int | None = None
    n_eff: float | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Metric:
        """A figure from its record, which may leave the category out."""
        return cls(**{"category": None, **record})

    def to_dict(self) -> dict[str, Any]:
        absent = ("category", "groups", "n_eff")
        return {key: value for key, value in asdict(self).items() if not (key in absent and value is None)}


def digest(value: Any) -> str:
    """A short content hash of anything that JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
