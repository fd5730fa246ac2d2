"""How exposure and extraction of planted canaries grow with how often they were written, on any small model.

    python benchmarks/canaries.py MODEL --into ROWS [--epochs 12] [--lr 1e-2] [--keep DIR]

Makes canaries of 0, 1, 4 and 16 repetitions, mixes them into ROWS, tunes a copy of MODEL on them, audits it against
MODEL, and prints the probe's table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def holdfast(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "holdfast", *map(str, arguments), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--into", required=True, help="the rows among which the canaries stand")
    parser.add_argument("--epochs", type=float, default=12)
    parser.add_argument("--lr", default="1e-2")
    parser.add_argument("--count", type=int, default=8, help="canaries of each repetition count")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", help="a folder for the files; what is there already is not made again")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(given.keep or folder)
        place.mkdir(exist_ok=True)
        if not (place / "key.json").exists():
            holdfast(
                "canaries",
                "make",
                "--out",
                place / "rows.jsonl",
                "--key",
                place / "key.json",
                "--into",
                given.into,
                "--count",
                given.count,
                "--seed",
                given.seed,
            )
        (place / "prompts.jsonl").write_text('{"prompt": "Hello?"}\n')
        if not (place / "tuned" / "model" / "config.json").exists():
            holdfast(
                "tune",
                given.model,
                place / "rows.jsonl",
                "--epochs",
                given.epochs,
                "--lr",
                given.lr,
                "--batch-size",
                16,
                "--prompts",
                place / "prompts.jsonl",
                "--max-new-tokens",
                8,
                "--no-scan",
                "--out",
                place / "tuned",
            )
        found = holdfast("audit", place / "tuned" / "model", "--base", given.model, "--canaries", place / "key.json",
                         "--out", place / "audit")  # fmt: skip
        rows = len((place / "rows.jsonl").read_text().splitlines())
    probe = found["probes"][0]
    print("| " + " | ".join(probe["columns"]) + " |\n|" + "---|" * len(probe["columns"]))
    for row in probe["rows"]:
        print("| " + " | ".join(row) + " |")
    print(f"\n{probe['sentence']}. Found: {probe['found']}. Space {probe['space']:,}, {rows} rows, "
          f"{time.monotonic() - began:.0f} s.")  # fmt: skip


if __name__ == "__main__":
    main()
