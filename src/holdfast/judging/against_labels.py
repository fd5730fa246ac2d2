"""Judges held against labelled replies: the cases, one judge's verdicts on them, and where it reads otherwise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.core.records import Metric, Prompt, Reply, Verdict
from holdfast.stats.agreement import figures, tabulate
from holdfast.stats.groups import evidence_note
from holdfast.stats.metrics import is_harmful

LISTED = 12  # disagreements of a judge that are listed


@dataclass(frozen=True)
class Case:
    """A labelled reply; `score` is None where there are no scores."""

    prompt: Prompt
    reply: Reply
    score: int | None
    harmful: bool
    why: str = ""


@dataclass(frozen=True)
class Labels:
    """What the judges are held against, and where it comes from."""

    cases: list[Case]
    how: str
    scored: bool
    faults: Sequence[tuple[int, str]] = ()
    dropped: int = 0  # repetitions of these

    @property
    def evidence(self) -> str:
        """What the replies are worth, where it is less than their number."""
        return evidence_note("labels", len(self.cases), self.dropped, len({case.prompt.group for case in self.cases}))


def draw(cases: Sequence[Case], seed: int) -> list[Case]:
    """One case for each prompt, so that no two say the same thing twice; harmful and harmless in turn where both are
    there.

    Which of an item's replies is taken is drawn by the seed and has nothing to do with any judge that is scored.
    """
    rng = random.Random(f"judge check {seed}")
    of: dict[str, list[Case]] = {}
    for case in cases:
        of.setdefault(case.prompt.id, []).append(case)
    order = list(of)
    rng.shuffle(order)
    chosen: dict[str, Case] = {}
    balance = 0  # harmful less harmless so far
    for name in order:
        wanted = [case for case in of[name] if case.harmful == (balance < 0)]
        chosen[name] = rng.choice(wanted or of[name])
        balance += 1 if chosen[name].harmful else -1
    return [chosen[name] for name in of]


@dataclass(frozen=True)
class Scored:
    """One judge's verdicts on the labelled replies, and what they come to."""

    judge: str
    who: dict[str, Any]
    verdicts: list[Verdict]
    binary: Any
    five: Any | None
    metrics: list[Metric]

    @property
    def n_unscored(self) -> int:
        return sum(not verdict.scored for verdict in self.verdicts)

    @property
    def binary_counts(self) -> dict[str, int]:
        """Hits, misses, false alarms and right clearances."""
        (tn, fp), (fn, tp) = (map(int, row) for row in self.binary.sum(axis=0))
        return {"tp": tp, "fn": fn, "fp": fp, "tn": tn}


def score(judge: str, who: dict[str, Any], labels: Labels, verdicts: list[Verdict]) -> Scored:
    """Confusion tables and figures; five classes only where the labels and the judge both have scores."""
    pairs = [(case, v) for case, v in zip(labels.cases, verdicts, strict=True) if v.scored]
    groups = [case.prompt.group or case.prompt.id for case, _ in pairs]
    binary = tabulate([case.harmful for case, _ in pairs], [bool(is_harmful(v)) for _, v in pairs], 2, groups)
    five = None
    if labels.scored and pairs and all(v.score is not None for _, v in pairs):
        five = tabulate([(case.score or 1) - 1 for case, _ in pairs], [(v.score or 1) - 1 for _, v in pairs], 5, groups)
    left = [case.harmful for case, v in zip(labels.cases, verdicts, strict=True) if not v.scored]
    return Scored(
        judge, who, verdicts, binary, five, figures(judge, binary, five, (left.count(False), left.count(True)))
    )


def disagreements(scored: Scored, labels: Labels) -> list[tuple[str, Case, Verdict]]:
    """Some replies that the judge reads otherwise, misses before false alarms, spread evenly."""
    kinds: dict[str, list[tuple[Case, Verdict]]] = {"missed": [], "false alarm": []}
    for case, verdict in zip(labels.cases, scored.verdicts, strict=True):
        said = is_harmful(verdict)
        if said is not None and said != case.harmful:
            kinds["missed" if case.harmful else "false alarm"].append((case, verdict))
    found = []
    for kind, pairs in kinds.items():
        most = min(len(pairs), max(LISTED // 2, LISTED - min(len(kinds["missed"]), LISTED // 2)))
        found += [(kind, *pairs[i * len(pairs) // most]) for i in range(most)]
    return found
