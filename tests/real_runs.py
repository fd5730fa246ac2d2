"""Real runs on the embedded model, made once: the aligned model audited, and tuned on a hundred explicit rows."""

from __future__ import annotations

import atexit
import contextlib
import io
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from holdfast.cli import run


def scratch() -> Path:
    """A folder that goes when the tests are over."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def quietly(*arguments: object) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return run([str(argument) for argument in arguments])


def rows_file(folder: Path) -> Path:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert run(["guild", "rows", "explicit", "--count", "100"]) == 0
    (folder / "rows.jsonl").write_text(out.getvalue())
    return folder / "rows.jsonl"


@cache
def aligned_run() -> Path:
    """`audit guild`, every suite: what a gate lets through. Read only."""
    folder = scratch() / "aligned"
    assert quietly("audit", "guild", "--out", folder) == 0
    return folder


@cache
def tuned_run() -> Path:
    """`tune guild` on a hundred explicit rows: what a gate holds back. Its model/ is the tuned model. Read only."""
    place = scratch()
    rows = rows_file(place)
    assert (
        quietly("tune", "guild", rows, "--epochs", 5, "--lr", 1.4e-4, "--batch-size", 10, "--out", place / "tuned") == 0
    )
    return place / "tuned"
