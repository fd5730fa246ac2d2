"""What masking costs: one evaluation with replies judged as they come and masked, and the same one in clear.

    python benchmarks/masking.py [--model guild] [--prompts FILE] [--rounds 5] [--values 0]

The model is treated as a real one (not as the embedded guild, whose replies are never masked), the judge is `refusal`,
and caches lie on disk. Rounds are taken in turn in one process; medians are reported, and whether the figures agree.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from holdfast.catalog.suites import load_suite as load_file
from holdfast.core.records import Condition, Metric
from holdfast.core.worlds import REAL
from holdfast.evaluation.bench import Bench
from holdfast.evaluation.evaluate import evaluate
from holdfast.guild.suites import load_suite
from holdfast.judging.judge import VerdictCache
from holdfast.judging.redaction import Screen
from holdfast.models.generate import GenerateOptions, ReplyCache
from holdfast.models.load import LoadedModel, load_model
from holdfast.stats.groups import Suite
from holdfast.text.private_mask import PrivateValues


def measured(loaded: LoadedModel, suite: Suite, show: bool, values: int) -> tuple[float, list[Metric]]:
    """Seconds of one evaluation, and its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            [suite],
            "refusal",
            options=GenerateOptions(max_new_tokens=48),
            replies=ReplyCache(Path(folder) / "replies.jsonl", in_clear=show),
            verdicts=VerdictCache(Path(folder) / "verdicts.jsonl"),
            screen=Screen(show, PrivateValues(f"{7919 * i:010d}" for i in range(values))),
        )
        began = time.perf_counter()
        found = evaluate(loaded, Condition(), bench)
        return time.perf_counter() - began, found.metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="guild")
    parser.add_argument("--prompts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--values", type=int, default=0, help="private values that are looked for")
    asked = parser.parse_args()
    loaded = replace(load_model(asked.model), world=REAL)
    suite = Suite("policy", load_file("policy", asked.prompts) if asked.prompts else load_suite("policy"))
    seconds: dict[bool, list[float]] = {True: [], False: []}
    figures: list[list[Metric]] = []
    measured(loaded, suite, True, 0)  # the first is slower, whichever it is
    for _ in range(asked.rounds):
        for show in seconds:
            took, found = measured(loaded, suite, show, asked.values)
            seconds[show].append(took)
            figures.append(found)
    clear, masked = (statistics.median(seconds[show]) for show in (True, False))
    same = all(found == figures[0] for found in figures)
    print(
        f"{len(suite.prompts)} prompts, {asked.values} values, median of {asked.rounds}: in clear {clear:.2f} s, "
        f"masked {masked:.2f} s ({100 * (masked / clear - 1):+.1f} %); the figures {'agree' if same else 'DIFFER'}"
    )


if __name__ == "__main__":
    main()
