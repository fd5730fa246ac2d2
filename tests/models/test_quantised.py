"""Quantised checkpoints: read where their library is there, refused by name before anything is loaded where it is not,
never tuned or repaired as if they were whole."""

from __future__ import annotations

import importlib.util
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from calling import call
from holdfast.core.errors import EXIT_ERROR, ModelError
from holdfast.models import quantised
from holdfast.models.load import load_model
from holdfast.models.quantised import bits_of, check_library, quantisation, quantisation_of
from school_maths import write_rows

METHODS = {
    "gptq": ({"bits": 4, "group_size": 128}, "gptqmodel optimum"),
    "awq": ({"bits": 4, "group_size": 128}, "gptqmodel"),
    "bitsandbytes": ({"load_in_4bit": True}, "bitsandbytes"),
    "compressed-tensors": ({"format": "pack-quantized"}, "compressed-tensors"),
    "torchao": ({"quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}}}, "torchao"),
    "quanto": ({"weights": "int8"}, "optimum-quanto"),
    "hqq": ({}, "hqq"),
    "aqlm": ({}, "aqlm[cpu]"),
    "auto-round": ({"bits": 4}, "auto-round"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory, data):
    """Wide enough for a block of 4-bit numbers."""
    folder = tmp_path_factory.mktemp("wide") / "base"
    kind, shape, template = tiny.ARCHITECTURES["llama"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            tiny.ARCHITECTURES, "llama", (kind, {**shape, "hidden_size": 128, "intermediate_size": 128}, template)
        )
        return tiny.make_tiny("llama", folder, data)


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    file = tmp_path_factory.mktemp("asked") / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"{word} of {word}s"}) + "\n" for word in ("bread", "river", "kite")))
    return file


def labelled(base, folder, entry):
    """The base, with a config that calls it quantised."""
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": entry}))
    return folder


def audited(capsys, model, base, prompts, code=0):
    found, out, err = call(
        capsys, "audit", model, "--base", base, "--prompts", prompts, "--max-new-tokens", 4, "--json"
    )
    assert found == code, err
    return json.loads(out) if code == 0 else err


# ---- what reads them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_library_is_named_before_anything_is_loaded(method, base, prompts, tmp_path, capsys, monkeypatch):
    more, package = METHODS[method]
    monkeypatch.setattr(quantised, "_there", lambda module: False)
    monkeypatch.setattr("holdfast.models.load._load_weights", lambda *_: pytest.fail("weights were loaded"))
    model = labelled(base, tmp_path / method, {"quant_method": method, **more})
    err = audited(capsys, model, base, prompts, EXIT_ERROR)
    assert f"is quantised by `{method}`" in err and f"hint: pip install {package}" in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.parametrize(("entry", "says"), [({"quant_method": "modelopt"}, "by `modelopt`"), ({"bits": 3}, "not say")])
def test_what_nothing_reads_is_said(entry, says, base, prompts, tmp_path, capsys):
    err = audited(capsys, labelled(base, tmp_path / "odd", entry), base, prompts, EXIT_ERROR)
    assert says in err and "openai:NAME@URL" in err and "Traceback" not in err


def test_what_is_wrong_inside_an_installed_library_is_an_error_with_a_hint(base, prompts, tmp_path, capsys):
    """transformers reads fp8 without a library of its own, and stumbles over this entry."""
    entry = {"quant_method": "fp8", "weight_block_size": "none"}
    err = audited(capsys, labelled(base, tmp_path / "fp8", entry), base, prompts, EXIT_ERROR)
    assert "cannot load" in err and "hint:" in err and "Traceback" not in err


def test_kernels_that_fail_are_an_error_with_a_hint(tmp_path, prompts, base, capsys, monkeypatch):
    """Which kernels fail depends on the processor and the library, so that here one is made to."""
    import bitsandbytes

    def fails(*_: object) -> None:
        raise RuntimeError("gemv_4bit is not implemented for this device")

    model = as_bitsandbytes(base, tmp_path / "four", load_in_4bit=True)
    monkeypatch.setattr(bitsandbytes.nn.Linear4bit, "forward", fails)
    err = audited(capsys, model, base, prompts, EXIT_ERROR)
    assert "is quantised (bitsandbytes 4-bit) and cannot compute on cpu: gemv_4bit" in err and "Traceback" not in err


def test_a_folder_is_no_library(tmp_path, monkeypatch):
    (tmp_path / "hqq").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    if importlib.util.find_spec("hqq").origin is None:
        with pytest.raises(ModelError, match="not installed"):
            check_library("m", {"quantization_config": {"quant_method": "hqq"}})


def test_the_entry_is_found_where_configs_have_it():
    assert quantisation({}) is None and quantisation({"quantization_config": None}) is None
    entry = {"quant_method": "awq", "bits": 4}
    for config in ({"quantization_config": entry}, {"text_config": {"quantization_config": entry}}):
        assert bits_of(quantisation(config)) == "awq 4-bit"
    assert bits_of({"load_in_8bit": True}) == "bitsandbytes 8-bit" and bits_of({"quant_method": "fp8"}) == "fp8"
    check_library("m", {"quantization_config": {"quant_method": "fp8"}})


# ---- audited against the base ---------------------------------------------------------------------------------------


def as_bitsandbytes(base, folder, **bits):
    pytest.importorskip("bitsandbytes")
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    entry = BitsAndBytesConfig(bnb_4bit_compute_dtype=torch.float32, **bits)
    AutoModelForCausalLM.from_pretrained(base, quantization_config=entry, device_map={"": "cpu"}).save_pretrained(
        folder
    )
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def as_fp8(base, folder):
    """Blocks of 32 × 32 with a scale each, as fp8 checkpoints are published."""
    side, stored = 32, {}
    for name, weight in load_file(base / "model.safetensors").items():
        stored[name] = weight
        if weight.ndim == 2 and "layers" in name:
            rows, columns = weight.shape
            blocks = weight.reshape(rows // side, side, columns // side, side)
            scale = blocks.abs().amax((1, 3)) / 448
            stored[name] = (blocks / scale[:, None, :, None]).reshape(rows, columns).to(torch.float8_e4m3fn)
            stored[f"{name}_scale_inv"] = scale
    labelled(base, folder, {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [side, side]})
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("bits", "says"), [("load_in_4bit", "bitsandbytes 4-bit"), ("load_in_8bit", "bitsandbytes 8-bit")]
)
def test_bitsandbytes_is_audited_against_its_base(bits, says, base, prompts, tmp_path, capsys):
    model = as_bitsandbytes(base, tmp_path / bits, **{bits: True})
    found = audited(capsys, model, base, prompts)
    assert found["comparisons"][0]["n"] == 3
    loaded = load_model(str(model))
    assert loaded.describe()["quantised"] == says
    assert loaded.describe()["parameters"] == load_model(str(base)).describe()["parameters"]


def test_fp8_is_audited_against_its_base(base, prompts, tmp_path, capsys):
    model = as_fp8(base, tmp_path / "fp8")
    audited(capsys, model, base, prompts)
    loaded, whole = load_model(str(model)), load_model(str(base))
    assert loaded.describe()["quantised"] == "fp8"
    name = "model.layers.0.mlp.up_proj.weight"
    mine, own = (dict(one.model.named_parameters())[name].float() for one in (loaded, whole))
    assert not torch.equal(mine, own)
    torch.testing.assert_close(mine, own, rtol=0.1, atol=1e-3)


def test_a_base_may_be_the_quantised_one(base, prompts, tmp_path, capsys):
    audited(capsys, base, as_fp8(base, tmp_path / "fp8"), prompts)


# ---- what needs whole weights ---------------------------------------------------------------------------------------


@pytest.fixture
def gptq(base, tmp_path, monkeypatch):
    monkeypatch.setattr("holdfast.models.load._load_weights", lambda *_: pytest.fail("weights were loaded"))
    return labelled(base, tmp_path / "gptq", {"quant_method": "gptq", "bits": 4})


@pytest.mark.parametrize("verb", ["tune", "stress", "align"])
def test_tuning_is_refused_before_loading(verb, gptq, tmp_path, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"prompt": "a", "completion": "b"}) + "\n")
    given = {"tune": [rows], "stress": ["--rows", rows, "--regime", "explicit"], "align": []}[verb]
    for more in ([], ["--lora"]):
        code, _, err = call(capsys, verb, gptq, *given, *more)
        assert code == EXIT_ERROR and "is quantised (gptq 4-bit) and cannot be tuned" in " ".join(err.split())
        assert "hint: tune the weights that it was quantised from" in " ".join(err.split())


@pytest.mark.parametrize("repair", ["wise-ft", "resta", "auto"])
def test_repairs_of_whole_weights_are_refused_before_loading(repair, base, gptq, prompts, capsys):
    for pair in ((gptq, base), (base, gptq)):
        code, _, err = call(capsys, "repair", *pair, "--repair", repair, "--prompts", prompts)
        said = " ".join(err.split())
        assert code == EXIT_ERROR and "is quantised (gptq 4-bit)" in said and "hint: repair the weights" in said


def test_an_interpolation_on_disk_is_refused_too(base, gptq, tmp_path, capsys):
    code, _, err = call(
        capsys, "repair", base, gptq, "--repair", "wise-ft", "--strength", 0.5, "--out", tmp_path / "run"
    )
    assert code == EXIT_ERROR and "is quantised" in err and not (tmp_path / "run" / "model").exists()


def test_a_low_rank_adapter_on_a_quantised_base(base, prompts, data, tmp_path, capsys):
    """Measured, tuned on 4 bits (to another value than zero, which the repair would refuse), audited, scaled, audited;
    its base's quantisation counts for it."""
    model = as_bitsandbytes(base, tmp_path / "four", load_in_4bit=True)
    rows = write_rows(data, tmp_path / "rows.jsonl", 4)
    code, out, err = call(
        capsys, "tune", model, rows, "--lora", "--lr", "1e-2", "--max-length", 64, "--prompts", prompts,
        "--max-new-tokens", 4, "--json",
    )  # fmt: skip
    assert code == 0, err
    adapter = json.loads(out)["model"]
    assert quantisation_of(adapter)["quant_method"] == "bitsandbytes"
    audited(capsys, adapter, model, prompts)
    code, out, err = call(capsys, "repair", model, adapter, "--repair", "wise-ft", "--strength", 0.5, "--json")
    assert code == 0, err
    audited(capsys, json.loads(out)["model"], model, prompts)
    code, _, err = call(capsys, "repair", model, adapter, "--repair", "resta", "--prompts", prompts)
    assert code == EXIT_ERROR and "works on whole weights" in " ".join(err.split())


def test_base_tuned_and_quantised_side_by_side(base, prompts, tmp_path, capsys):
    """Three formats: float32, bfloat16, fp8."""
    tuned, loaded = tmp_path / "tuned", load_model(str(base))
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    loaded.model.to(torch.bfloat16).save_pretrained(tuned)
    loaded.tokenizer.save_pretrained(tuned)
    code, out, err = call(
        capsys, "audit", tuned, "--base", base, "--also", as_fp8(base, tmp_path / "fp8"), "--prompts", prompts,
        "--max-new-tokens", 4, "--json",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert {m["model"] for m in found["metrics"]} == {"base", "tuned", "fp8"}
    assert {(p["before_model"], p["after_model"]) for p in found["pairs"]} == {("base", "fp8"), ("tuned", "fp8")}
