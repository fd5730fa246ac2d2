"""The stream of a repair: operators, strengths at once, and nothing left behind by what fails."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from holdfast.core.errors import ModelError, RunError
from holdfast.models import output_folders, stored_numbers
from holdfast.models.checkpoint import open_pair
from holdfast.repairing import stream
from holdfast.repairing.interpolation import interpolate, interpolation
from holdfast.repairing.result_card import card_section, update_card
from holdfast.repairing.stream import Operator, write_repaired
from pairs_on_disk import (
    INDEX,
    build,
    build_pair,
    folders,
    repair,
    rewrite,
    same_bytes,
    tensors_of,
)
from tiny import make_tiny


def shrink(name: str, base: np.ndarray, tuned: np.ndarray, strength: float) -> np.ndarray:
    """An operator that needs whole tensors."""
    if name.endswith("norm.weight"):
        return tuned
    return tuned - strength * (tuned - base).mean(axis=0)


@pytest.mark.parametrize("elementwise", [True, False])
def test_several_strengths_at_once_equal_one_at_a_time(tmp_path, elementwise):
    pair = build_pair(tmp_path, shard=20)
    operator = interpolation() if elementwise else Operator(shrink, neutral=0.0)
    together = {strength: tmp_path / f"all-{strength}" for strength in (0.0, 0.25, 0.5, 1.0)}
    write_repaired(pair, together, operator)
    for strength, folder in together.items():
        alone = tmp_path / f"alone-{strength}"
        write_repaired(pair, {strength: alone}, operator)
        assert folders(alone) == folders(folder)
        for file in pair.tuned.headers:
            assert (alone / file.name).read_bytes() == (folder / file.name).read_bytes()


def test_an_operator_gets_whole_float32_arrays_that_it_cannot_spoil(tmp_path):
    pair = build_pair(tmp_path, "gpt2", dtype=torch.float16)
    seen = {}

    def operator(name, base, tuned, strength):
        seen[name] = (base.copy(), tuned.copy(), strength)
        with pytest.raises(ValueError):
            base += 1
        with pytest.raises(ValueError):
            tuned += 1
        return (base + tuned) / 2

    write_repaired(pair, {0.7: tmp_path / "out"}, Operator(operator))
    base, tuned = tensors_of(pair.base.folder), tensors_of(pair.tuned.folder)
    assert seen.keys() == tuned.keys()
    for name, (ours, theirs, strength) in seen.items():
        assert ours.dtype == theirs.dtype == np.float32 and strength == 0.7
        assert ours.shape == tuple(base[name].shape)
        assert (ours == base[name].float().numpy()).all() and (theirs == tuned[name].float().numpy()).all()


def test_an_elementwise_operator_sees_every_element_once(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "PIECE", 777)
    pair = build_pair(tmp_path, dtype=torch.float32)
    seen: dict[str, list[np.ndarray]] = {}

    def operator(name, base, tuned, strength):
        assert base.shape == tuned.shape and base.size <= 777
        seen.setdefault(name, []).append(tuned.copy())
        return tuned + 1

    write_repaired(pair, {1.0: tmp_path / "out"}, Operator(operator, elementwise=True))
    for name, tensor in tensors_of(pair.tuned.folder).items():
        assert np.array_equal(np.sort(np.concatenate(seen[name])), np.sort(tensor.numpy().reshape(-1)))
        assert torch.equal(tensors_of(tmp_path / "out")[name], tensor + 1)


def test_an_operator_of_the_wrong_shape_is_a_bug_and_leaves_nothing(tmp_path):
    pair = build_pair(tmp_path)
    with pytest.raises(ValueError, match="which is"):
        write_repaired(pair, {0.5: tmp_path / "out"}, Operator(lambda name, base, tuned, strength: base[:1] * 2))
    assert folders(tmp_path) == {"base", "tuned"}


def test_whole_numbers_and_new_buffers_are_the_tuned_models(tmp_path):
    build_pair(tmp_path)
    for number, folder in enumerate(("base", "tuned")):
        mask = torch.tensor([number, 1, 0], dtype=torch.bool)
        rewrite(tmp_path / folder, counts=torch.tensor([5 + number, 7]), mask=mask, empty=torch.zeros(0, 4))
    rewrite(tmp_path / "tuned", model__layers__0__self_attn__rotary_emb__inv_freq=torch.ones(3))
    found = tensors_of(repair(open_pair(tmp_path / "base", tmp_path / "tuned"), tmp_path / "out"))
    for name in ("counts", "mask", "empty", "model.layers.0.self_attn.rotary_emb.inv_freq"):
        assert same_bytes(found[name], tensors_of(tmp_path / "tuned")[name])


def test_progress_counts_the_tuned_models_bytes(tmp_path):
    pair = build_pair(tmp_path, shard=20)
    told: list[tuple[int, int]] = []
    repair(pair, tmp_path / "out", show=lambda done, total: told.append((done, total)))
    total = sum(tensor.size for tensor in pair.tuned.tensors.values())
    assert {whole for _, whole in told} == {total}
    assert [done for done, _ in told] == sorted(done for done, _ in told) and told[-1][0] == total


def test_memory_does_not_grow_with_a_tensor(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "PIECE", 1 << 14)
    for number, folder in enumerate(("base", "tuned")):
        build("llama", tmp_path / folder, number)
        rewrite(tmp_path / folder, large=torch.full((2000, 4000), float(number), dtype=torch.bfloat16))  # 16 MB
    pair = open_pair(tmp_path / "base", tmp_path / "tuned")
    tracemalloc.start()
    repair(pair, tmp_path / "out", 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_a_result_loads_and_generates(tmp_path, data):
    base = make_tiny("llama", tmp_path / "base", data, torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(base)
    for parameter in model.parameters():
        parameter.data *= 1.5
    model.save_pretrained(tmp_path / "tuned", max_shard_size="100KB")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "tuned")
    out = repair(open_pair(base, tmp_path / "tuned"), tmp_path / "out", 0.5)
    assert (out / INDEX).exists()
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], return_tensors="pt", return_dict=True, add_generation_prompt=True
    )
    assert model.generate(**prompt, max_new_tokens=3, do_sample=False).shape[1] == prompt["input_ids"].shape[1] + 3
    loaded = AutoModelForCausalLM.from_pretrained(base).lm_head.weight.data.float()
    assert torch.equal(
        model.lm_head.weight.data.float(), (loaded * 0.5 + (loaded * 1.5).bfloat16().float() * 0.5).bfloat16().float()
    )


def test_finish_adds_files_before_a_result_appears(tmp_path):
    def finish(strength, folder):
        assert not (tmp_path / "out").exists()
        update_card(folder, card_section("wise-ft", strength, "org/base", "org/tuned", {}))

    out = repair(build_pair(tmp_path), tmp_path / "out", finish=finish)
    assert "wise-ft" in (out / "README.md").read_text()


class Stop(Exception):
    """What a test raises in the middle."""


def stopping(at: int):
    calls = iter(range(10**6))

    def operator(name, base, tuned, strength):
        if next(calls) == at:
            raise Stop
        return interpolate(base, tuned, strength)

    return operator


@pytest.mark.parametrize("elementwise", [True, False])
@pytest.mark.parametrize("at", [0, 7, 20])
def test_a_repair_stopped_in_the_middle_leaves_nothing(tmp_path, at, elementwise):
    pair = build_pair(tmp_path, shard=20)
    with pytest.raises(Stop):
        write_repaired(pair, {0.5: tmp_path / "out"}, Operator(stopping(at), elementwise))
    assert folders(tmp_path) == {"base", "tuned"}


@pytest.mark.parametrize("name", ["copy_side_files", "sync", "write_all"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device", "file")])
def test_whatever_fails_leaves_nothing(tmp_path, monkeypatch, name, error):
    pair = build_pair(tmp_path)

    def fail(*arguments):
        raise error

    monkeypatch.setattr(stored_numbers if name == "write_all" else output_folders, name, fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else RunError) as caught:
        repair(pair, tmp_path / "out")
    assert folders(tmp_path) == {"base", "tuned"}
    if isinstance(caught.value, RunError):
        assert "No space left" in str(caught.value) and "free some space" in caught.value.hint


def test_a_write_that_the_system_refuses_leaves_nothing(tmp_path):
    pair = build_pair(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(RunError, match="cannot write"):
            repair(pair, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert folders(tmp_path) == {"base", "tuned"}


KILLED = """
import os, signal, sys
from pathlib import Path
from holdfast.models.checkpoint import open_pair
from holdfast.repairing.interpolation import interpolate
from holdfast.repairing.stream import Operator, write_repaired
calls = iter(range(10**6))
def end(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def operator(name, base, tuned, strength):
    if next(calls) == int(sys.argv[2]):
        end()
    return interpolate(base, tuned, strength)
folder = Path(sys.argv[1])
write_repaired(open_pair(folder / "base", folder / "tuned"), {0.5: folder / "out"}, Operator(operator), finish=end)
"""


@pytest.mark.parametrize("at", [15, 10**5])
def test_a_killed_repair_leaves_no_folder_that_loads_and_is_cleared_away(tmp_path, at):
    pair = build_pair(tmp_path, shard=20)
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], check=False).returncode == -9
    assert folders(tmp_path) == {"base", "tuned", ".out.partial"}
    with pytest.raises((OSError, ValueError)):
        AutoModelForCausalLM.from_pretrained(tmp_path / ".out.partial")
    if at < 100:
        for file in (tmp_path / ".out.partial").glob("*.safetensors"):
            with pytest.raises(SafetensorError):
                load_file(file)
    AutoModelForCausalLM.from_pretrained(repair(pair, tmp_path / "out"))
    assert folders(tmp_path) == {"base", "tuned", "out"}


def test_a_repair_that_changed_nothing_is_an_error(tmp_path):
    pair = build_pair(tmp_path)
    targets = {0.3: tmp_path / "out", 0.9: tmp_path / "same"}

    def lazy(name, base, tuned, strength):
        return tuned * 1.0 if strength == 0.9 else base

    for elementwise in (True, False):
        with pytest.raises(ModelError, match=r"changed nothing at strength 0\.9"):
            write_repaired(pair, targets, Operator(lazy, elementwise, neutral=1.0))
    same = open_pair(pair.base.folder, pair.base.folder)
    with pytest.raises(ModelError, match="changed nothing"):
        repair(same, tmp_path / "out", 0.0)
    assert folders(tmp_path) == {"base", "tuned"}
    repair(same, tmp_path / "out", 1.0)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_base_with_broken_numbers_is_not_spread(tmp_path, alpha, value):
    build_pair(tmp_path)
    weight = tensors_of(tmp_path / "base")["model.norm.weight"]
    weight[3] = value
    rewrite(tmp_path / "base", model__norm__weight=weight)
    with pytest.raises(
        ModelError, match=r"`model\.norm\.weight` in `.*base.*` holds NaN or infinite values \(1 found\)"
    ):
        repair(open_pair(tmp_path / "base", tmp_path / "tuned"), tmp_path / "out", alpha)
    assert folders(tmp_path) == {"base", "tuned"}


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_a_tuned_model_with_broken_numbers_is_refused(tmp_path, alpha):
    build_pair(tmp_path)
    weight = tensors_of(tmp_path / "tuned")["model.norm.weight"]
    weight[3] = float("nan")
    rewrite(tmp_path / "tuned", model__norm__weight=weight)
    with pytest.raises(ModelError, match=r"`model\.norm\.weight` in `.*tuned.*` holds NaN") as caught:
        repair(open_pair(tmp_path / "base", tmp_path / "tuned"), tmp_path / "out", alpha=alpha)
    assert caught.value.hint and folders(tmp_path) == {"base", "tuned"}


def test_what_overflows_when_it_is_stored_is_found(tmp_path):
    pair = build_pair(tmp_path, dtype=torch.float16)
    with pytest.raises(ModelError, match="NaN or infinite"):
        write_repaired(pair, {0.5: tmp_path / "out"}, Operator(lambda n, b, t, s: np.full_like(t, 65520)))
