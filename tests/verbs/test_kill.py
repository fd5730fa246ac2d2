"""A run killed with SIGKILL is resumed by the same command and ends in the same figures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [
    sys.executable,
    "-m",
    "holdfast",
    "stress",
    "guild",
    "--regime",
    "explicit",
    "--samples",
    "10",
    "--samples",
    "20",
    "--limit",
    "22",
    "--suite",
    "policy",
    "--suite",
    "utility",
    "--json",
]


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "HOLDFAST_RUNS": str(root)}


def whole(root: Path) -> dict:
    done = subprocess.run(COMMAND, env=environment(root), capture_output=True, check=True)
    return json.loads(done.stdout)


def kill_when(root: Path, ready) -> bool:
    """Start the command, kill it as soon as its folder is ready; whether it was still running."""
    process = subprocess.Popen(COMMAND, env=environment(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        folders = list(root.glob("*")) if root.exists() else []
        if folders and ready(folders[0]):
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.02)
    return False


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


# Replies of one model: 22 + 22, so that these are before any reply, after the untouched model, and between two attacks.
POINTS = {
    "before any reply": lambda folder: (folder / "manifest.json").exists(),
    "after the untouched model": lambda folder: lines(folder / "cache" / "replies.jsonl") >= 44,
    "between two attacks": lambda folder: lines(folder / "cache" / "replies.jsonl") >= 88,
}


def test_a_killed_run_is_resumed_and_its_metrics_are_equal(tmp_path):
    expected = whole(tmp_path / "whole")
    root = tmp_path / "killed"
    for name, ready in POINTS.items():
        assert kill_when(root, ready), f"the run was over before it could be killed: {name}"
    for torn in ("replies.jsonl", "verdicts.jsonl"):  # as a write that was cut off leaves them
        with open(next(root.iterdir()) / "cache" / torn, "ab") as file:
            file.write(b'{"key": "abc", "te')
    found = whole(root)
    assert len(list(root.iterdir())) == 1, "the same command made a second folder"
    assert found["metrics"] == expected["metrics"] and found["comparisons"] == expected["comparisons"]
    assert json.loads((Path(found["run"]) / "manifest.json").read_text())["status"] == "complete"
