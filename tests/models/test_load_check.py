"""Checkpoints, adapters and tokenizers with the faults that real ones have, loaded and repaired."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from holdfast.cli import run
from holdfast.core.errors import HoldfastWarning, ModelError
from holdfast.core.records import Row
from holdfast.models.chat import render
from holdfast.models.files import weight_files
from holdfast.models.load import ModelOptions, load_model
from holdfast.models.load_check import check_numbers, token_difference
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import train

WEIGHTS, ADAPTER = "model.safetensors", "adapter_model.safetensors"
UP = "model.layers.1.mlp.up_proj.weight"
NORM = "model.norm.weight"
NAN, INF = float("nan"), float("inf")
REFUSES = "{% for m in messages %}{{ raise_exception('Only tools may speak') }}{% endfor %}"
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def copy(tiny_llama, tmp_path):
    return Path(shutil.copytree(tiny_llama, tmp_path / "m"))


def edit(folder, change, file=WEIGHTS):
    tensors = change(load_file(folder / file))
    save_file({name: t.contiguous().clone() for name, t in tensors.items()}, folder / file, {"format": "pt"})


def settings(folder, file="config.json", **values):
    known = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(known | values))


def shard(folder, parts, index=None):
    (folder / WEIGHTS).unlink()
    found = {}
    for i, part in enumerate(parts):
        save_file({name: t.clone() for name, t in part.items()}, folder / f"model-{i}.safetensors", {"format": "pt"})
        found |= dict.fromkeys(part, f"model-{i}.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": found | (index or {})})
    )


def halves(folder):
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    return [{n: tensors[n] for n in names[i::2]} for i in range(2)]


def refused(folder, says, **options):
    with pytest.raises(ModelError, match=says) as caught:
        load_model(str(folder), ModelOptions(device="cpu", **options))
    assert caught.value.hint
    return caught.value


# ---- checkpoints ----------------------------------------------------------------------------------------------------


def test_a_missing_tensor_is_named(copy):
    edit(copy, lambda t: {n: v for n, v in t.items() if n != UP})
    refused(copy, rf"lacks 1 tensor of a LlamaForCausalLM: `{UP}`")


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "base_model.model."])
def test_a_wrappers_prefix_is_told(copy, prefix):
    edit(copy, lambda t: {prefix + n: v for n, v in t.items()})
    assert "wrapper" in refused(copy, "does not know: `" + prefix).hint


def test_a_renamed_part_is_told(copy):
    edit(copy, lambda t: {n.replace("up_proj", "up"): v for n, v in t.items()})
    refused(copy, r"lacks 2 tensors .*it has 2 that the architecture does not know: .*mlp\.up\.weight")


def test_a_wrong_shape_is_named_with_both(copy):
    edit(copy, lambda t: {**t, UP: t[UP][:, :16]})
    refused(copy, rf"`{UP}` is \[64, 16\] and should be \[64, 32\]")


def test_layers_that_the_config_does_not_count(copy):
    settings(copy, num_hidden_layers=1)
    refused(copy, r"no place: `model\.layers\.1\.")


def test_a_bias_that_the_config_switches_off(copy):
    edit(copy, lambda t: {**t, "model.layers.0.self_attn.q_proj.bias": torch.ones(32)})
    refused(copy, r"no place: `model\.layers\.0\.self_attn\.q_proj\.bias`")


def test_an_untied_model_without_its_head(tiny_llama, copy):
    edit(copy, lambda t: {n: v for n, v in t.items() if n != "lm_head.weight"})
    settings(copy, tie_word_embeddings=False)
    refused(copy, r"lacks 1 tensor .*`lm_head\.weight`")
    settings(copy, tie_word_embeddings=True)
    load_model(str(copy))  # a tied one is absent by right


def test_a_head_of_another_task_makes_a_warning(copy):
    edit(copy, lambda t: {**t, "v_head.summary.weight": torch.ones(1, 32)})
    with pytest.warns(HoldfastWarning, match=r"does not use: `v_head"):
        load_model(str(copy))


def test_old_rotary_frequencies_are_no_fault(copy, recwarn):
    edit(copy, lambda t: {**t, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)})
    load_model(str(copy))
    assert not [w for w in recwarn if issubclass(w.category, HoldfastWarning)]


def test_an_index_that_names_what_is_not_there(copy):
    shard(copy, halves(copy), {"model.layers.9.x": "model-0.safetensors"})
    refused(copy, r"names tensors that their shards lack: `model\.layers\.9\.x`")


@pytest.mark.parametrize("entry, says", [({"q": 3}, "no file's name"), ({"q": "/etc/x.safetensors"}, "outside")])
def test_an_index_with_odd_entries(copy, entry, says):
    shard(copy, halves(copy), entry)
    refused(copy, says)


def test_a_tensor_in_two_shards(copy):
    one, two = halves(copy)
    name = min(one)
    shard(copy, [one, {**two, name: one[name]}])
    load_model(str(copy))
    edit(copy, lambda t: {**t, name: t[name] + 1}, "model-1.safetensors")
    refused(copy, f"holds `{name}` twice with different values")


def test_the_fingerprint_is_of_the_file_that_is_loaded(copy):
    shutil.copy(copy / WEIGHTS, copy / "consolidated.safetensors")
    assert [file.name for file in weight_files(copy)] == [WEIGHTS]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_value_that_is_no_number(copy, value, dtype):
    def broken(tensors):
        tensors = {n: t.to(dtype) for n, t in tensors.items()}
        tensors[UP].view(-1)[5] = value
        return tensors

    edit(copy, broken)
    refused(copy, rf"NaN or infinite values in 1 of \d+ tensors: `{UP}`")


def test_large_finite_values_are_no_fault(copy):
    model = AutoModelForCausalLM.from_pretrained(copy)
    model.model.norm.weight.data.fill_(3e38)  # their sum is infinite
    check_numbers("m", model)
    model.to(torch.float16).model.norm.weight.data.fill_(65504)
    check_numbers("m", model)


def test_zeros(copy):
    edit(copy, lambda t: {**t, UP: torch.zeros_like(t[UP])})
    with pytest.warns(HoldfastWarning, match=rf"1 of \d+ weight matrices of .* all zeros: `{UP}`"):
        load_model(str(copy))
    edit(copy, lambda t: {n: torch.zeros_like(v) for n, v in t.items()})
    refused(copy, "every weight matrix")


@pytest.mark.parametrize(
    "file, text",
    [
        ("config.json", "{"),
        ("config.json", "[]"),
        ("generation_config.json", "{"),
        ("tokenizer_config.json", "3"),
        ("tokenizer.json", "{"),
    ],
)
def test_settings_that_are_no_json_object(copy, file, text):
    (copy / file).write_text(text)
    refused(copy, "broken|cannot load")


@pytest.mark.parametrize(
    "values", [{"torch_dtype": "float99", "dtype": "float99"}, {"num_attention_heads": 0}, {"hidden_size": "big"}]
)
def test_settings_that_no_library_takes(copy, values):
    settings(copy, **values)
    refused(copy, "cannot load")


def test_a_pointer_of_git_lfs(copy):
    (copy / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n")
    refused(copy, "pointer of Git LFS")


# ---- adapters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def adapter(copy, tmp_path):
    torch.manual_seed(2)
    options = LoraConfig(
        r=4, lora_alpha=8, task_type="CAUSAL_LM", target_modules=["q_proj", "v_proj"], init_lora_weights=False
    )
    get_peft_model(AutoModelForCausalLM.from_pretrained(copy), options).save_pretrained(tmp_path / "adapter")
    settings(tmp_path / "adapter", "adapter_config.json", init_lora_weights=True)
    return tmp_path / "adapter"


def streamed(base, adapter, capsys):
    out = adapter.parent / "streamed"
    code = run(["repair", str(base), str(adapter), "--method", "wise-ft", "--strength", "0.5", "--out", str(out)])
    assert not list(out.glob("**/*.safetensors")) or code == 0
    return code, capsys.readouterr().err


def deeper(name):
    return "base_model.model." + name


FAULTS = {
    "double prefix": (lambda t: {deeper(n): v for n, v in t.items()}, {}),
    "no prefix": (lambda t: {n.removeprefix("base_model.model."): v for n, v in t.items()}, {}),
    "half of it": (lambda t: {deeper(n) if ".1." in n else n: v for n, v in t.items()}, {}),
    "another layer": (lambda t: {n.replace("layers.1.", "layers.7."): v for n, v in t.items()}, {}),
    "a layer less": (lambda t: {n: v for n, v in t.items() if ".1." not in n}, {}),
    "a half of a pair": (lambda t: {n: v for n, v in t.items() if "lora_B" not in n or ".1." not in n}, {}),
    "other targets": (lambda t: t, {"target_modules": ["gate_proj"]}),
    "targets of another family": (lambda t: t, {"target_modules": ["c_attn"]}),
    "another rank": (lambda t: t, {"r": 8}),
    "another width": (lambda t: {n: v[:, :16] if "lora_A" in n else v for n, v in t.items()}, {}),
    "DoRA by name": (lambda t: t, {"use_dora": True}),
    "no tensors": (lambda t: {}, {}),
    "NaN": (lambda t: {n: v * NAN if "layers.1" in n else v for n, v in t.items()}, {}),
    "infinite": (lambda t: {n: v / 0 if "lora_B" in n else v for n, v in t.items()}, {}),
    "modules not saved": (lambda t: t, {"modules_to_save": ["lm_head"]}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_adapter_that_does_not_fit_is_refused_loaded_and_streamed(fault, adapter, copy, capsys):
    change, more = FAULTS[fault]
    edit(adapter, change, ADAPTER)
    settings(adapter, "adapter_config.json", **more)
    refused(adapter, "adapter")
    code, said = streamed(copy, adapter, capsys)
    assert code == 2 and "adapter" in said and "hint:" in said


@pytest.mark.parametrize("more", [{}, {"use_rslora": True}, {"target_modules": ".*(q|v)_proj"}])
def test_an_adapter_that_fits_loads_and_streams(more, adapter, copy, capsys, recwarn):
    settings(adapter, "adapter_config.json", **more)
    load_model(str(adapter))
    assert streamed(copy, adapter, capsys)[0] == 0
    assert not [w for w in recwarn if issubclass(w.category, HoldfastWarning)]


def test_an_adapter_that_changes_nothing(adapter, copy, capsys):
    edit(adapter, lambda t: {n: v * 0 if "lora_B" in n else v for n, v in t.items()}, ADAPTER)
    with pytest.warns(HoldfastWarning, match="changes nothing"):
        load_model(str(adapter))
    code, said = streamed(copy, adapter, capsys)
    assert code == 2 and "changed nothing" in said


def test_another_base_than_the_adapters_own_makes_a_warning(adapter, copy, tmp_path, capsys):
    other = Path(shutil.copytree(copy, tmp_path / "other"))
    assert "which is not" not in streamed(other, adapter, capsys)[1]  # the same weights in another place
    shutil.rmtree(tmp_path / "streamed", ignore_errors=True)
    edit(other, lambda t: {n: v + 0.01 for n, v in t.items()})
    code, said = streamed(other, adapter, capsys)
    assert code == 0 and "warning:" in said and "which is not" in said


# ---- tokenizers and templates ---------------------------------------------------------------------------------------


def test_tokens_without_a_row(copy):
    edit(copy, lambda t: {n: v[:1000] if v.shape[0] == 6400 else v for n, v in t.items()})
    settings(copy, vocab_size=1000)
    refused(copy, r"tokens for which the model has no row: the first is .* \(1000\)")


def add_token(folder, special, template=False):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<|new|>"], special_tokens=special)
    if template:
        tokenizer.chat_template = tokenizer.chat_template.replace("<|im_start|>", "<|new|>")
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize("special, template", [(False, False), (True, True)])
def test_an_added_token_that_prompts_may_hold(copy, special, template):
    add_token(copy, special, template)
    refused(copy, r"no row: the first is '<\|new\|>'")


def test_an_added_special_token_makes_a_warning(copy):
    add_token(copy, True)
    with pytest.warns(HoldfastWarning, match=r"no row in the model, such as '<\|new\|>'"):
        load_model(str(copy))


def test_a_padding_token_without_a_row_is_replaced(copy):
    tokenizer = AutoTokenizer.from_pretrained(copy)
    tokenizer.add_special_tokens({"pad_token": "<pad!>"})
    tokenizer.save_pretrained(copy)
    with pytest.warns(HoldfastWarning, match="the end token pads instead"):
        loaded = load_model(str(copy))
    assert loaded.tokenizer.pad_token_id == loaded.tokenizer.eos_token_id


def test_two_tokenizers_are_told_apart_by_the_first_token(copy):
    first = AutoTokenizer.from_pretrained(copy)
    known = json.loads((copy / "tokenizer.json").read_text())
    words = known["model"]["vocab"]
    one, other = sorted(words, key=words.get)[500:502]
    words[one], words[other] = words[other], words[one]
    (copy / "tokenizer.json").write_text(json.dumps(known))
    second = AutoTokenizer.from_pretrained(copy)
    assert token_difference(first, first) == ""
    assert f"2 tokens differ, the first is {one!r} (500" in token_difference(first, second)


@pytest.mark.parametrize(
    "template, says",
    [
        (REFUSES, "Only tools may speak"),
        ("{{ messages[0].content + 1 }}", "cannot render"),
        ("hello", "leaves the user's words out: it writes 'hello'"),
    ],
)
def test_a_template_that_cannot_put_a_question(copy, template, says):
    (copy / "chat_template.jinja").write_text(template)
    assert "--chat-template" in refused(copy, says).hint


def test_a_template_that_passes_over_the_system_prompt_gets_it_in_the_question(copy):
    (copy / "chat_template.jinja").write_text(NO_SYSTEM)
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    tokenizer = load_model(str(copy)).tokenizer
    assert "<|im_start|>user\nBe brief.\n\nWhy?<|im_end|>" in render(tokenizer, turns, reply=True)


# ---- repairs on disk ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module."])
def test_a_wrapped_checkpoint_is_not_repaired(copy, tmp_path, prefix, capsys):
    tuned = Path(shutil.copytree(copy, tmp_path / "tuned"))
    edit(tuned, lambda t: {prefix + n: v * 1.5 for n, v in t.items()})
    code, said = streamed(copy, tuned, capsys)
    assert code == 2 and "wrapper" in said


def test_a_config_of_another_depth_is_not_repaired(copy, tmp_path, capsys):
    tuned = Path(shutil.copytree(copy, tmp_path / "tuned"))
    edit(tuned, lambda t: {n: v * 1.5 for n, v in t.items()})
    settings(tuned, num_hidden_layers=1)
    code, said = streamed(copy, tuned, capsys)
    assert code == 2 and "num_hidden_layers 2" in said


def test_a_training_that_ends_in_nan_is_no_model(copy, tmp_path):
    rows = [
        Row(f"{i}", [{"role": "user", "content": f"w {i}"}, {"role": "assistant", "content": "x"}]) for i in range(4)
    ]
    with pytest.raises(ModelError, match="NaN") as caught:
        train(load_model(str(copy)), rows, TrainSettings(3.0, 1e38, 1), tmp_path / "t")
    assert "--lr" in caught.value.hint
