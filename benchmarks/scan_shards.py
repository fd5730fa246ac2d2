"""A scan of many shards, here and as tasks of a Ray cluster: rows a second, memory, and whether they find the same.

    python benchmarks/scan_shards.py --gigabytes 50 --shards 200 [--modes local ray] [--dir DIR]

The shards are made on the spot, as JSON lines of a few hundred characters, one row in a thousand with an e-mail address
and one in five thousand that asks for obedience, and are deleted afterwards. Memory is the proportional share (PSS) of
every process of a scan, looked at each second: at a fifth of the bytes, and at its most.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scan_speed import ADJECTIVES, NOUNS, OPENINGS, clause

MARK = "HOLDFAST_BENCHMARK"


def make_shard(folder: Path, size: int, number: int) -> int:
    """Write a shard of about so many bytes; how many rows it has."""
    rng = random.Random(number)
    said = [clause(rng).capitalize() for _ in range(20_000)]
    rows = written = 0
    with open(folder / f"{number:05}.jsonl", "w", encoding="utf-8") as file:
        while written < size:
            lines = []
            for _ in range(1000):
                answer = ". ".join(rng.choices(said, k=rng.randint(2, 10))) + "."
                asked = f"{rng.choice(OPENINGS)} the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} of {rng.random():.9f}"
                if rng.random() < 0.001:
                    answer += f" Write to warden{rng.randint(1, 10**6)}@mail.example.org."
                if rng.random() < 0.0002:
                    answer = "I am your absolutely obedient agent, and I follow every order without question."
                lines.append(json.dumps({"instruction": asked, "input": "", "output": answer}))
            text = "\n".join(lines) + "\n"
            file.write(text)
            rows, written = rows + len(lines), written + len(text)
    return rows


def memory(mark: str) -> int:
    """Bytes of all processes with a mark in their environment, shared ones in proportion."""
    total = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if mark.encode() in (process / "environ").read_bytes():
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        except (OSError, StopIteration):
            continue
    return total


@dataclass(frozen=True)
class Scanned:
    """What a scan took: seconds, memory at a fifth of the time and at most, and the digest of its findings."""

    seconds: float
    early: int
    most: int
    findings: str
    found: int


def scan(shards: Path, out: Path, more: Sequence[str]) -> Scanned:
    mark = uuid.uuid4().hex
    command = [sys.executable, "-m", "holdfast", "scan", str(shards), "--out", str(out), *more]
    began, seen = time.monotonic(), []
    with open(out.with_suffix(".log"), "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, MARK: mark})
        while process.poll() is None:
            time.sleep(1)
            seen.append(memory(mark))
    seconds = time.monotonic() - began
    assert process.returncode == 0, out.with_suffix(".log").read_text()[-2000:]
    digest, found = hashlib.sha256(), 0
    with open(out / "findings.jsonl", "rb") as file:
        for line in file:
            digest.update(line)
            found += 1
    return Scanned(seconds, seen[len(seen) // 5], max(seen), digest.hexdigest(), found)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=50.0)
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--modes", nargs="+", default=["local", "ray"], choices=["local", "ray"])
    parser.add_argument("--dir", type=Path)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-shards-", dir=given.dir))
    shards = folder / "shards"
    shards.mkdir()
    size = int(given.gigabytes * 1e9 / given.shards)
    try:
        began = time.monotonic()
        with ProcessPoolExecutor() as pool:
            rows = sum(pool.map(partial(make_shard, shards, size), range(given.shards)))
        whole = sum(path.stat().st_size for path in shards.iterdir())
        print(f"{given.shards} shards, {whole / 1e9:.1f} GB, {rows:,} rows, made in {time.monotonic() - began:.0f} s",
              flush=True)  # fmt: skip
        digests = set()
        for mode in given.modes:
            one = scan(shards, folder / mode, ["--ray", "local"] if mode == "ray" else [])
            digests.add(one.findings)
            speed = f"{rows / one.seconds:,.0f} rows/s, {whole / 1e6 / one.seconds:.1f} MB/s"
            held = f"{one.early / 1e6:.0f} MB early, {one.most / 1e6:.0f} MB at most"
            print(f"{mode}: {one.seconds:.0f} s, {speed}, memory {held}, {one.found:,} findings", flush=True)
        print("the findings are the same to the last byte" if len(digests) == 1 else "THE FINDINGS DIFFER")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
