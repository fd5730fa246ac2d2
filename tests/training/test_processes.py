"""Training on two processes ends in the weights of one, with every defence; and nobody speaks twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file, safe_open

from holdfast import cli
from holdfast.core.errors import UsageError
from holdfast.training.batching import GroupedByLength, SharedOut
from holdfast.training.settings import TrainSettings

HERE = Path(__file__).parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
TUNE = ["tune", "guild", "explicit", "--samples", "21", "--epochs", "2", "--seed", "1", "--no-scan", "--device", "cpu"]


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    return {**kept, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", **more}


def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, timeout=300, check=False)


def furthest(one: Path, other: Path) -> float:
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    return max((first[name] - second[name]).abs().max().item() for name in first)


def test_two_processes_end_in_the_weights_of_one_with_every_defence(tmp_path):
    script = str(HERE / "train_each.py")
    alone = run(sys.executable, script, str(tmp_path / "one"))
    assert alone.returncode == 0, alone.stderr
    both = run(*TORCHRUN, script, str(tmp_path / "two"))
    assert both.returncode == 0, both.stderr
    names = sorted(path.name for path in (tmp_path / "one").glob("*.safetensors"))
    assert len(names) >= 15
    apart = {name: furthest(tmp_path / "one" / name, tmp_path / "two" / name) for name in names}
    assert max(apart.values()) <= 1e-6, apart
    trained = [load_file(tmp_path / "two" / name) for name in names if "lora" not in name]
    some = "model.layers.0.mlp.up_proj.weight"
    told = {tuple(weights[some].flatten()[:4].tolist()) for weights in trained}
    assert len(told) > len(trained) / 2  # defences were at work: they do not all end in the same weights
    for folder, steps in (("one", "12"), ("two", "12")):
        with safe_open(tmp_path / folder / "none.safetensors", "pt") as file:
            assert file.metadata()["steps"] == steps


def test_a_launch_writes_one_run_says_one_document_and_is_named_by_its_processes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    more = ["--limit", "4", "--defence", "kl", "--json"]
    both = run(*TORCHRUN, "-m", "holdfast", *TUNE, *more, "--batch-size", "4", "--out", str(two))
    assert both.returncode == 0, both.stderr
    document = json.loads(both.stdout)  # one, not two
    assert both.stderr.count("loading guild") == 1
    alone = run(sys.executable, "-m", "holdfast", *TUNE, *more, "--batch-size", "8", "--out", str(one))
    assert alone.returncode == 0, alone.stderr
    assert furthest(one / "model/model.safetensors", two / "model/model.safetensors") <= 1e-6
    first, second = json.loads(alone.stdout)["tuned"], document["tuned"]
    assert second["processes"] == 2 and "processes" not in first
    assert first["steps"] == second["steps"] and first["rows"] == second["rows"] == 21
    assert first["fingerprint"] != second["fingerprint"]
    replies = [
        sorted((one / "replies.jsonl").read_text().splitlines()),
        sorted((two / "replies.jsonl").read_text().splitlines()),
    ]
    assert len(replies[0]) == len(replies[1])  # nothing was asked twice


def test_a_launch_that_was_killed_goes_on_in_one_process(tmp_path):
    """With a defence that has a state, and grouped batches, whose order must not depend on the processes."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    more = ["--skip-evaluation", "--batching", "grouped", "--defence", "ema", "--save-steps", "2", "--epochs", "6"]
    plain = [sys.executable, "-m", "holdfast", *TUNE, *more, "--batch-size"]
    alone = run(*plain, "8", "--out", str(whole))
    assert alone.returncode == 0, alone.stderr
    command = [*TORCHRUN, "-m", "holdfast", *TUNE, *more, "--batch-size", "4", "--out", str(cut)]
    launched = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 200
    while (
        not list(cut.glob("checkpoints/checkpoint-*/trainer_state.json"))
        and time.monotonic() < until
        and launched.poll() is None
    ):
        time.sleep(0.02)
    agent = psutil.Process(launched.pid)
    for process in [*agent.children(recursive=True), agent]:  # torchrun's workers outlive it
        process.kill()
    launched.communicate()
    assert json.loads((cut / "manifest.json").read_text())["status"] == "running"
    again = run(*plain, "4", "--out", str(cut), "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["tuned"]["resumed_from"]
    assert furthest(whole / "model/model.safetensors", cut / "model/model.safetensors") <= 1e-6


def test_an_error_is_told_once(tmp_path):
    both = run(*TORCHRUN, "-m", "holdfast", "tune", "guild", str(tmp_path / "none.jsonl"))
    assert both.returncode != 0
    assert both.stderr.count("error: ") == 1 and "none.jsonl" in both.stderr


@pytest.mark.parametrize("verb", ["audit", "stress", "scan", "repair"])
def test_what_runs_in_one_process_says_so_at_once(verb, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert cli.run([verb, "guild"]) == 2
    assert f"`{verb}` runs in one process, and 2 were started" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ACCELERATE_USE_FSDP": "true"}, "does not train under FSDP"),
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "does not train under DeepSpeed"),
        (
            {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1"},
            "asked for several processes and started one",
        ),
    ],
)
def test_launches_that_would_not_train_as_they_seem_are_refused(variables, said, monkeypatch, capsys):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cli.run(["tune", "guild", "explicit"]) == 2
    assert said in capsys.readouterr().err


def test_a_step_is_spread_over_processes_as_it_was_begun():
    begun = TrainSettings(batch_size=4, gradient_accumulation=3, processes=2)  # 24 rows a step
    assert begun.spread(2) == (4, 3) and begun.spread(1) == (4, 6) and begun.spread(3) == (4, 2)
    assert begun.spread(8) == (3, 1) and begun.spread(24) == (1, 1)
    with pytest.raises(UsageError, match="24 rows, which 5 processes"):
        begun.spread(5)
    assert "processes" not in TrainSettings().to_dict() and begun.to_dict()["processes"] == 2


@pytest.mark.parametrize(("rows", "batch", "processes"), [(21, 2, 2), (1, 4, 3), (24, 4, 2), (23, 3, 4), (7, 8, 2)])
def test_rows_are_shared_out_once_each_and_a_step_keeps_its_rows(rows, batch, processes):
    order = GroupedByLength([(7 * i) % 13 + 1 for i in range(rows)], batch * processes, 0)
    plain, filler, whole = list(order), rows, batch * processes
    shared = list(SharedOut(order, batch, processes, filler))
    assert len(shared) == len(SharedOut(order, batch, processes, filler)) and len(shared) % whole == 0
    assert [row for row in shared if row != filler] == plain
    for start in range(0, len(shared), whole):
        step = [row for row in shared[start : start + whole] if row != filler]
        assert step == plain[start : start + whole]
        parts = [sum(row != filler for row in shared[i : i + batch]) for i in range(start, start + whole, batch)]
        assert max(parts) - min(parts) <= 1


def test_how_a_step_is_cut_changes_no_order():
    lengths = [(7 * i) % 13 + 1 for i in range(100)]
    assert list(GroupedByLength(lengths, TrainSettings(batch_size=8).step_rows, 0)) == list(
        GroupedByLength(lengths, TrainSettings(batch_size=2, gradient_accumulation=2, processes=2).step_rows, 0)
    )
