"""Replies by a vLLM server: the protocol, the server's life, and the same figures as in this process.

Nothing here needs vLLM: a stand-in answers as it does. `benchmarks/vllm_agreement.py` asks the real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from calling import call
from holdfast.core.errors import ModelError
from holdfast.guild.suites import load_suite
from holdfast.models import vllm_server
from holdfast.models.generate import GenerateOptions, ReplyCache, generate
from holdfast.models.load import ModelOptions, load_model
from holdfast.models.served import at_strength, load_served, only_hf
from holdfast.models.vllm_server import Root, find_vllm, last_words, rank_for, serve, stop_serving
from standin_vllm import install

TESTS = Path(__file__).parents[1]


@pytest.fixture
def standin(tmp_path, monkeypatch):
    """An environment in which a server's Python finds the stand-in."""
    path = [str(install(tmp_path / "env")), str(TESTS), str(TESTS.parent / "src")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    vllm_server._version.cache_clear()
    yield sys.executable
    stop_serving()
    vllm_server._version.cache_clear()


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA adapter on guild: random, and large enough to change some answers."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    loaded = load_model("guild", ModelOptions(dtype="float32"))
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    config.base_model_name_or_path = "guild"
    model = get_peft_model(loaded.model, config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    written = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(written | {"base_model_name_or_path": "guild"}))
    return folder


def test_base_adapter_and_strengths_are_one_server_and_say_what_transformers_says(standin, adapter, monkeypatch):
    prompts = load_suite("policy", limit=20)
    options, engine = GenerateOptions(max_new_tokens=24), find_vllm(python=standin)
    started = []
    start = vllm_server.VllmServer.start
    monkeypatch.setattr(vllm_server.VllmServer, "start", lambda *a: started.append(a) or start(*a))
    for reference in (str(adapter), "guild"):
        here = load_model(reference, ModelOptions(dtype="float32"))
        served = load_served(reference, ModelOptions(dtype="float32", engine=engine))
        assert served.fingerprint == here.fingerprint and served.name == here.name
        assert {p.device.type for p in served.model.parameters()} == {"meta"}
        seen = []
        said = generate(served, prompts, "", options, show=lambda done, total: seen.append((done, total)))  # noqa: B023
        assert [r.text for r in said] == [r.text for r in generate(here, prompts, "", options)]
        assert seen[-1] == (20, 20) and len(seen) == 2  # chunk by chunk
    assert len(started) == 1
    tuned = load_served(str(adapter), ModelOptions(dtype="float32", engine=engine))
    base = [r.text for r in generate(at_strength(tuned, None), prompts, "", options)]
    assert base == [r.text for r in said] != [r.text for r in generate(tuned, prompts, "", options)]


def test_what_is_in_the_cache_is_not_asked_again(standin, tmp_path):
    served = load_served("guild", ModelOptions(dtype="float32", engine=find_vllm(python=standin)))
    prompts = load_suite("policy", limit=3)
    options = GenerateOptions(max_new_tokens=8)
    first = generate(served, prompts, "", options, ReplyCache(tmp_path / "replies.jsonl"))
    stop_serving()
    again = ReplyCache(tmp_path / "replies.jsonl")
    assert generate(served, prompts, "", options, again) == first
    assert not vllm_server._running
    here = load_model("guild", ModelOptions(dtype="float32"))
    generate(here, prompts, "", options, again)  # another engine's replies are its own
    assert len(again.known) == 6


def test_an_audit_and_a_repair_give_the_figures_of_transformers(standin, adapter, capsys, tmp_path):
    common = ("--dtype", "float32", "--limit", "11", "--max-new-tokens", "16", "--json")
    found = {}
    for engine in ("hf", "vllm"):
        more = ("--engine", engine, *(["--engine-python", standin] if engine == "vllm" else []), *common)
        code, out, err = call(capsys, "audit", adapter, *more, "--out", tmp_path / f"audit-{engine}")
        assert code in (0, 3), err
        found[engine] = json.loads(out)
        manifest = json.loads((tmp_path / f"audit-{engine}" / "manifest.json").read_text())
        assert manifest["model"]["engine"]["name"] == manifest["base"]["engine"]["name"] == engine
    assert manifest["model"]["engine"]["version"] == "vllm 9.9.9"
    assert found["vllm"]["metrics"] == found["hf"]["metrics"]
    noise = found["vllm"]["noise_floor"]
    assert "noise_floor" not in found["hf"] and all(s["changed"] == 0 and s["n"] for s in noise["suites"])
    assert "0 of" in noise["sentence"] and "vllm" in noise["sentence"]
    page = (tmp_path / "audit-vllm" / "report.html").read_text()
    assert "asked again in other batches" in page

    curves = {}
    for engine in ("hf", "vllm"):
        more = ("--engine", engine, *(["--engine-python", standin] if engine == "vllm" else []), *common)
        out = tmp_path / f"repair-{engine}"
        wise = ("--method", "wise-ft", "--strength", "0.5")
        code, text, err = call(capsys, "repair", "guild", adapter, *wise, *more, "--out", out)
        assert code == 0, err
        curves[engine] = json.loads(text)["curves"]
        assert json.loads((out / "model" / "adapter_config.json").read_text())["lora_alpha"] == 4.0
    assert curves["vllm"] == curves["hf"]


def test_what_needs_weights_is_asked_of_transformers(standin, adapter, capsys):
    more = ("--probe", "depth", "--limit", "11", "--max-new-tokens", "8")
    _, _, err = call(capsys, "audit", adapter, "--engine", "vllm", "--engine-python", standin, *more)
    assert "transformers (hf) generates, not vLLM: the probe depth reads weights" in err
    assert not vllm_server._running


def test_other_repairs_say_in_one_line_that_transformers_generates(standin, adapter, capsys):
    _, _, err = call(capsys, "repair", "guild", adapter, "--method", "resta", "--strength", "0.5", "--engine", "vllm",
                    "--engine-python", standin, "--limit", "11", "--max-new-tokens", "8", "--no-write")  # fmt: skip
    assert "transformers (hf) generates, not vLLM: the repair resta works on weights" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("guild", "--engine", "endpoint"), "`guild` is no endpoint"),
        (("openai:x@http://127.0.0.1:9/v1", "--engine", "hf"), "leave --engine out"),
        (("guild", "--engine", "vllm"), "has no vLLM"),
        (("guild", "--engine", "vllm", "--engine-python", "/none/such"), "`/none/such` has no vLLM"),
        (("guild", "--engine", "hf", "--engine-args", "--x"), "add --engine vllm"),
    ],
)
def test_an_engine_that_does_not_fit_is_told_before_anything_is_loaded(capsys, monkeypatch, arguments, says):
    monkeypatch.delenv("HOLDFAST_VLLM", raising=False)
    vllm_server._version.cache_clear()
    code, _, err = call(capsys, "audit", *arguments)
    assert code == 2 and says in err


def test_a_server_that_does_not_start_says_why(standin, monkeypatch):
    monkeypatch.setenv("SAYS", "ValueError: To serve at least one request with max seq len (8192), 9 GiB are needed")
    with pytest.raises(ModelError, match=r"did not start for .*max seq len") as told:
        serve(find_vllm(python=standin), Root("guild", "float32"))
    assert "--max-model-len" in told.value.hint


def test_the_last_words_of_a_log():
    log = (
        "\x1b[0;36m(EngineCore pid=9)\x1b[0;0m ERROR 11-28 07:00:00 [core.py:1] torch.OutOfMemoryError: no room\n"
        "\x1b[0;36m(APIServer pid=8)\x1b[0;0m RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    assert last_words(log) == "torch.OutOfMemoryError: no room"
    assert last_words("") == ""


def test_a_server_ends_with_whoever_started_it(standin, tmp_path):
    script = tmp_path / "start.py"
    script.write_text(
        "import os, sys\n"
        "from holdfast.models.files import locate\n"
        "from holdfast.models.vllm_server import Root, find_vllm, serve\n"
        "server = serve(find_vllm(), Root(str(locate('guild')), 'float32'))\n"
        "print(server.url, flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = child.stdout.readline().strip()
    port = url.rpartition(":")[2]
    child.kill()
    child.wait()
    for _ in range(200):
        if not listening(int(port)):
            return
        time.sleep(0.1)
    raise AssertionError("the server outlived its parent")


def listening(port: int) -> bool:
    import socket

    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_ranks():
    assert [rank_for(r) for r in (1, 8, 9, 64)] == [8, 8, 16, 64]
    with pytest.raises(ModelError, match="up to rank"):
        rank_for(10_000)


def test_what_vllm_does_not_serve(adapter, tmp_path):
    assert only_hf("guild") == only_hf(str(adapter)) == ""
    assert "decoded as one" in only_hf("ensemble:a+b")
    other = tmp_path / "dora"
    other.mkdir()
    written = json.loads((adapter / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps(written | {"use_dora": True}))
    assert "uses DoRA" in only_hf(str(other))
