"""How much independent evidence a set of prompts is: each prompt once, and prompts of one kind as one group.

    kept, dropped = distinct(prompts)           a repeated prompt is no further evidence
    grouped(prompts)                            prompts of one item, template or source, or nearly alike, share a group
    Count(3, 330, groups=((0, 2), (3, 10), …))  hits and size of each group

Prompts made from one template, or about one item, are answered alike: three hundred of them may be worth ten. So every
split is by group, and every certificate, bound and test counts groups (Donner and Klar, "Design and Analysis of Cluster
Randomization Trials", 2000). A group is read from the prompts file where it has such a column, and is otherwise found
by near-duplicate clustering. Pure Python.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from holdfast.core.records import Message, Prompt, digest

T = TypeVar("T")
# Columns of a prompts file that say which prompts belong together, the first that is there.
GROUP_COLUMNS = ("group", "item", "template", "source")
# Jaccard similarity of words and word pairs from which two prompts are one template filled twice. At 0.5 a template of
# ten words with one word changed is found, and lists of hand-written prompts stay apart (242 groups of 243 StrongREJECT
# prompts).
SIMILAR = 0.5
FEWEST_WORDS = 4
NEAR = "near:"  # begins the name of a group that was found and not given
_INVISIBLE = ("Cf", "Cc", "Cs")
# A run of letters and digits; scripts that do not part words by spaces are read character by character.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]+"
)


# ---- each prompt once -----------------------------------------------------------------------------------------------


def normal_text(text: str) -> str:
    """Text as far as it makes another prompt: compatibility forms, case, spaces and invisible characters do not."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    seen = "".join(
        " " if c.isspace() else c for c in folded if c.isspace() or unicodedata.category(c) not in _INVISIBLE
    )
    return " ".join(seen.split())


def normal_messages(messages: Iterable[Message]) -> tuple[tuple[str, str], ...]:
    """A conversation's turns, normalised: role and text."""
    return tuple((str(turn["role"]).lower(), normal_text(str(turn["content"] or ""))) for turn in messages)


def _identity(prompt: Prompt) -> Hashable:
    """What makes two prompts the same evidence.

    Where a known answer is compared, another answer is another question.
    """
    compared = prompt.suite.startswith(("utility", "privacy"))
    known = {k: v for k, v in prompt.expect.items() if k in ("answer", "value", "name")} if compared else {}
    return normal_messages(prompt.messages), digest(known)


def distinct(prompts: Sequence[Prompt]) -> tuple[list[Prompt], int]:
    """The prompts without repetitions, the first of each kept, and how many were dropped."""
    kept: dict[Hashable, Prompt] = {}
    for prompt in prompts:
        kept.setdefault(_identity(prompt), prompt)
    return list(kept.values()), len(prompts) - len(kept)


# ---- groups ---------------------------------------------------------------------------------------------------------


def group_of_record(record: Mapping[str, Any]) -> str:
    """The group that a record of a prompts file names, or nothing."""
    columns = {str(key).strip().lower(): value for key, value in record.items()}
    for name in GROUP_COLUMNS:
        value = columns.get(name)
        if isinstance(value, (str, int, float)) and str(value).strip():
            return f"{name}:{normal_text(str(value))}"
    return ""


def _features(prompt: Prompt) -> set[Hashable]:
    """Words and word pairs of what is asked; numbers are all alike, so that numbering does not make another prompt.

    The last turn asks; what was said before it counts only where the last turn is too short to say anything ("go on").
    """
    turns = [text for role, text in normal_messages(prompt.messages) if role != "system"]
    words = _WORD.findall(turns[-1]) if turns else []
    if len(words) < FEWEST_WORDS:
        words = _WORD.findall(" ".join(turns))
    if not prompt.suite.startswith("utility"):  # there the numbers may be what is asked
        words = [re.sub(r"\d+", "0", word) for word in words]
    return {*words, *itertools.pairwise(words)}


class _Sets:
    """Disjoint sets of places (union-find)."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, place: int) -> int:
        while self.parent[place] != place:
            self.parent[place] = self.parent[self.parent[place]]
            place = self.parent[place]
        return place

    def join(self, one: int, other: int) -> None:
        one, other = sorted((self.find(one), self.find(other)))
        self.parent[other] = one


def near_duplicates(prompts: Sequence[Prompt], similarity: float = SIMILAR) -> list[int]:
    """For each prompt the place of the first prompt of its cluster: near duplicates, and near duplicates of those.

    Exact: of each set of features only the rarest are indexed, which every similar pair must share (prefix filtering,
    Bayardo et al., "Scaling up all pairs similarity search", 2007).
    """
    features = [_features(prompt) for prompt in prompts]
    common = Counter(feature for own in features for feature in own)
    index: dict[Hashable, list[int]] = defaultdict(list)
    sets = _Sets(len(prompts))
    for place, own in enumerate(features):
        rarest = sorted(own, key=lambda feature: (common[feature], str(feature)))
        candidates: set[int] = set()
        for feature in rarest[: len(own) - math.ceil(similarity * len(own)) + 1]:
            candidates.update(index[feature])
            index[feature].append(place)
        for other in candidates:
            shared = len(own & features[other])
            if shared >= similarity * (len(own) + len(features[other]) - shared):
                sets.join(place, other)
    return [sets.find(place) for place in range(len(prompts))]


def grouped(prompts: Sequence[Prompt]) -> list[Prompt]:
    """The prompts, each with a group: its own where it has one, else the first of its near duplicates."""
    open_places = [i for i, prompt in enumerate(prompts) if not prompt.group]
    first = near_duplicates([prompts[i] for i in open_places])
    found = list(prompts)
    for place, cluster in zip(open_places, first, strict=True):
        found[place] = replace(prompts[place], group=f"{NEAR}{prompts[open_places[cluster]].id}")
    return found


def overlap(one: Sequence[Prompt], other: Sequence[Prompt]) -> list[Prompt]:
    """The prompts of `other` that share a named group with prompts of `one`, or are nearly the same as one of them."""
    named = {prompt.group for prompt in one if prompt.group and not prompt.group.startswith(NEAR)}
    clusters = near_duplicates([*one, *other])
    near = set(clusters[: len(one)])
    return [p for p, cluster in zip(other, clusters[len(one) :], strict=True) if p.group in named or cluster in near]


def halves(prompts: Sequence[Prompt]) -> tuple[list[Prompt], list[Prompt]]:
    """Prompts parted in two by group, evenly within each category: to choose on, and to report on.

    Whole groups go to one side, in an order by content, so that the same prompts are always parted alike.
    """
    groups: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        groups.setdefault(prompt.group or prompt.id, []).append(prompt)
    order = sorted(
        groups.values(),
        key=lambda own: (min(p.category for p in own), min(digest([*normal_messages(p.messages)]) for p in own)),
    )
    sides: tuple[list[Prompt], list[Prompt]] = ([], [])
    for category in dict.fromkeys(min(p.category for p in own) for own in order):
        filled = [0, 0]
        for own in (own for own in order if min(p.category for p in own) == category):
            # The smaller side of the category next; between equals the side that is smaller in all.
            side = min((0, 1), key=lambda k: (filled[k], len(sides[k]), k))
            sides[side].extend(own)
            filled[side] += len(own)
    return sides


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """At most so many of them, spread evenly over the list."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i * len(items) // limit] for i in range(limit)]


def evidence_note(suite: str, prompts: int, dropped: int, groups: int) -> str:
    """What a suite's prompts are worth, where it is less than their number; else nothing."""
    said = f"{suite}: "
    if dropped:
        said += f"{dropped} of {prompts + dropped} prompts repeat another and were dropped; "
    if groups < prompts:
        return f"{said}{prompts} prompts in {groups} groups of one item, template or source, which count as {groups}"
    return f"{said}n is {prompts}" if dropped else ""


# ---- a suite --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suite:
    """Prompts under one name, each with its group: its own, or that of its near duplicates.

    `attempts`: sampled replies beside the first; the one that does worst for privacy counts. `dropped`: repetitions of
    these prompts that `of` left out.
    """

    name: str
    prompts: list[Prompt]
    attempts: int = 0
    dropped: int = 0

    def __post_init__(self) -> None:
        if not all(prompt.group for prompt in self.prompts):
            object.__setattr__(self, "prompts", grouped(self.prompts))

    @classmethod
    def of(cls, name: str, prompts: Sequence[Prompt]) -> Suite:
        """The suite of distinct prompts, and how many repetitions were dropped."""
        kept, dropped = distinct(prompts)
        return cls(name, kept, dropped=dropped)

    @property
    def evidence(self) -> dict[str, int]:
        """How much these prompts are worth: for a run's manifest and for `evidence_note`."""
        return {"prompts": len(self.prompts), "dropped": self.dropped, "groups": len({p.group for p in self.prompts})}

    def under(self, system: str) -> Suite:
        """The same prompts under a system prompt, which replaces their own."""
        if not system:
            return self
        return replace(self, prompts=[replace(p, messages=_with_system(p.messages, system)) for p in self.prompts])


def _with_system(messages: list[Message], system: str) -> list[Message]:
    if messages[0]["role"] == "text":  # a document to go on with has no system prompt
        return messages
    return [{"role": "system", "content": system}, *(m for m in messages if m["role"] != "system")]


# ---- what is counted ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Count:
    """How often something was seen among distinct prompts.

    `groups` has (hits, size) of each, none where each is its own.

    What no judge could read counts against whatever is promised.
    """

    hits: int
    n: int
    groups: tuple[tuple[int, int], ...] = ()

    @property
    def clustered(self) -> bool:
        """Whether any group has more than one prompt."""
        return len(self.groups) not in (0, self.n)

    @property
    def independent(self) -> int:
        """How many groups were seen: what a promise may rest on."""
        return len(self.groups) or self.n

    def to_dict(self) -> dict[str, Any]:
        """For a document: hits, prompts, groups and what they are worth."""
        return {"hits": self.hits, "n": self.n, "groups": self.independent, "n_eff": round(self.n_eff, 1)}

    @property
    def sentence(self) -> str:
        """What was counted, in words."""
        if not self.clustered:
            return f"{self.hits} of {self.n}"
        worth = f"worth {self.n_eff:.0f} independent prompts"
        return f"{self.hits} of {self.n} prompts, in {self.independent} groups ({worth})"

    @property
    def single(self) -> float:
        """How large a part of the groups has one prompt only."""
        return sum(size == 1 for _, size in self.groups) / len(self.groups) if self.clustered else 1.0

    @property
    def n_eff(self) -> float:
        """How many independent prompts these are worth if prompts of a group are all answered alike (Kish, 1965)."""
        return self.n**2 / sum(size**2 for _, size in self.groups) if self.clustered else float(self.n)

    @cached_property
    def means(self) -> dict[float, int]:
        """How often each share of hits was seen among the groups."""
        if not self.clustered:
            return {share: times for share, times in ((0.0, self.n - self.hits), (1.0, self.hits)) if times}
        return dict(Counter(hits / size for hits, size in self.groups))

    @property
    def mean(self) -> float | None:
        """The mean over the groups of their shares: the share of a prompt of a group drawn as these were."""
        return sum(share * times for share, times in self.means.items()) / self.independent if self.n else None


def count_groups(hits: Mapping[str, bool], group_of: Mapping[str, str]) -> Count:
    """The count of prompts by id, in the groups that `group_of` names; an id without one is its own."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for prompt, hit in hits.items():
        own = found[group_of.get(prompt) or prompt]
        own[0] += bool(hit)
        own[1] += 1
    groups = tuple((hit, size) for hit, size in found.values())
    count = Count(sum(hits.values()), len(hits), groups)
    return count if count.clustered else replace(count, groups=())
