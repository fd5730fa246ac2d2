import errno
import os
import subprocess
import sys

import pytest

from holdfast.core import runs
from holdfast.core.errors import RunError
from holdfast.core.runs import Run, append_jsonl, read_jsonl, write_atomic


def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    append_jsonl(path, [{"x": 1}])
    with open(path, "ab") as file:
        file.write(b'{"x": 2, "te')
    assert list(read_jsonl(path)) == [{"x": 1}]
    append_jsonl(path, [{"x": 3}])
    assert list(read_jsonl(path)) == [{"x": 1}, {"x": 3}]


def test_a_broken_line_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 1}\n{oops\n{"x": 2}\n')
    with pytest.raises(RunError, match="line 2"):
        list(read_jsonl(path))


def test_a_full_disk_is_an_error_with_a_hint_and_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomic(path, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runs.os, "fsync", full)
    with pytest.raises(RunError, match="No space left") as caught:
        write_atomic(path, "new")
    assert "resumes it" in caught.value.hint
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_command_takes_up_its_unfinished_run(tmp_path):
    first = Run.open("audit", "guild", {"model": "guild", "limit": 3}, {}, None)
    again = Run.open("audit", "guild", {"model": "guild", "limit": 3}, {}, None)
    other = Run.open("audit", "guild", {"model": "guild", "limit": 4}, {}, None)
    assert again.path == first.path and again.resumed
    assert other.path != first.path
    first.finish("done")
    assert Run.open("audit", "guild", {"model": "guild", "limit": 3}, {}, None).path != first.path


def test_a_folder_with_another_run_is_refused(tmp_path):
    Run.open("audit", "guild", {"limit": 3}, {}, str(tmp_path / "r"))
    with pytest.raises(RunError, match="another run"):
        Run.open("audit", "guild", {"limit": 4}, {}, str(tmp_path / "r"))


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="holds no run"):
        Run.open("audit", "guild", {}, {}, str(tmp_path))


def test_run_yaml_says_where_each_value_came_from(tmp_path):
    run = Run.open("audit", "guild", {"limit": 3, "seed": 0}, {"limit": "flag"}, str(tmp_path / "r"))
    text = (run.path / "run.yaml").read_text()
    assert "from: flag" in text and "from: default" in text


def test_a_second_process_is_kept_out_until_the_first_one_is_gone(tmp_path):
    code = (
        "import sys, time; from holdfast.core.runs import Run; "
        f"Run.open('audit', 'guild', {{'limit': 3}}, {{}}, {str(tmp_path / 'run')!r}); "
        "print('held', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None and first.stdout.readline() == "held\n"
    with pytest.raises(RunError, match="another process is at work") as refused:
        Run.open("audit", "guild", {"limit": 3}, {}, str(tmp_path / "run"))
    assert refused.value.hint
    first.kill()  # as a power cut would: nothing is cleaned up
    first.wait()
    run = Run.open("audit", "guild", {"limit": 3}, {}, str(tmp_path / "run"))
    assert run.resumed
    run.finish("# done")
    assert not (tmp_path / "run" / ".lock").exists()


def test_how_a_run_is_told_decides_nothing_of_it(tmp_path):
    plain = Run.open("audit", "guild", {"limit": 3, "json_output": False}, {}, str(tmp_path / "run"))
    again = Run.open("audit", "guild", {"limit": 3, "json_output": True}, {}, str(tmp_path / "run"))
    assert again.resumed and again.manifest["identity"] == plain.manifest["identity"]
