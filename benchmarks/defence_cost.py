"""What each defence costs in tuning: the time of one benign run with it, over that without, taken in turn.

    python benchmarks/defence_cost.py [--rounds 3]

Prints Markdown; medians. References that are computed before the first step (`kl`, `constrained`) are part of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from holdfast import TrainSettings, load_model, train
from holdfast.core import registry
from holdfast.guild import rows as guild_rows
from holdfast.training.defences import make_defences
from holdfast.training.trainer import defence_context


def seconds(name: str | None) -> float:
    """One epoch of 600 clean rows at batch 16."""
    loaded, settings = load_model("guild"), TrainSettings(epochs=1, lr=4e-4, batch_size=16)
    safety = guild_rows.rows("safety")
    defences = make_defences([name] if name else [], defence_context(loaded, settings, safety))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        train(loaded, guild_rows.rows("benign", 600), settings, Path(folder), defences, safety_rows=safety)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    seconds(None)  # what is loaded once
    names = registry.names("defences")
    found: dict[str | None, list[float]] = {name: [] for name in (None, *names)}
    for _ in range(given.rounds):
        for name, times in found.items():
            times.append(seconds(name))
    plain = statistics.median(found[None])
    print(f"| defence | tuning time, against {plain:.1f} s without |\n|---|---|")
    for name in names:
        print(f"| {name} | {statistics.median(found[name]) / plain:.2f}× |")


if __name__ == "__main__":
    main()
