"""Interpolations, bit for bit against torch, and strengths by module."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from holdfast.core.errors import UsageError
from holdfast.models.checkpoint import open_pair
from holdfast.repairing import stream
from holdfast.repairing.interpolation import Strengths, interpolate, interpolation
from holdfast.repairing.stream import write_repaired
from pairs_on_disk import (
    build,
    build_pair,
    folders,
    repair,
    rewrite,
    same_bytes,
    tensors_of,
)


@pytest.mark.parametrize(
    "kind, dtype, shape",
    [
        ("llama", torch.bfloat16, {"shard": 20}),
        ("llama", torch.float16, {"tie_word_embeddings": True}),
        ("llama", torch.float32, {}),
        ("qwen2", torch.float16, {"shard": 20}),
        ("gemma", torch.bfloat16, {}),
        ("gpt2", torch.bfloat16, {}),
        ("gpt2", torch.float16, {"shard": 20, "tie_word_embeddings": False}),
        ("mixtral", torch.bfloat16, {"shard": 20}),
    ],
)
@pytest.mark.parametrize("piece", [1 << 18, 1000])
def test_interpolation_equals_plain_torch_bit_for_bit(tmp_path, monkeypatch, kind, dtype, shape, piece):
    monkeypatch.setattr(stream, "PIECE", piece)
    pair = build_pair(tmp_path, kind, dtype=dtype, **shape)
    out = repair(pair, tmp_path / "out", 0.3)
    base, tuned, found = (tensors_of(folder) for folder in (pair.base.folder, pair.tuned.folder, out))
    assert found.keys() == tuned.keys()
    on_base, on_tuned = torch.tensor(1 - 0.3, dtype=torch.float32), torch.tensor(0.3, dtype=torch.float32)
    for name, tensor in found.items():
        expected = on_base * base[name].float() + on_tuned * tuned[name].float()
        assert same_bytes(tensor, expected.to(dtype)), name
    assert len(list(out.glob("*.safetensors"))) > 1 or "shard" not in shape
    assert folders(out) == folders(pair.tuned.folder)


def test_the_ends_give_the_models_own_bytes(tmp_path):
    pair = build_pair(tmp_path, shard=20)
    for checkpoint_ in (pair.base, pair.tuned):
        file = next(iter(checkpoint_.headers))
        tensors = load_file(file)
        for tensor in tensors.values():
            tensor.view(-1)[::3] = -0.0
        save_file(tensors, file, metadata={"format": "pt"})
    pair = open_pair(pair.base.folder, pair.tuned.folder)
    targets = {0.0: tmp_path / "zero", 1.0: tmp_path / "one"}
    write_repaired(pair, targets, interpolation())
    for file in pair.tuned.headers:
        assert (tmp_path / "one" / file.name).read_bytes() == file.read_bytes()
        assert (tmp_path / "zero" / file.name).read_bytes() == (pair.base.folder / file.name).read_bytes()


def test_interpolate_serves_torch_and_numpy_alike():
    rng = np.random.default_rng(0)
    base, tuned = rng.standard_normal((2, 5, 7), dtype=np.float32)
    plain = interpolate(base, tuned, 0.7)
    out, spare = np.empty_like(base), np.empty_like(base)
    assert interpolate(base, tuned, 0.7, out, spare) is out and (out == plain).all()
    assert (interpolate(torch.from_numpy(base), torch.from_numpy(tuned), 0.7).numpy() == plain).all()
    assert plain.dtype == np.float32
    assert interpolate(base, tuned, 0.0) is base and interpolate(base, tuned, 1) is tuned


def test_a_base_of_another_number_type(tmp_path):
    base, tuned = (
        build("llama", tmp_path / "base", 0, torch.float32),
        build("llama", tmp_path / "tuned", 1, torch.float16),
    )
    pair = open_pair(base, tuned)
    assert pair.dtype == "float16" and pair.same_shapes
    targets = {0.0: tmp_path / "zero", 0.5: tmp_path / "half"}
    write_repaired(pair, targets, interpolation())
    for name, tensor in tensors_of(tmp_path / "half").items():
        expected = 0.5 * tensors_of(base)[name] + 0.5 * tensors_of(tuned)[name].float()
        assert same_bytes(tensor, expected.half())
        assert same_bytes(tensors_of(tmp_path / "zero")[name], tensors_of(base)[name].half())


def test_double_precision_is_kept_and_computed_in_single(tmp_path):
    build_pair(tmp_path)
    for folder in ("base", "tuned"):
        rewrite(tmp_path / folder, model__norm__weight=tensors_of(tmp_path / folder)["model.norm.weight"].double())
    pair = open_pair(tmp_path / "base", tmp_path / "tuned")
    found = tensors_of(repair(pair, tmp_path / "out", 0.5))["model.norm.weight"]
    base, tuned = (tensors_of(tmp_path / folder)["model.norm.weight"].float() for folder in ("base", "tuned"))
    assert same_bytes(found, (0.5 * base + 0.5 * tuned).double())


def test_strengths_by_module():
    strengths = Strengths.parse("0.5, mlp=0.8,layers.0-7=0.2,layers.3=0.1,layers.5-6.attn=0.9,lm_head=1")
    for name, expected in {
        "model.embed_tokens.weight": 0.5,
        "model.layers.8.mlp.up_proj.weight": 0.8,
        "model.layers.7.mlp.up_proj.weight": 0.2,
        "transformer.h.3.attn.c_attn.weight": 0.1,
        "model.layers.33.self_attn.q_proj.weight": 0.5,
        "model.layers.6.self_attn.q_proj.weight": 0.9,
        "model.layers.6.norm.weight": 0.2,
        "model.layers.9.block_sparse_moe.experts.1.w1.weight": 0.5,
        "lm_head.weight": 1.0,
    }.items():
        assert strengths.of(name, 0.0) == expected, name
    assert Strengths.parse("mlp=0").of("model.norm.weight", 0.7) == 0.7
    assert Strengths.parse("0").of("model.norm.weight", 0.7) == 0.0
    strengths.check(["model.layers.3.mlp", "model.layers.5.attn", "lm_head.weight"])
    with pytest.raises(UsageError, match=r"no tensor matches `lm_head`"):
        strengths.check(["model.layers.3.mlp", "model.layers.5.attn"])


@pytest.mark.parametrize(
    "text",
    ["", "x", "0.5,0.6", "mlp=", "=0.5", "mlp=high", "nan", "inf", "layers.7-3=0.1", "mlp.*=0.5", "a=b=0.5", "0.5,"],
)
def test_strengths_that_cannot_be_read(text):
    with pytest.raises(UsageError) as caught:
        Strengths.parse(text)
    assert caught.value.hint


def test_modules_are_repaired_with_their_own_strength(tmp_path):
    pair = build_pair(tmp_path)
    strengths = Strengths.parse("mlp=1,layers.0=0,lm_head=0.25")
    write_repaired(pair, {0.5: tmp_path / "out"}, interpolation(strengths))
    base, tuned, found = (tensors_of(tmp_path / folder) for folder in ("base", "tuned", "out"))
    for name, tensor in found.items():
        alpha = strengths.of(name, 0.5)
        expected = {0.0: base[name], 1.0: tuned[name]}.get(alpha)
        if expected is None:
            expected = ((1 - alpha) * base[name].float() + alpha * tuned[name].float()).bfloat16()
        assert same_bytes(tensor, expected), name
    assert {strengths.of(name, 0.5) for name in found} == {0.0, 0.25, 0.5, 1.0}


def test_torch_and_transformers_are_not_imported():
    code = "import sys, holdfast.repairing.interpolation; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
