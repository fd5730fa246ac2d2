"""How fast `holdfast --help` answers, and what `holdfast demo` takes in time and memory.

    python benchmarks/startup.py [--rounds 9] [--demo] [--quick]

Whole processes; medians. Peak memory is the largest resident set that the kernel saw of the process.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    holdfast = [sys.executable, "-m", "holdfast"]
    seconds([*holdfast, "--help"])
    times = [seconds([*holdfast, "--help"]) for _ in range(given.rounds)]
    print(f"holdfast --help: median {statistics.median(times):.2f} s, most {max(times):.2f} s, {given.rounds} rounds")
    if given.demo or given.quick:
        command = [*holdfast, "demo", *(["--quick"] if given.quick else [])]
        spent = seconds(command)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{' '.join(command[2:])}: {spent:.0f} s, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
