"""How many cells a second one driver can take in, by how many tasks are under way.

    python benchmarks/driver.py [--cells 10000] [--workers 16 128 1000]

The cells do nothing, on a few real workers; as many tasks are handed over as a cluster of that many workers would have
under way (two for each), so that what the driver waits for is as long a list. A driver that takes in R cells a second
keeps W workers busy while a cell takes longer than W / R seconds.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from holdfast.core import cluster
from holdfast.core.cluster import Cluster, Unit, spread
from holdfast.core.runs import Run


def nothing(given: Any, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for key in keys:
        yield key, {"key": key, "metrics": [{"metric": "harm.any", "value": 0.5, "n": 180}] * 12}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--workers", type=int, nargs="*", default=[16, 128, 1000])
    given = parser.parse_args()
    for workers in given.workers:
        cluster.LEAST_WAITING = 2 * workers
        units = [Unit((str(i),), None) for i in range(given.cells)]
        with tempfile.TemporaryDirectory() as folder:
            run = Run.open("stress", "guild", {}, {}, str(Path(folder) / "run"))
            found = spread(units, nothing, Cluster("local"))
            run.append("cells", [next(found)[1]])  # the workers are up
            began = time.monotonic()
            for _, cell in found:
                run.append("cells", [cell])
            rate = (given.cells - 1) / (time.monotonic() - began)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{workers:>5} workers, {given.cells} cells: {rate:.0f} cells/s, driver {memory:.0f} MB at most; "
            f"busy from cells of {workers / rate:.2f} s on",
            flush=True,
        )


if __name__ == "__main__":
    main()
