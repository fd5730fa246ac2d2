"""How exposure and extraction of planted canaries grow with how often they were written, on any small model.

    python benchmarks/canaries.py MODEL --into ROWS [--epochs 10] [--lr 3e-3]

Makes canaries of 0, 1, 4 and 16 repetitions, mixes them into ROWS, tunes a copy of MODEL on them, audits it against MODEL,
and prints the probe's table in Markdown. The figures of docs/privacy.md are of a two-layer Llama with 32 hidden units and
random weights, so that nothing but these rows is known to it.
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
    parser.add_argument("--epochs", type=float, default=10)
    parser.add_argument("--lr", default="3e-3")
    parser.add_argument("--count", type=int, default=16, help="canaries of each repetition count")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made = holdfast("canaries", "make", "--out", place / "rows.jsonl", "--key", place / "key.json", "--into", given.into,
                        "--count", given.count, "--seed", given.seed)  # fmt: skip
        (place / "prompts.jsonl").write_text('{"prompt": "Hello?"}\n')
        holdfast("tune", given.model, place / "rows.jsonl", "--epochs", given.epochs, "--lr", given.lr, "--batch-size", 16,
                 "--prompts", place / "prompts.jsonl", "--max-new-tokens", 8, "--no-scan", "--out", place / "tuned")  # fmt: skip
        found = holdfast("audit", place / "tuned" / "model", "--base", given.model, "--canaries", place / "key.json",
                         "--out", place / "audit")  # fmt: skip
    probe = found["probes"][0]
    print("| " + " | ".join(probe["columns"]) + " |\n|" + "---|" * len(probe["columns"]))
    for row in probe["rows"]:
        print("| " + " | ".join(row) + " |")
    print(f"\n{probe['sentence']}. Found: {probe['found']}. Space {probe['space']:,}, {made['rows']} rows, "
          f"{time.monotonic() - began:.0f} s.")  # fmt: skip


if __name__ == "__main__":
    main()
