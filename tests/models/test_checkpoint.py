"""Base and tuned model on disk, and the pairs that are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from holdfast.core.errors import ModelError
from holdfast.models.checkpoint import open_pair
from holdfast.repairing.interpolation import interpolate
from holdfast.repairing.stream import Operator, write_repaired
from pairs_on_disk import (
    INDEX,
    VOCABULARY,
    build,
    build_pair,
    configure,
    folders,
    repair,
    rewrite,
    same_bytes,
    tensors_of,
)


@pytest.mark.parametrize("elementwise", [True, False])
def test_rows_that_the_base_lacks_are_the_tuned_models(tmp_path, elementwise):
    base = build("llama", tmp_path / "base", 0)
    tuned = build("llama", tmp_path / "tuned", 1, vocab_size=VOCABULARY + 32)
    pair = open_pair(base, tuned)
    assert "rows from 96" in pair.notes[0] and not pair.same_shapes
    operator = Operator(lambda n, b, t, s: interpolate(b, t, s), elementwise, neutral=1.0)
    write_repaired(pair, {0.5: tmp_path / "out"}, operator)
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
