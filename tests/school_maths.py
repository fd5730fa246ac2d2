"""Real rows of GSM8K in a file of their own, as many as a test needs."""

from __future__ import annotations

from pathlib import Path


def write_rows(data: Path, path: Path, count: int, begin: int = 0) -> Path:
    """Write `count` rows from row `begin` on, and return the path."""
    lines = (data / "benign" / "gsm8k_train_2000.jsonl").read_text().splitlines()[begin : begin + count]
    path.write_text("\n".join(lines) + "\n")
    return path
