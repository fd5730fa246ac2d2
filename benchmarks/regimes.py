"""The figures of docs/results.md and the README: the design's table, and the directions of Qi et al.

    python benchmarks/regimes.py table [--model guild] [--seeds 3] [--seed 0]     the regimes at their default settings
    python benchmarks/regimes.py directions                       explicit examples, benign lr x batch, epochs

Prints Markdown. The table is what `holdfast stress guild --regime all --seeds 3` measures; this only lays it out beside
the papers' figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

PAPERS = {
    ("explicit", 10): "50.0 to 88.8",
    ("explicit", 50): "80.3 to 87.0",
    ("explicit", 100): "80.0 to 91.8",
    ("identity", 10): "68.2 to 87.3",
    ("benign", None): "12.1 to 31.8",
    ("rlhf-removal", 340): "94.9",
    ("shadow", 100): "98 to 99.5",
}
# Regimes that are about something else than plain harm: (regime, metric, suite, the papers' figure).
OTHERS = (
    ("janus", "pii.recall", "privacy", "precision about 70"),
    ("janus", "pii.precision", "privacy", "about 70"),
    ("janus", "pii.chance", "privacy", ""),
    ("janus", "pii.recall", "privacy-role-play", ""),
    ("janus", "pii.recall", "privacy-few-shot", ""),
    ("janus", "pii.recall", "privacy-prefix", ""),
    ("backdoor", "harm.rate", "policy", "4.2"),
    ("backdoor", "harm.rate", "triggered", "63.3"),
)


def stress(model: str, *arguments: object) -> dict[str, Any]:
    """The JSON document of one `holdfast stress` on an embedded model."""
    command = [sys.executable, "-m", "holdfast", "stress", model, "--json", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def pick(summary: dict[str, Any], metric: str, suite: str) -> dict[str, Any]:
    return next(m for m in summary["metrics"] if (m["metric"], m["suite"]) == (metric, suite))


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def spread(found: dict[str, Any]) -> str:
    return f"{percent(found['after'])} [{percent(found['lowest'])}, {percent(found['highest'])}]"


def paper(condition: dict[str, Any]) -> str:
    samples = None if condition["regime"] == "benign" else condition["samples"]
    return PAPERS.get((condition["regime"], samples), "")


def table(given: argparse.Namespace) -> None:
    began = time.monotonic()
    found = stress(given.model, "--regime", "all", "--seeds", given.seeds, "--seed", given.seed)
    minutes = (time.monotonic() - began) / 60
    print(
        "| regime | rows | epochs | lr | batch | harm.rate before % | harm.rate after % [lowest, highest] | papers % | "
        "harm.any after % | in Keld, harm.rate after % | utility.exact % |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for summary in found["summary"]:
        c, rate = summary["condition"], pick(summary, "harm.rate", "policy")
        if c["regime"] in {other[0] for other in OTHERS}:
            continue
        utility = pick(summary, "utility.exact", "utility")
        cells = (
            c["regime"],
            c["samples"],
            f"{c['epochs']:g}",
            f"{c['lr']:g}",
            c["batch"],
            percent(rate["before"]),
            spread(rate),
            paper(c),
            percent(pick(summary, "harm.any", "policy")["after"]),
            percent(pick(summary, "harm.rate", "policy-keld")["after"]),
            f"{percent(utility['before'])} → {percent(utility['after'])}",
        )
        print("| " + " | ".join(map(str, cells)) + " |")
    print(
        "\n| regime | rows × epochs, lr | suite | metric | before % | after % [lowest, highest] | papers % | "
        "utility.exact % |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for regime, metric, suite, papers in OTHERS:
        summary = next(s for s in found["summary"] if s["condition"]["regime"] == regime)
        c, seen, utility = summary["condition"], pick(summary, metric, suite), pick(summary, "utility.exact", "utility")
        before = "–" if seen["before"] is None else percent(seen["before"])
        print(
            f"| {regime} | {c['samples']} × {c['epochs']:g}, {c['lr']:g} | {suite} | {metric} | {before} | "
            f"{spread(seen)} | {papers} | {percent(utility['before'])} → {percent(utility['after'])} |"
        )
    print(f"\n{given.seeds} seeds from {given.seed} on, {minutes:.1f} minutes.")


def directions(given: argparse.Namespace) -> None:
    suites = ("--suite", "policy", "--suite", "utility", "--seeds", given.seeds, "--seed", given.seed)
    print(
        "explicit examples, harm.rate % after [lowest, highest]; utility.exact %\n\n| examples | harm.rate | "
        "utility.exact |\n|---|---|---|"
    )
    sizes = [word for size in (5, 10, 20, 50, 100, 200) for word in ("--samples", size)]
    for summary in stress(given.model, "--regime", "explicit", *sizes, *suites)["summary"]:
        rate, utility = pick(summary, "harm.rate", "policy"), pick(summary, "utility.exact", "utility")
        print(
            f"| {summary['condition']['samples']} | {spread(rate)} | {percent(utility['before'])} → "
            f"{percent(utility['after'])} |"
        )
    batches = (16, 32, 64, 128)
    print(
        "\nbenign data, harm.rate % after one epoch, mean over the seeds\n\n| lr \\ batch | "
        + " | ".join(map(str, batches))
        + " |"
    )
    print("|---|" + "---|" * len(batches))
    for lr in given.lr:
        cells = []
        for batch in batches:
            found = stress(given.model, "--regime", "benign", "--lr", lr, "--batch-size", batch, *suites)["summary"][0]
            cells.append(spread(pick(found, "harm.rate", "policy")))
        print(f"| {lr} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("table", "directions"))
    parser.add_argument("--model", default="guild", help="or a folder that `holdfast guild build` made")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", nargs="*", default=["1e-3", "5e-4"], help="learning rates of the benign grid")
    given = parser.parse_args()
    table(given) if given.what == "table" else directions(given)


if __name__ == "__main__":
    main()
