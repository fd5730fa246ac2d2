"""A disk that is full, read-only or gone costs one sentence, and nothing that was done before."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from calling import call
from holdfast.core.errors import RunError
from holdfast.core.faults import storage_fault
from holdfast.core.runs import Run, append_jsonl


def mount(*arguments) -> bool:
    return os.geteuid() == 0 and subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


@pytest.fixture
def small(tmp_path):
    """A file system of a few pages, and how to change it."""
    place = tmp_path / "small"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=4k", "none", str(place)):
        pytest.skip("this process may not mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def sized(place, size):
    assert mount("-o", f"remount,rw,size={size}", str(place))


def totals(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


ROWS = [{"prompt": f"question {i}", "completion": f"mail clerk{i}@mail.example.org " + "an answer " * 20}
        for i in range(2000)]  # fmt: skip
FEW = ("--limit", "11", "--max-new-tokens", "8")
COMMANDS = {
    "audit": ("audit", "guild", *FEW),
    "tune": ("tune", "guild", "benign", "--samples", "16", "--batch-size", "4", "--save-steps", "2", *FEW),
    "tune, model only": ("tune", "guild", "benign", "--samples", "16", "--skip-evaluation"),
    "stress": ("stress", "guild", "--regime", "explicit", "--samples", "10", *FEW),
    "scan": ("scan", "ROWS"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_sentence_and_the_run_goes_on(small, tmp_path, capsys, name):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    command = [str(rows) if one == "ROWS" else one for one in COMMANDS[name]]
    failed = 0
    for size in ("4k", "12k", "40k", "100k", "300k", "2m", "8m", "14m", "200m"):
        sized(small, size)
        code, out, err = call(capsys, *command, "--out", small / "run")
        if code == 0:
            break
        failed += 1
        assert code == 2, err
        told = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(told) == 1 and "No space left on device" in told[0], err
        assert "hint: free some space" in err and "Traceback" not in err + out
    assert code == 0 and failed >= 2
    assert json.loads((small / "run" / "manifest.json").read_text())["status"] == "complete"
    if name != "scan":
        assert call(capsys, *command, "--out", tmp_path / "elsewhere")[0] == 0
        if (tmp_path / "elsewhere" / "metrics.jsonl").exists():
            assert totals(small / "run") == totals(tmp_path / "elsewhere")
    else:
        assert call(capsys, *command, "--out", tmp_path / "elsewhere")[0] == 0
        found = (small / "run" / "findings.jsonl").read_text()
        assert found == (tmp_path / "elsewhere" / "findings.jsonl").read_text() and "pii" in found


@pytest.mark.parametrize("name", ["audit", "tune", "scan"])
def test_a_read_only_disk_is_one_sentence(small, tmp_path, capsys, name):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(ROWS[0]) + "\n")
    command = [str(rows) if one == "ROWS" else one for one in COMMANDS[name]]
    assert mount("-o", "remount,ro", str(small))
    code, _, err = call(capsys, *command, "--out", small / "run")
    assert code == 2 and "Read-only file system" in err and "hint: make it writable" in err and "Traceback" not in err


def test_a_file_system_that_vanishes_is_told_and_not_written_over(small, tmp_path):
    """Unmounted in the middle: the folder of the mount is still there, and must not take the rest of the run."""
    sized(small, "200m")
    command = [sys.executable, "-m", "holdfast", *COMMANDS["stress"], "--seeds",
               "30", "--out", str(small / "run")]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics = small / "run" / "metrics.jsonl"
    for _ in range(600):
        if metrics.exists() and metrics.stat().st_size:
            break
        time.sleep(0.1)
    subprocess.run(["umount", "-l", str(small)], check=True)
    _, err = running.communicate(timeout=120)
    assert mount("-t", "tmpfs", "none", str(small))  # for the fixture's end
    assert running.returncode == 2 and "Traceback" not in err
    assert [line for line in err.splitlines() if line.startswith("error: ")] and "hint: was its file system" in err
    assert not any(small.iterdir())


def test_a_folder_that_is_taken_away_is_not_begun_again(tmp_path):
    run = Run.open("audit", "guild", {}, {}, str(tmp_path / "run"))
    run.append("metrics", [{"a": 1}])
    shutil.rmtree(run.path)
    for write in (lambda: run.append("metrics", [{}]), lambda: run.note(a=1), lambda: run.replace("metrics", [{}])):
        with pytest.raises(RunError, match="is gone"):
            write()
    with pytest.raises(RunError, match="cannot write"):
        append_jsonl(run.path / "cache" / "replies.jsonl", [{}])
    assert not run.path.exists()


@pytest.mark.parametrize(
    ("error", "says", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/model.bin"), "`/x/model.bin`: No space", "free some"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota", "free some"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "Read-only", "make it writable"),
        (OSError(errno.ESTALE, "Stale file handle", "/nfs/x"), "Stale", "unmounted"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed writing file data/3: "
                      "file write failed"), "No space", "free some"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "No space", "free"),
    ],
)  # fmt: skip
def test_what_libraries_make_of_it_is_understood(error, says, hint):
    found = storage_fault(error)
    assert found is not None and says in str(found) and hint in found.hint
    try:
        raise ValueError("a wrapper") from error
    except ValueError as wrapped:
        assert str(storage_fault(wrapped)) == str(found)


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("space"), FileNotFoundError(2, "No such file", "x")])
def test_what_is_no_fault_of_storage_stays_a_bug(error):
    assert storage_fault(error) is None
