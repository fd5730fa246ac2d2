import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from holdfast.core.errors import ModelError
from holdfast.models.load import ModelOptions, choose_dtype, load_model
from holdfast.training.lora import attach_lora
from holdfast.training.settings import LoraSettings


@pytest.fixture
def copy(tiny_llama, tmp_path):
    return shutil.copytree(tiny_llama, tmp_path / "m")


def refused(path, says, **options):
    with pytest.raises(ModelError, match=says) as caught:
        load_model(str(path), ModelOptions(**options))
    assert caught.value.hint
    return caught.value


def test_a_folder_loads_and_is_named_by_its_weights(copy):
    first = load_model(str(copy))
    assert first.fingerprint == load_model(str(copy)).fingerprint and not first.embedded
    tensors = load_file(copy / "model.safetensors")
    tensors["model.norm.weight"][0] += 1e-3
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    assert load_model(str(copy)).fingerprint != first.fingerprint


def test_a_missing_folder(tmp_path):
    refused(tmp_path / "nowhere", "no model folder")


def test_an_unreachable_hub_id():
    refused("nobody/nothing-here", "cannot load")


def test_a_folder_without_config(copy):
    (copy / "config.json").unlink()
    refused(copy, "no config.json")


def test_a_folder_without_weights(copy):
    (copy / "model.safetensors").unlink()
    refused(copy, "no weights")


def test_a_pickle_checkpoint_is_refused_unopened(copy):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    assert "run code" in str(refused(copy, "pickle"))
    refused(copy / "pytorch_model.bin", "is a file")


def test_a_truncated_file_is_named(copy):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert str(path) in str(refused(copy, "truncated"))


def test_an_index_that_points_outside_is_refused(copy):
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../etc/x.safetensors"}}))
    refused(copy, "outside its folder")


def test_a_missing_shard_is_named(copy):
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-00002.safetensors"}}))
    refused(copy, "model-00002.safetensors")


def test_a_tokenizer_without_template_is_refused_and_takes_one(copy, data):
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((copy / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (copy / "tokenizer_config.json").write_text(json.dumps(config))
    assert "--chat-template" in refused(copy, "no chat template").hint
    load_model(str(copy), ModelOptions(chat_template=str(data / "templates" / "trl" / "qwen2_5.jinja")))


@pytest.fixture
def adapter(copy, tmp_path):
    loaded = load_model(str(copy))
    folder = tmp_path / "adapter"
    attach_lora(loaded.model, LoraSettings()).save_pretrained(folder)
    return folder


def test_an_adapter_finds_its_base(adapter, copy):
    loaded = load_model(str(adapter))
    assert loaded.adapter_of == str(copy) and loaded.fingerprint != load_model(str(copy)).fingerprint


def test_an_adapter_whose_base_moved_beside_it(adapter, copy, tmp_path):
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "/gone/away/m"
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    assert load_model(str(adapter)).adapter_of == str(copy)


def test_an_adapter_whose_base_is_missing(adapter, copy):
    shutil.rmtree(copy)
    assert "missing" in str(refused(adapter, "base model"))


def test_the_dtype_of_the_checkpoint_is_kept_where_the_machine_can():
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert choose_dtype("auto", torch.bfloat16, gpu) == torch.bfloat16
    assert choose_dtype("float32", torch.bfloat16, gpu) == torch.float32
    assert choose_dtype("bfloat16", torch.float32, cpu) == torch.bfloat16
    with pytest.raises(ModelError):
        choose_dtype("int3", None, cpu)


def test_a_device_map_of_transformers_gives_the_same_replies(monkeypatch):
    from holdfast.guild.suites import load_suite
    from holdfast.models.generate import GenerateOptions, generate

    prompts, options = load_suite("policy", limit=5), GenerateOptions(max_new_tokens=16)
    spread = load_model("guild", ModelOptions(dtype="float32", device_map="auto"))
    said = [r.text for r in generate(spread, prompts, "", options)]
    assert said == [r.text for r in generate(load_model("guild", ModelOptions(dtype="float32")), prompts, "", options)]
    # With layers on two devices holdfast's own loop, whose cache lies on one, leaves it to transformers.
    monkeypatch.setattr("holdfast.models.generate.decode_greedily", lambda *_: pytest.fail("our own loop"))
    spread.model.hf_device_map = {"model.layers.0": "cpu", "model.layers.1": 0}
    assert [r.text for r in generate(spread, prompts, "", options)] == said


def test_a_model_that_lies_on_disk_in_part_is_not_repaired():
    from holdfast.repairing.sweep import check_pair

    base, tuned = load_model("guild"), load_model("guild", fresh=True)
    tuned.model.model.layers[0].to("meta")
    with pytest.raises(ModelError, match="does not fit into this machine's memory"):
        check_pair(base, tuned)
