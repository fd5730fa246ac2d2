"""A matrix of twelve cells in one process and on a Ray cluster of two nodes, one of which is killed in the middle.

    python benchmarks/cluster.py

Both nodes lie in this machine. The figures must be the same to the last digit, each cell once, none lost; then the
driver is killed, and the same command, without a cluster, takes up what it had.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COMMAND = [
    sys.executable, "-m", "holdfast", "stress", "guild", "--matrix", "--regime", "explicit", "--samples", "10",
    "--seeds", "3", "--defence", "kl", "--defence", "ema", "--repair", "wise-ft@0.5", "--limit", "24",
]  # fmt: skip
CELLS = 12


def start(out: Path, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [*COMMAND, "--out", str(out), *more], env=environment, stdout=quiet, stderr=subprocess.PIPE, text=True
    )


def finish(run: subprocess.Popen[str]) -> list[str]:
    _, said = run.communicate()
    assert run.returncode == 0, said
    return said.splitlines()


def cells(out: Path) -> list[dict[str, Any]]:
    path = out / "cells.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(out: Path, count: int) -> None:
    while len(cells(out)) < count:
        time.sleep(0.05)


def figures(out: Path) -> dict[str, Any]:
    found = {cell["key"]: (cell["metrics"], cell["before"], cell.get("strength")) for cell in cells(out)}
    assert len(found) == len(cells(out)) == CELLS, f"{len(cells(out))} lines, {len(found)} cells"
    return found


def main() -> None:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = nodes.add_node(num_cpus=1)
    with tempfile.TemporaryDirectory() as folder:
        one, two, three = (Path(folder) / name for name in ("one", "two", "three"))
        began = time.monotonic()
        finish(start(one))
        print(f"one process: {CELLS} cells in {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        run = start(two, "--ray", nodes.address)
        wait_for(two, 4)
        nodes.remove_node(second, allow_graceful=False)
        lost = [line for line in finish(run) if "a worker was lost" in line]
        print(f"two nodes, one killed after 4 cells: {time.monotonic() - began:.0f} s")
        print(*lost, sep="\n")
        assert figures(one) == figures(two)
        print(f"the same figures in all {CELLS} cells, none lost, none twice")
        run = start(three, "--ray", nodes.address)
        wait_for(three, 5)
        run.kill()
        run.communicate()
        kept = len(cells(three))
        finish(start(three))
        assert figures(one) == figures(three)
        print(f"driver killed after {kept} cells: the same command in one process did the other {CELLS - kept}")
    nodes.shutdown()


if __name__ == "__main__":
    main()
