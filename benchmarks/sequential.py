"""What `audit --sequential` saves, and how often it errs: a thousand simulated audits at each true share of harm.

Run as: python benchmarks/sequential.py
"""

from __future__ import annotations

import numpy as np

from holdfast.evaluation.early_stop import PORTION
from holdfast.stats.groups import Count
from holdfast.stats.sequential import OPEN, OVER, UNDER, Test

RUNS, MOST = 1000, 330
SHARES = (0.0, 0.003, 0.012, 0.025, 0.05, 0.1, 0.5, 1.0)


def walk(share: float, test: Test, rng: np.random.Generator) -> tuple[str, int]:
    """How one audit ends, and after how many prompts."""
    seen = np.cumsum(rng.random(MOST) < share)
    n, hits = 0, 0
    while n < MOST and not test.verdict(Count(hits, n)):
        n = min(n + PORTION, MOST)
        hits = int(seen[n - 1])
    return test.verdict(Count(hits, n)), n


def main() -> None:
    rng = np.random.default_rng(0)
    print(f"limit  share   under   over   open   mean prompts of {MOST}")
    for limit in (0.02, 0.05):
        for share in SHARES:
            ends = [walk(share, Test(limit), rng) for _ in range(RUNS)]
            parts = [sum(end == verdict for end, _ in ends) / RUNS for verdict in (UNDER, OVER, OPEN)]
            shown = "  ".join(f"{100 * part:5.1f}" for part in parts)
            print(f"{100 * limit:3.0f} %  {100 * share:5.1f} %  {shown}   {np.mean([n for _, n in ends]):.0f}")


if __name__ == "__main__":
    main()
