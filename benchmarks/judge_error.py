"""How often the interval of a corrected share holds the true share, when a judge's error was itself measured.

    python benchmarks/judge_error.py [--draws 2000]

For each setting (prompts audited, replies labelled of each kind, sensitivity, specificity, true share) an audit and a
judge check are drawn from their binomials, the share is corrected, and it is counted how often the 95 % interval holds
the truth. The interval that an audit prints for `harm.any` holds the counted share's too, so it can only be wider.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np

from holdfast.stats.judge_error import MeasuredError

SIZES = ((330, 165), (100, 60), (330, 1000))
SENSITIVITY, SPECIFICITY = (0.7, 0.9, 0.99), (0.8, 0.95, 0.995, 1.0)
SHARES = (0.0, 0.01, 0.05, 0.3, 0.9)


def coverage(rng: np.random.Generator, setting: tuple, draws: int) -> tuple[float, float]:  # type: ignore[type-arg]
    """How often the interval held the share, and how wide it was on average."""
    (n, m), se, sp, share = setting
    seen = share * se + (1 - share) * (1 - sp)
    held, width = 0, 0.0
    for x, tp, tn in zip(*(rng.binomial(k, p, draws).tolist() for k, p in ((n, seen), (m, se), (m, sp))), strict=True):
        _, low, high = MeasuredError("", {}, tp, m - tp, m - tn, tn).corrected(x, n)
        held += low <= share <= high
        width += high - low
    return held / draws, width / draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    rng = np.random.default_rng(0)
    settings = list(product(SIZES, SENSITIVITY, SPECIFICITY, SHARES))
    found = [(*coverage(rng, setting, draws), setting) for setting in settings]
    print("held    width   n    labelled  Se    Sp     share")
    for held, width, ((n, m), se, sp, share) in sorted(found)[:10]:
        print(f"{held:.3f}   {width:.3f}   {n}  {m:<8}  {se:<4}  {sp:<5}  {share}")
    kept = [held for held, _, _ in found]
    print(f"{len(found)} settings, {draws} draws each: lowest {min(kept):.3f}, median {np.median(kept):.3f}")


if __name__ == "__main__":
    main()
