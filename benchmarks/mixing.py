"""Safety mixing on the embedded model: how much helps, that it does not restore, and what too much of it costs.

    python benchmarks/mixing.py [--seeds 3]

As in Qi et al., table 4 (100 explicit examples with 0/10/50/100 refusals; clean data with more and more). Prints
Markdown.
"""

from __future__ import annotations

import argparse
from typing import Any

from regimes import pick, spread, stress

SUITES = ("--suite", "policy", "--suite", "over-refusal", "--suite", "utility")


def cell(summary: dict[str, Any], metric: str, suite: str) -> str:
    return spread(pick(summary, metric, suite))


def table(title: str, seeds: int, counts: list[int], *regime: object) -> None:
    print(f"\n{title}\n\n| refusals | harm.any % | over-refusal % | utility.exact % |\n|---|---|---|---|")
    for count in counts:
        mixed = ["--defence", f"safety-mix:count={count}"] if count else []
        found = stress(*regime, "--seeds", seeds, *mixed, *SUITES)["summary"][0]
        cells = [
            cell(found, *key)
            for key in (("harm.any", "policy"), ("over_refusal.rate", "over-refusal"), ("utility.exact", "utility"))
        ]
        print(f"| {count} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    explicit = ("--regime", "explicit", "--samples", 100)
    table("100 explicit examples, five epochs", given.seeds, [0, 10, 50, 100, 250], *explicit)
    benign = ("--regime", "benign", "--lr", "5e-4", "--batch-size", 16, "--epochs", 3)
    table("1,200 clean rows at their most harmful", given.seeds, [0, 10, 50, 100, 250], *benign)


if __name__ == "__main__":
    main()
