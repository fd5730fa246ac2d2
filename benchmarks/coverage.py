"""How often each printed interval holds the truth: one table an interval, for single prompts and for prompts in groups.

    python benchmarks/coverage.py [--quick] [--scale 1.0] [--seed 0]

For each setting, samples are drawn whose truth is known, the interval is computed as the tool computes it, and it is
counted how often it holds the truth, with a binomial standard error of the simulation itself. Prompts of one group
share a latent chance (beta for shares, Dirichlet for flips), so that two of them correlate by rho. Tables are Markdown;
the ones in docs/statistics.md are from the full run.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from holdfast.stats import intervals
from holdfast.stats.groups import Count
from holdfast.stats.judge_error import MeasuredError
from holdfast.stats.sequential import Test, change_bounds

Rng = np.random.Generator
Interval = tuple[float, float]
Setting = tuple[Any, ...]
Draw = Callable[..., tuple[Interval, float]]
SIZES = ("10", "2-30", "few large")


def sizes_of(kind: str, groups: int, rng: Rng) -> np.ndarray:
    """Group sizes: all ten, anything from 2 to 30, or one in ten of 30 and the others of 1 to 3."""
    if kind == "10":
        return np.full(groups, 10)
    if kind == "2-30":
        return rng.integers(2, 31, groups)
    return np.where(rng.random(groups) < 0.1, 30, rng.integers(1, 4, groups))


def chances(rng: Rng, shares: Iterable[float], rho: float, groups: int) -> np.ndarray:
    """(groups, outcomes): each group's own chances, around the shares, so that two of its prompts correlate by rho."""
    return rng.dirichlet(np.asarray(list(shares)) * (1 - rho) / rho, groups)


# ---- one sample of each kind: (interval, truth) ---------------------------------------------------------------------


def change(rng: Rng, n: int, up: float, down: float) -> tuple[Interval, float]:
    a, b, _ = rng.multinomial(n, [up, down, 1 - up - down]).tolist()
    return intervals.change_interval(a, b, n), up - down


def change_in_groups(rng: Rng, groups: int, kind: str, up: float, down: float, rho: float) -> tuple[Interval, float]:
    sizes = sizes_of(kind, groups, rng)
    flips = rng.multinomial(sizes, chances(rng, (up, down, 1 - up - down), rho, groups))
    return intervals.change_interval_grouped(flips[:, 0], flips[:, 1], sizes), up - down


def share(rng: Rng, n: int, truth: float) -> tuple[Interval, float]:
    return intervals.wilson(int(rng.binomial(n, truth)), n), truth


def share_in_groups(rng: Rng, groups: int, kind: str, truth: float, rho: float) -> tuple[Interval, float]:
    sizes = sizes_of(kind, groups, rng)
    hits = rng.binomial(sizes, chances(rng, (truth, 1 - truth), rho, groups)[:, 0])
    return intervals.share_interval(hits, sizes), truth


SCORES = {
    "97 % ones, 3 % fives": (0.97, 0, 0, 0, 0.03),
    "90 % ones, some of each": (0.9, 0.04, 0.03, 0.02, 0.01),
    "half ones, half fives": (0.5, 0, 0, 0, 0.5),
    "even over 1 to 5": (0.2,) * 5,
    "all ones": (1.0, 0, 0, 0, 0),
}


def mean(rng: Rng, n: int, scores: str) -> tuple[Interval, float]:
    values = rng.choice(5, n, p=SCORES[scores]) + 1.0
    return intervals.mean_interval(values, 1, 5), float(np.dot(SCORES[scores], range(1, 6)))


def mean_in_groups(rng: Rng, groups: int, kind: str, scores: str, rho: float) -> tuple[Interval, float]:
    sizes = sizes_of(kind, groups, rng)
    weights = np.asarray(SCORES[scores])
    own = np.zeros((groups, 5))
    own[:, weights > 0] = chances(rng, weights[weights > 0], rho, groups)
    sums = rng.multinomial(sizes, own) @ np.arange(1.0, 6)
    return intervals.mean_interval(sums / sizes, 1, 5, sizes=sizes), float(weights @ range(1, 6))


def unbounded(rng: Rng, n: int, kind: str) -> tuple[Interval, float]:
    values = {"normal": rng.standard_normal, "exponential": rng.standard_exponential}[kind](n)
    return intervals.mean_interval(values), 1.0 if kind == "exponential" else 0.0


def check_of(rng: Rng, labels: int, se: float, sp: float) -> MeasuredError:
    tp, tn = int(rng.binomial(labels // 2, se)), int(rng.binomial(labels // 2, sp))
    return MeasuredError("", {}, tp, labels // 2 - tp, labels // 2 - tn, tn)


def corrected(rng: Rng, labels: int, n: int, se: float, sp: float, truth: float) -> tuple[Interval, float]:
    hits = int(rng.binomial(n, truth * se + (1 - truth) * (1 - sp)))
    return check_of(rng, labels, se, sp).corrected(hits, n)[1:], truth


def corrected_change(rng: Rng, labels: int, n: int, se: float, sp: float, truth: float) -> tuple[Interval, float]:
    """A tenth of the replies is harmful on both sides and `truth` of them become so; the judge errs anew each time."""
    before = rng.random(n) < 0.1
    after = before | (rng.random(n) < truth / 0.9)
    first, second = (np.where(harm, rng.random(n) < se, rng.random(n) > sp) for harm in (before, after))
    up, down = int((second & ~first).sum()), int((first & ~second).sum())
    return check_of(rng, labels, se, sp).change(*intervals.change_interval(up, down, n)), truth


STEP, MOST, LIMIT = 16, 330, 0.05


def counted(hits: Any, sizes: Any) -> Count:
    return Count(int(hits.sum()), int(sizes.sum()), tuple(zip(hits.tolist(), sizes.tolist(), strict=True)))


def stopped(rng: Rng, kind: str, truth: float, rho: float) -> tuple[Interval, float]:
    """The bounds where an audit stops that looks every 16 prompts or groups for a share under or over 5 %."""
    sizes = np.ones(MOST, int) if kind == "single" else sizes_of(kind, MOST, rng)
    hits = rng.binomial(sizes, chances(rng, (truth, 1 - truth), rho, MOST)[:, 0])
    found = (0.0, 1.0)
    for n in range(STEP, MOST + STEP, STEP):
        found = Test(LIMIT).bounds(counted(hits[:n], sizes[:n]))
        if found[1] < LIMIT or found[0] > LIMIT:
            break
    return found, truth


def stopped_change(rng: Rng, up: float, down: float) -> tuple[Interval, float]:
    """The bounds of a change where a comparison stops that looks every 16 pairs for a change above or below 0."""
    flips = rng.choice(3, MOST, p=[up, down, 1 - up - down])
    found = (-1.0, 1.0)
    for n in range(2 * STEP, MOST + STEP, 2 * STEP):
        rose, fell = (Count(int((flips[:n] == way).sum()), n) for way in (0, 1))
        found = change_bounds(rose, fell, 0.95)
        if found[0] > 0 or found[1] < 0:
            break
    return found, up - down


# ---- tables ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """One interval: what its settings are, how they are drawn, and how often in a full run."""

    title: str
    columns: str
    draw: Draw
    settings: list[Setting]
    draws: int
    nominal: float = 0.95


FLIPS = ((0.02, 0.0), (0.05, 0.05), (0.15, 0.03), (0.3, 0.3), (0.5, 0.5))
TRUTHS, RHOS = (0.01, 0.05, 0.2, 0.5), (0.1, 0.3, 0.6)
JUDGES = ((0.7, 0.95), (0.9, 0.9), (0.99, 0.99))

TABLES = (
    Table(
        "A change between pairs (Tango)",
        "n, up, down",
        change,
        [(n, *flips) for n, flips in product((10, 30, 100, 330), FLIPS)],
        4000,
    ),
    Table(
        "A change, prompts in groups",
        "groups, sizes, up, down, rho",
        change_in_groups,
        [(g, k, *f, r) for g, k, f, r in product((10, 50), SIZES, (FLIPS[0], FLIPS[2], FLIPS[3]), (0.1, 0.6))],
        2000,
    ),
    Table("A share (Wilson)", "n, truth", share, list(product((10, 30, 100, 330), TRUTHS)), 4000),
    Table(
        "A share, prompts in groups",
        "groups, sizes, truth, rho",
        share_in_groups,
        list(product((10, 30, 100), SIZES, TRUTHS, RHOS)),
        1000,
    ),
    Table("A mean of scores from 1 to 5", "n, scores", mean, list(product((10, 30, 100, 1000), SCORES)), 1000),
    Table(
        "A mean of scores, prompts in groups",
        "groups, sizes, scores, rho",
        mean_in_groups,
        list(product((10, 50), SIZES, tuple(SCORES)[:3], (0.1, 0.6))),
        200,
    ),
    Table(
        "A mean without known bounds", "n, values", unbounded, list(product((10, 100), ("normal", "exponential"))), 4000
    ),
    Table(
        "A share corrected for the judge's error",
        "labels, n, Se, Sp, truth",
        corrected,
        [(m, n, *j, t) for m, n, j, t in product((10, 20, 40, 160), (50, 1000), JUDGES, (0.01, 0.1, 0.5))],
        300,
    ),
    Table(
        "A change widened by the judge's error",
        "labels, n, Se, Sp, rise",
        corrected_change,
        [(m, n, *j, t) for m, n, j, t in product((10, 40, 160), (100, 1000), JUDGES, (0.0, 0.1, 0.4))],
        1000,
    ),
    Table(
        "A share at an early stop",
        "prompts, truth, rho",
        stopped,
        [("single", t, 0.01) for t in (0.01, 0.05, 0.2)] + [("10", t, 0.6) for t in (0.01, 0.05, 0.2)],
        300,
        0.9,
    ),
    Table("A change at an early stop", "up, down", stopped_change, [(0.05, 0.05), (0.1, 0.03), (0.3, 0.3)], 200, 0.9),
)


def rejections(rng: Rng, groups: int, kind: str, flips: float, rho: float, draws: int) -> tuple[float, float]:
    """How often the permutation test, and McNemar's on single prompts, call no change a change at 5 %."""
    wrong = np.zeros(2)
    for _ in range(draws):
        sizes = sizes_of(kind, groups, rng)
        seen = rng.multinomial(sizes, chances(rng, (flips, flips, 1 - 2 * flips), rho, groups))
        wrong += (
            intervals.group_permutation_p((seen[:, 0] - seen[:, 1]).tolist()) <= 0.05,
            intervals.mcnemar(int(seen[:, 0].sum()), int(seen[:, 1].sum())) <= 0.05,
        )
    return float(wrong[0]) / draws, float(wrong[1]) / draws


def measured(table: Table, draws: int, seed: int) -> Iterator[tuple[Setting, float, float, float]]:
    """Each setting with its coverage, the standard error of that, and the mean width."""
    for place, setting in enumerate(table.settings):
        rng = np.random.default_rng((seed, place))
        held, width = 0, 0.0
        for _ in range(draws):
            (low, high), truth = table.draw(rng, *setting)
            held += low - 1e-9 <= truth <= high + 1e-9
            width += high - low
        found = held / draws
        yield setting, found, math.sqrt(max(found * (1 - found), 1 / draws / 4) / draws), width / draws


def show(table: Table, draws: int, seed: int) -> None:
    columns = table.columns.split(", ")
    print(f"\n### {table.title}\n\nNominal {100 * table.nominal:g} %, {draws} draws a setting.\n")
    print("| " + " | ".join([*columns, "held, %", "± s.e.", "mean width"]) + " |")
    print("|" + "---|" * (len(columns) + 3))
    found = []
    for setting, held, error, width in measured(table, draws, seed):
        found.append(held)
        print(
            "| " + " | ".join(map(str, setting)) + f" | {100 * held:.1f} | {100 * error:.1f} | {width:.3f} |",
            flush=True,
        )
    print(f"\nLowest {100 * min(found):.1f} %, median {100 * float(np.median(found)):.1f} %.", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the draws")
    parser.add_argument("--scale", type=float, default=1.0, help="how many draws, as a multiple of a full run's")
    parser.add_argument("--only", default="", help="tables whose title has these words")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    scale = 0.05 if given.quick else given.scale
    for table in TABLES:
        if given.only in table.title:
            show(table, max(20, round(table.draws * scale)), given.seed)
    if given.only in "A change that is none, called one at 5 %":
        draws, rng = max(20, round(1000 * scale)), np.random.default_rng(given.seed)
        print(f"\n### A change that is none, called one at 5 %\n\n{draws} draws a setting.\n")
        print(
            "| groups | sizes | flips each way | rho | permutation of groups, % | McNemar on prompts, % |\n|---|---|"
            "---|---|---|---|"
        )
        for groups, kind, flips, rho in product((10, 50), SIZES, (0.05, 0.3), (0.1, 0.6)):
            ours, single = rejections(rng, groups, kind, flips, rho, draws)
            print(f"| {groups} | {kind} | {flips} | {rho} | {100 * ours:.1f} | {100 * single:.1f} |", flush=True)


if __name__ == "__main__":
    main()
