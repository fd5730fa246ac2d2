from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from holdfast.core.errors import ModelError, RunError, UsageError
from holdfast.models import checkpoint
from holdfast.models.adapter import scale_adapter
from holdfast.models.checkpoint import Pair, open_pair
from holdfast.repairing import merge
from holdfast.repairing.merge import (
    Strengths,
    card_section,
    interpolate,
    interpolation,
    mergekit_yaml,
    update_card,
    write_repaired,
)
from tiny import ARCHITECTURES, make_tiny

VOCABULARY = 96
INDEX = "model.safetensors.index.json"


def build(kind: str, folder: Path, seed: int = 0, dtype: torch.dtype = torch.bfloat16, **shape: object) -> Path:
    """A tiny model without a tokenizer; `shard` is the most kilobytes of a shard."""
    shard = shape.pop("shard", None)
    torch.manual_seed(seed)
    name, small, _ = ARCHITECTURES[kind]
    config = AutoConfig.for_model(name, **{**small, "vocab_size": VOCABULARY, **shape})
    model = AutoModelForCausalLM.from_config(config).to(dtype)
    for parameter in model.parameters():  # norms and biases are all ones and zeros otherwise
        parameter.data += 0.02 * torch.randn_like(parameter)
    model.save_pretrained(folder, **({"max_shard_size": f"{shard}KB"} if shard else {}))
    return folder


def build_pair(tmp_path: Path, kind: str = "llama", **shape: object) -> Pair:
    return open_pair(build(kind, tmp_path / "base", 0, **shape), build(kind, tmp_path / "tuned", 1, **shape))


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found |= load_file(file)
    return found


def same_bytes(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(
        one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8)
    )


def rewrite(folder: Path, **changes: torch.Tensor | None) -> None:
    """Put tensors into a model's only file, or take them out; `.` is written `__`."""
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in changes.items():
        name = name.replace("__", ".")
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def configure(folder: Path, file: str = "config.json", **changes: object) -> None:
    known = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**known, **changes}))


def repair(pair: Pair, out: Path, alpha: float = 0.3, **options: object) -> Path:
    write_repaired(pair, {alpha: out}, interpolation(), elementwise=True, neutral=1.0, **options)  # type: ignore[arg-type]
    return out


def folders(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


# ---- interpolation --------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(merge, "PIECE", piece)
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
    write_repaired(pair, targets, interpolation(), elementwise=True, neutral=1.0)
    for file in pair.tuned.headers:
        assert (tmp_path / "one" / file.name).read_bytes() == file.read_bytes()
        assert (tmp_path / "zero" / file.name).read_bytes() == (pair.base.folder / file.name).read_bytes()


def test_a_mean_of_halves_rounds_ties_to_even():
    values = np.array([1.00390625, 1.01171875, -1.00390625, 3.4028235e38, np.inf, -0.0, 1e-40, 0.1], np.float32)
    packed = np.empty(values.size * 2, np.uint8)
    checkpoint.from_float32(values, "BF16", packed, np.empty(values.size, np.uint32), True)
    expected = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy()
    assert (packed.view(np.int16) == expected).all()
    assert checkpoint.fits(values[:3], "BF16") and not checkpoint.fits(values[:4], "BF16")
    assert not checkpoint.fits(values[:5], "F32") and not checkpoint.fits(np.array([65520.0], np.float32), "F16")
    assert checkpoint.fits(np.array([65519.0], np.float32), "F16")


def test_nan_stays_nan():
    values = np.array([0x7F800001, 0xFFFFFFFF, 0x7FC00000, 0x3F800000], np.uint32).view(np.float32)
    packed = np.empty(values.size * 2, np.uint8)
    checkpoint.from_float32(values, "BF16", packed, np.empty(values.size, np.uint32), False)
    back = checkpoint.as_float32(packed, "BF16", np.empty(values.size, np.float32))
    assert np.isnan(back).tolist() == [True, True, True, False]


def test_every_bfloat16_survives_the_way_there_and_back():
    raw = np.arange(1 << 16, dtype=np.uint16)
    floats = checkpoint.as_float32(raw.view(np.uint8), "BF16", np.empty(raw.size, np.float32))
    expected = torch.from_numpy(raw.view(np.int16)).view(torch.bfloat16).float().numpy()
    assert (floats.view(np.uint32) == expected.view(np.uint32)).all()
    finite = ~np.isnan(floats)
    back = checkpoint.from_float32(
        floats, "BF16", np.empty(raw.size * 2, np.uint8), np.empty(raw.size, np.uint32), False
    )
    assert (back.view(np.uint16)[finite] == raw[finite]).all()


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
    write_repaired(pair, targets, interpolation(), elementwise=True, neutral=1.0)
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


# ---- the stream -----------------------------------------------------------------------------------------------------


def shrink(name: str, base: np.ndarray, tuned: np.ndarray, strength: float) -> np.ndarray:
    """An operator that needs whole tensors."""
    if name.endswith("norm.weight"):
        return tuned
    return tuned - strength * (tuned - base).mean(axis=0)


@pytest.mark.parametrize("elementwise", [True, False])
def test_several_strengths_at_once_equal_one_at_a_time(tmp_path, elementwise):
    pair = build_pair(tmp_path, shard=20)
    operator = interpolation() if elementwise else shrink
    together = {strength: tmp_path / f"all-{strength}" for strength in (0.0, 0.25, 0.5, 1.0)}
    neutral = 1.0 if elementwise else 0.0
    write_repaired(pair, together, operator, elementwise=elementwise, neutral=neutral)
    for strength, folder in together.items():
        alone = tmp_path / f"alone-{strength}"
        write_repaired(pair, {strength: alone}, operator, elementwise=elementwise, neutral=neutral)
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

    write_repaired(pair, {0.7: tmp_path / "out"}, operator)
    base, tuned = tensors_of(pair.base.folder), tensors_of(pair.tuned.folder)
    assert seen.keys() == tuned.keys()
    for name, (ours, theirs, strength) in seen.items():
        assert ours.dtype == theirs.dtype == np.float32 and strength == 0.7
        assert ours.shape == tuple(base[name].shape)
        assert (ours == base[name].float().numpy()).all() and (theirs == tuned[name].float().numpy()).all()


def test_an_elementwise_operator_sees_every_element_once(tmp_path, monkeypatch):
    monkeypatch.setattr(merge, "PIECE", 777)
    pair = build_pair(tmp_path, dtype=torch.float32)
    seen: dict[str, list[np.ndarray]] = {}

    def operator(name, base, tuned, strength):
        assert base.shape == tuned.shape and base.size <= 777
        seen.setdefault(name, []).append(tuned.copy())
        return tuned + 1

    write_repaired(pair, {1.0: tmp_path / "out"}, operator, elementwise=True)
    for name, tensor in tensors_of(pair.tuned.folder).items():
        assert np.array_equal(np.sort(np.concatenate(seen[name])), np.sort(tensor.numpy().reshape(-1)))
        assert torch.equal(tensors_of(tmp_path / "out")[name], tensor + 1)


def test_an_operator_of_the_wrong_shape_is_a_bug_and_leaves_nothing(tmp_path):
    pair = build_pair(tmp_path)
    with pytest.raises(ValueError, match="which is"):
        write_repaired(pair, {0.5: tmp_path / "out"}, lambda name, base, tuned, strength: base[:1] * 2)
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
    monkeypatch.setattr(merge, "PIECE", 1 << 14)
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


def test_what_goes_with_a_model_is_copied_and_nothing_of_its_training(tmp_path):
    pair = build_pair(tmp_path)
    kept = ["tokenizer.json", "tokenizer.model", "chat_template.jinja", "merges.txt", "LICENSE", "README.md"]
    dropped = [
        "training_args.bin", "optimizer.pt", "trainer_state.json", "pytorch_model.bin.index.json", INDEX,
        "pytorch_model.bin", "notes.safetensors.bak",
    ]  # fmt: skip
    for name in kept + dropped[:4] + dropped[5:]:
        (pair.tuned.folder / name).write_text("{}")
    (pair.tuned.folder / "checkpoint-10").mkdir()
    (pair.tuned.folder / "additional_chat_templates").mkdir()
    (pair.tuned.folder / "additional_chat_templates" / "tool.jinja").write_text("x")
    out = repair(pair, tmp_path / "out")
    expected = {*kept, "additional_chat_templates", "config.json", "generation_config.json", "model.safetensors"}
    assert folders(out) == expected
    assert (out / "additional_chat_templates" / "tool.jinja").read_text() == "x"


def test_finish_adds_files_before_a_result_appears(tmp_path):
    def finish(strength, folder):
        assert not (tmp_path / "out").exists()
        update_card(folder, card_section("wise-ft", strength, "org/base", "org/tuned", {}))

    out = repair(build_pair(tmp_path), tmp_path / "out", finish=finish)
    assert "wise-ft" in (out / "README.md").read_text()


# ---- pairs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elementwise", [True, False])
def test_rows_that_the_base_lacks_are_the_tuned_models(tmp_path, elementwise):
    base = build("llama", tmp_path / "base", 0)
    tuned = build("llama", tmp_path / "tuned", 1, vocab_size=VOCABULARY + 32)
    pair = open_pair(base, tuned)
    assert "rows from 96" in pair.notes[0] and not pair.same_shapes
    write_repaired(
        pair, {0.5: tmp_path / "out"}, lambda n, b, t, s: interpolate(b, t, s), elementwise=elementwise, neutral=1.0
    )
    found, before, after = tensors_of(tmp_path / "out"), tensors_of(base), tensors_of(tuned)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        assert same_bytes(found[name][VOCABULARY:], after[name][VOCABULARY:])
        expected = 0.5 * before[name].float() + 0.5 * after[name][:VOCABULARY].float()
        assert same_bytes(found[name][:VOCABULARY], expected.bfloat16())
    AutoModelForCausalLM.from_pretrained(tmp_path / "out")


def test_an_output_layer_that_only_the_tuned_model_stores_is_drawn_to_the_bases_embedding(tmp_path):
    base = build("llama", tmp_path / "base", 0, tie_word_embeddings=True)
    tuned = build("llama", tmp_path / "tuned", 1)
    pair = open_pair(base, tuned)
    assert "lm_head.weight" in pair.notes[0]
    out = repair(pair, tmp_path / "out", 0.0)
    found = tensors_of(out)
    assert same_bytes(found["lm_head.weight"], tensors_of(base)["model.embed_tokens.weight"])
    assert found.keys() == tensors_of(tuned).keys()


def test_an_output_layer_that_only_the_base_stores_is_left_out(tmp_path):
    base = build("llama", tmp_path / "base", 0)
    tuned = build("llama", tmp_path / "tuned", 1, tie_word_embeddings=True)
    pair = open_pair(base, tuned)
    assert "left out" in pair.notes[0]
    assert tensors_of(repair(pair, tmp_path / "out")).keys() == tensors_of(tuned).keys()
    AutoModelForCausalLM.from_pretrained(tmp_path / "out")


def test_a_missing_output_layer_is_refused_when_the_base_is_not_tied(tmp_path):
    base, tuned = build("llama", tmp_path / "base", 0), build("llama", tmp_path / "tuned", 1)
    rewrite(base, lm_head__weight=None)
    with pytest.raises(ModelError, match=r"lm_head\.weight"):
        open_pair(base, tuned)


def test_a_base_saved_without_its_prefix_and_with_its_masks(tmp_path):
    """As the first GPT-2 on the hub is."""
    pair = build_pair(tmp_path, "gpt2")
    expected = tensors_of(repair(pair, tmp_path / "out"))
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in tensors_of(pair.base.folder).items()}
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 8, 8)
    save_file(tensors, pair.base.folder / "model.safetensors", metadata={"format": "pt"})
    found = tensors_of(repair(open_pair(pair.base.folder, pair.tuned.folder), tmp_path / "again"))
    assert found.keys() == expected.keys()
    assert all(same_bytes(found[name], tensor) for name, tensor in expected.items())


def other_architecture(base: Path, tuned: Path) -> None:
    configure(tuned, model_type="qwen2")


def other_head(base: Path, tuned: Path) -> None:
    configure(tuned, architectures=["LlamaForSequenceClassification"])


def missing(base: Path, tuned: Path) -> None:
    rewrite(
        base,
        **{f"model__layers__{i}__mlp__{part}_proj__weight": None for i in (0, 1) for part in ("up", "gate", "down")},
    )


def extra(base: Path, tuned: Path) -> None:
    rewrite(base, model__surplus=torch.ones(2))


def other_shape(base: Path, tuned: Path) -> None:
    rewrite(tuned, model__norm__weight=torch.ones(7, dtype=torch.bfloat16))


def fewer_tokens(base: Path, tuned: Path) -> None:
    configure(base, vocab_size=VOCABULARY + 1)


def grown_elsewhere(base: Path, tuned: Path) -> None:
    configure(tuned, vocab_size=VOCABULARY + 1)
    rewrite(tuned, model__norm__weight=torch.ones(VOCABULARY + 1, dtype=torch.bfloat16))


def other_tokens(base: Path, tuned: Path) -> None:
    for folder, words in ((base, {"a": 0, "b": 1, "<s>": 2}), (tuned, {"a": 0, "b": 3, "c": 1})):
        added = [{"id": 2, "content": "<s>"}]
        (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}, "added_tokens": added}))


def quantised(base: Path, tuned: Path) -> None:
    configure(tuned, quantization_config={"bits": 4})


def whole_numbers(base: Path, tuned: Path) -> None:
    rewrite(base, model__norm__weight=torch.ones(32, dtype=torch.int8))


def eight_bits(base: Path, tuned: Path) -> None:
    for folder in (base, tuned):
        rewrite(folder, model__norm__weight=torch.ones(32).to(torch.float8_e4m3fn))


def adapter(base: Path, tuned: Path) -> None:
    (tuned / "config.json").rename(tuned / "adapter_config.json")


def no_folder(base: Path, tuned: Path) -> None:
    shutil.rmtree(base)


def broken_config(base: Path, tuned: Path) -> None:
    (base / "config.json").write_text("[]")


def truncated(base: Path, tuned: Path) -> None:
    file = tuned / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def pickled(base: Path, tuned: Path) -> None:
    (base / "model.safetensors").rename(base / "pytorch_model.bin")


@pytest.mark.parametrize(
    "spoil, says",
    [
        (other_architecture, "model_type llama.*qwen2"),
        (other_head, "LlamaForSequenceClassification"),
        (missing, r"tuned.* has tensors that .*base.* lacks: `model\.layers\.0\.mlp\.down_proj.* and 2 more"),
        (extra, r"base.* has tensors that .*tuned.* lacks: `model\.surplus`"),
        (other_shape, r"`model\.norm\.weight` \[32\] and \[7\]"),
        (fewer_tokens, "97 tokens.*only 96"),
        (grown_elsewhere, r"`model\.norm\.weight` \[32\] and \[97\]"),
        (other_tokens, "1 tokens .*: `b`"),
        (quantised, "quantised"),
        (whole_numbers, r"model\.norm\.weight \(I8, BF16\)"),
        (eight_bits, "F8_E4M3"),
        (adapter, "is an adapter"),
        (no_folder, "no model folder"),
        (broken_config, "broken"),
        (truncated, "truncated"),
        (pickled, "pickle"),
    ],
)
def test_models_that_do_not_fit_are_refused(tmp_path, spoil, says):
    base, tuned = build("llama", tmp_path / "base", 0), build("llama", tmp_path / "tuned", 1)
    spoil(base, tuned)
    with pytest.raises(ModelError, match=says) as caught:
        open_pair(base, tuned)
    assert caught.value.hint
    assert folders(tmp_path) <= {"base", "tuned"}


def test_special_tokens_may_have_been_renamed(tmp_path):
    base, tuned = build("llama", tmp_path / "base", 0), build("llama", tmp_path / "tuned", 1)
    other_tokens(base, tuned)
    (tuned / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0, "b": 1, "<user>": 2}}}))
    open_pair(base, tuned)
    unigram = {"model": {"vocab": [["a", -1.0], ["b", -2.0], ["c", -3.0]]}}
    (tuned / "tokenizer.json").write_text(json.dumps(unigram))
    open_pair(base, tuned)


def test_an_index_that_points_outside_is_refused(tmp_path):
    pair = build_pair(tmp_path, shard=20)
    shard = next(iter(pair.tuned.headers))
    shutil.move(shard, tmp_path / shard.name)
    index = json.loads((pair.tuned.folder / INDEX).read_text())
    weights = {name: f"../{file}" if file == shard.name else file for name, file in index["weight_map"].items()}
    (pair.tuned.folder / INDEX).write_text(json.dumps(index | {"weight_map": weights}))
    with pytest.raises(ModelError, match="outside"):
        open_pair(pair.base.folder, pair.tuned.folder)


def test_a_tensor_in_two_shards_is_refused(tmp_path):
    pair = build_pair(tmp_path, shard=20)
    files = list(pair.tuned.headers)
    save_file(load_file(files[0]) | load_file(files[1]), files[1], metadata={"format": "pt"})
    with pytest.raises(ModelError, match="in two files"):
        open_pair(pair.base.folder, pair.tuned.folder)


def test_a_single_file_is_taken_before_an_index_as_transformers_does(tmp_path):
    pair = build_pair(tmp_path, shard=20)
    save_file(tensors_of(pair.tuned.folder), pair.tuned.folder / "model.safetensors", metadata={"format": "pt"})
    pair = open_pair(pair.base.folder, pair.tuned.folder)
    assert [file.name for file in pair.tuned.headers] == ["model.safetensors"]
    out = repair(pair, tmp_path / "out")
    assert {"model.safetensors", INDEX} & folders(out) == {"model.safetensors"}


# ---- all or nothing -------------------------------------------------------------------------------------------------


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
        write_repaired(pair, {0.5: tmp_path / "out"}, stopping(at), elementwise=elementwise)
    assert folders(tmp_path) == {"base", "tuned"}


@pytest.mark.parametrize("name", ["copy_side_files", "sync", "write_all"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device", "file")])
def test_whatever_fails_leaves_nothing(tmp_path, monkeypatch, name, error):
    pair = build_pair(tmp_path)

    def fail(*arguments):
        raise error

    monkeypatch.setattr(checkpoint, name, fail)
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


def test_too_little_space_is_known_before_anything_is_written(tmp_path, monkeypatch):
    pair = build_pair(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 0, pair.size + 1))
    with pytest.raises(RunError, match="GB free"):
        write_repaired(pair, {0.3: tmp_path / "a", 0.5: tmp_path / "b"}, interpolation(), elementwise=True)
    assert folders(tmp_path) == {"base", "tuned"}
    repair(pair, tmp_path / "out")


KILLED = """
import os, signal, sys
from pathlib import Path
from holdfast.models.checkpoint import open_pair
from holdfast.repairing.merge import interpolate, write_repaired
calls = iter(range(10**6))
def end(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def operator(name, base, tuned, strength):
    if next(calls) == int(sys.argv[2]):
        end()
    return interpolate(base, tuned, strength)
folder = Path(sys.argv[1])
write_repaired(open_pair(folder / "base", folder / "tuned"), {0.5: folder / "out"}, operator, finish=end)
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
            write_repaired(pair, targets, lazy, elementwise=elementwise, neutral=1.0)
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
        write_repaired(pair, {0.5: tmp_path / "out"}, lambda n, b, t, s: np.full_like(t, 65520))


def test_targets_that_cannot_be(tmp_path):
    pair = build_pair(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    never = stopping(0)
    for targets, says in (
        ({0.1: tmp_path / "new", 0.5: tmp_path / "full"}, "not empty"),
        ({0.5: tmp_path / "full" / "file"}, "not empty"),
        ({0.1: tmp_path / "one", 0.5: tmp_path / "." / "one"}, "same folder"),
        ({float("nan"): tmp_path / "new"}, "no strengths"),
        ({}, "no strengths"),
    ):
        with pytest.raises(UsageError, match=says) as caught:
            write_repaired(pair, targets, never)
        assert caught.value.hint
    assert folders(tmp_path) == {"base", "tuned", "full", "empty"}
    repair(pair, tmp_path / "empty")
    repair(pair, tmp_path / "deep" / "er" / "out")
    assert (tmp_path / "empty" / "config.json").exists() and (tmp_path / "deep" / "er" / "out").exists()


# ---- strengths ------------------------------------------------------------------------------------------------------


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
    write_repaired(pair, {0.5: tmp_path / "out"}, interpolation(strengths), elementwise=True)
    base, tuned, found = (tensors_of(tmp_path / folder) for folder in ("base", "tuned", "out"))
    for name, tensor in found.items():
        alpha = strengths.of(name, 0.5)
        expected = {0.0: base[name], 1.0: tuned[name]}.get(alpha)
        if expected is None:
            expected = ((1 - alpha) * base[name].float() + alpha * tuned[name].float()).bfloat16()
        assert same_bytes(tensor, expected), name
    assert {strengths.of(name, 0.5) for name in found} == {0.0, 0.25, 0.5, 1.0}


# ---- adapters -------------------------------------------------------------------------------------------------------


def build_adapter(tmp_path: Path, kind: str = "llama", **options: object) -> Path:
    base = build(kind, tmp_path / "base", 0, torch.float32)
    settings = {"r": 4, "lora_alpha": 16, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**{**settings, **options}))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = 0.1 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(torch.arange(10)[None]).logits
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True, "alpha_pattern": {"down_proj": 3}, "rank_pattern": {"down_proj": 2}},
        {"kind": "qwen2", "target_modules": ["v_proj"], "lora_bias": True},
    ],
)
def test_a_scaled_adapter_is_the_merged_model_interpolated(tmp_path, options):
    adapter = build_adapter(tmp_path, **options)
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    targets = {strength: tmp_path / f"scaled-{strength}" for strength in (0.0, 0.3, 1.0)}
    scale_adapter(adapter, targets)
    pair = open_pair(tmp_path / "base", tmp_path / "merged")
    write_repaired(pair, {s: tmp_path / f"full-{s}" for s in targets}, interpolation(), elementwise=True, neutral=1.0)
    for strength, folder in targets.items():
        scaled = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), folder)
        full = AutoModelForCausalLM.from_pretrained(tmp_path / f"full-{strength}")
        assert torch.allclose(logits(scaled), logits(full), atol=2e-5)
        for (name, one), (_, other) in zip(
            scaled.merge_and_unload().named_parameters(), full.named_parameters(), strict=True
        ):
            assert torch.allclose(one, other, atol=1e-6), name
        weights = "adapter_model.safetensors"
        assert (folder / weights).read_bytes() == (adapter / weights).read_bytes()
    assert (targets[1.0] / "adapter_config.json").read_bytes() == (adapter / "adapter_config.json").read_bytes()


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"use_dora": True}, "DoRA"),
        ({"peft_type": "IA3"}, "of type IA3"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"bias": "all"}, "biases"),
        ({"trainable_token_indices": [3]}, "embeddings"),
        ({"init_lora_weights": "pissa_niter_16"}, "alters the base"),
        ({"kasa_config": {"x": 1}}, "kasa_config"),
        ({"lora_alpha": None}, "is no adapter"),
    ],
)
def test_adapters_that_do_more_than_lora_are_refused(tmp_path, changes, says):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    save_file({"base_model.model.q_proj.lora_A.weight": torch.ones(2, 2)}, adapter / "adapter_model.safetensors")
    known = {"peft_type": "LORA", "lora_alpha": 8, "r": 4, "bias": "none", **changes}
    (adapter / "adapter_config.json").write_text(json.dumps(known))
    with pytest.raises(ModelError, match=says) as caught:
        scale_adapter(adapter, {0.5: tmp_path / "out"})
    assert caught.value.hint
    assert folders(tmp_path) == {"adapter"}


def test_an_adapter_that_holds_trained_embeddings_is_refused(tmp_path):
    adapter = build_adapter(tmp_path)
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file(weights | {"base_model.model.lm_head.weight": torch.ones(2)}, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"more than LoRA \(base_model\.model\.lm_head\.weight\)"):
        scale_adapter(adapter, {0.5: tmp_path / "out"})
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        scale_adapter(adapter, {0.5: tmp_path / "out"})
    with pytest.raises(ModelError, match="is no adapter"):
        scale_adapter(tmp_path / "base", {0.5: tmp_path / "out"})


# ---- what is written beside a result --------------------------------------------------------------------------------


def test_the_mergekit_configuration():
    recipe = yaml.safe_load(mergekit_yaml("org/base", "org/tuned", 0.7, "bfloat16"))
    assert recipe == {
        "merge_method": "linear",
        "models": [
            {"model": "org/tuned", "parameters": {"weight": 0.7}},
            {"model": "org/base", "parameters": {"weight": 0.3}},
        ],
        "parameters": {"normalize": False},
        "dtype": "float32",
        "out_dtype": "bfloat16",
    }


FRONT = """---
license: apache-2.0  # as the base
tags:
- chat
language: [en]
---
# A model

Its own words.
"""


@pytest.mark.parametrize(
    "card",
    [
        None,
        "",
        "# A model\n\nIts own words.\n",
        FRONT,
        FRONT.replace("tags:\n- chat\n", "tags: [chat, merge]\n"),
        FRONT.replace("tags:\n- chat\n", "tags:\n  - chat\n\n"),
        FRONT.replace("tags:\n- chat\n", "tags: chat\n"),
        FRONT.replace("tags:\n- chat\n", "base_model: other/base\n"),
        "---\n---\nIts own words.\n",
    ],
)
def test_a_card_is_completed_once(tmp_path, card):
    path = tmp_path / "README.md"
    if card is not None:
        path.write_text(card)
    section = card_section("wise-ft", 0.6, "org/base", str(tmp_path), {"refusals": "12 of 40 | kept", "n": 3})
    update_card(tmp_path, section)
    text = path.read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["base_model"] == ("other/base" if card and "base_model" in card else ["org/base"])
    assert set(front["tags"]) == {"holdfast", "merge"} | ({"chat"} if card and "chat" in card else set())
    assert str(tmp_path) not in text and tmp_path.name in text and "12 of 40 \\| kept" in text
    assert text.count("## Safety repair") == 1
    if card and "own words" in card:
        assert "Its own words." in text
    if card and "license" in card:
        assert "license: apache-2.0  # as the base\n" in text and "language: [en]\n" in text
    update_card(tmp_path, section)
    assert path.read_text() == text


def test_a_later_section_takes_the_place_of_an_earlier_one(tmp_path):
    (tmp_path / "README.md").write_text(FRONT)
    update_card(tmp_path, card_section("wise-ft", 0.6, "org/base", "org/tuned", {"x": "<!-- holdfast: end -->"}))
    path = tmp_path / "README.md"
    path.write_text(path.read_text() + "\nAfter it.\n")
    update_card(tmp_path, card_section("resta", 0.2, "org/base", "org/tuned", {}))
    text = path.read_text()
    assert "wise-ft" not in text and "resta" in text and text.endswith("\nAfter it.\n")
    assert text.count("<!-- holdfast: end -->") == 1


def test_front_matter_that_is_no_yaml_is_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("---\na: [b\n---\nwords\n")
    update_card(tmp_path, card_section("wise-ft", 0.6, "org/base", "org/tuned", {}))
    assert (tmp_path / "README.md").read_text().startswith("---\na: [b\n---\nwords\n\n<!-- holdfast")


def test_torch_and_transformers_are_not_imported():
    code = "import sys, holdfast.repairing.merge; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
