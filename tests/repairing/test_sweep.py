"""A model moved through strengths in memory, against files, merges and plain computations."""

from __future__ import annotations

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model

from holdfast.core.contracts import RepairInputs
from holdfast.core.errors import ModelError
from holdfast.models.load import LoadedModel, ModelOptions, load_model
from holdfast.repairing.inputs import direction_between, named_weights, prepare_repair
from holdfast.repairing.spec import make_repair
from holdfast.repairing.sweep import AdapterSweep, DecodingSweep, WeightSweep, open_sweep
from holdfast.repairing.write import Result, write_result
from holdfast.testing import same, weights_of
from tiny import ARCHITECTURES, make_tiny

torch.set_num_threads(1)


def noisy(base, seed, size=0.02):
    model = copy.deepcopy(base.model)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_((size * torch.randn(parameter.shape, generator=draw)).to(parameter.dtype))
    return LoadedModel(f"noisy-{seed}", model, base.tokenizer, f"noisy-{seed}")


@pytest.fixture(scope="module")
def places(tmp_path_factory, data):
    """Base and tuned tiny Llama on disk."""
    root = tmp_path_factory.mktemp("pair")
    base = load_model(str(make_tiny("llama", root / "base", data)))
    tuned = noisy(base, 1)
    tuned.model.save_pretrained(root / "tuned")
    base.tokenizer.save_pretrained(root / "tuned")
    return root / "base", root / "tuned"


@pytest.fixture
def pair(places):
    return load_model(str(places[0])), load_model(str(places[1]))


def adapted(base, **options):
    torch.manual_seed(4)
    model = get_peft_model(
        copy.deepcopy(base.model),
        LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], **options),
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    return LoadedModel("adapter", model.eval(), base.tokenizer, "adapter")


def logits(model):
    ids = torch.arange(10, 22).view(2, 6)
    with torch.no_grad():
        return model(input_ids=ids).logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_sweep_in_memory_gives_the_bytes_that_are_written(architecture, dtype, tmp_path, data):
    options = ModelOptions(dtype=dtype)
    base = load_model(str(make_tiny(architecture, tmp_path / "base", data, getattr(torch, dtype))), options)
    noisy(base, 1).model.save_pretrained(tmp_path / "tuned")
    base.tokenizer.save_pretrained(tmp_path / "tuned")
    tuned = load_model(str(tmp_path / "tuned"), options)
    repair = make_repair("wise-ft")
    with open_sweep(repair, base, tuned) as sweep:
        write_result(Result(repair, base, tuned, sweep), {0.3: tmp_path / "out"}, {})
        assert same(weights_of(sweep.at(0.3).model), weights_of(load_model(str(tmp_path / "out"), options).model))
    assert (tmp_path / "out" / "mergekit.yaml").exists() and "Safety repair" in (
        tmp_path / "out" / "README.md"
    ).read_text()


def test_a_repair_along_a_direction_is_streamed_to_what_it_is_in_memory(places, pair, tmp_path):
    base, tuned = pair
    repair = make_repair("wise-ft@0.9+project-off")
    prepare_repair(repair, RepairInputs(base, tuned, direction_between(base, noisy(base, 2), "").tensors))
    with open_sweep(repair, base, tuned) as sweep:
        write_result(Result(repair, base, tuned, sweep), {2.0: tmp_path / "out"}, {2.0: {"harm": "0 %"}})
        assert same(weights_of(sweep.at(2.0).model), weights_of(load_model(str(tmp_path / "out")).model))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| harm | 0 % |" in card and not (tmp_path / "out" / "mergekit.yaml").exists()


def test_the_tuned_model_is_given_back_even_after_an_error(pair):
    base, tuned = pair
    before = weights_of(tuned.model)
    with pytest.raises(RuntimeError), open_sweep(make_repair("wise-ft"), base, tuned) as sweep:
        sweep.at(0.2)
        raise RuntimeError
    assert same(weights_of(tuned.model), before)


def test_strengths_have_fingerprints_and_names_of_their_own(pair):
    base, tuned = pair
    with open_sweep(make_repair("wise-ft"), base, tuned, "key") as sweep:
        marks = {s: sweep.at(s).fingerprint for s in (0.2, 0.4, 1.0)}
        assert len(set(marks.values())) == 3 and marks[1.0] == tuned.fingerprint
        assert "wise-ft at 0.2" in sweep.at(0.2).name
    with open_sweep(make_repair("wise-ft"), base, tuned, "other inputs") as other:
        assert other.at(0.2).fingerprint != marks[0.2]


def test_added_rows_of_the_vocabulary_stay_the_tuned_models(pair):
    base, tuned = pair
    tuned = LoadedModel("wider", copy.deepcopy(tuned.model), tuned.tokenizer, "wider")
    tuned.model.resize_token_embeddings(tuned.model.config.vocab_size + 3)
    own = named_weights(tuned.model)["model.embed_tokens.weight"].clone()
    with open_sweep(make_repair("wise-ft"), base, tuned) as sweep:
        found = named_weights(sweep.at(0.0).model)["model.embed_tokens.weight"]
        assert torch.equal(found[-3:], own[-3:])
        assert torch.equal(found[:-3], named_weights(base.model)["model.embed_tokens.weight"])


def test_models_that_do_not_belong_together_are_refused(pair, tmp_path, data):
    other = load_model(str(make_tiny("gpt2", tmp_path, data)))
    with pytest.raises(ModelError, match="do not belong together"):
        open_sweep(make_repair("wise-ft"), pair[0], other)


def test_scaling_an_adapter_is_merging_and_interpolating(pair):
    base, _ = pair
    tuned = adapted(base)
    whole = LoadedModel("merged", copy.deepcopy(tuned.model).merge_and_unload(), base.tokenizer, "merged")
    repair = make_repair("wise-ft")
    with open_sweep(repair, base, tuned) as scaled, open_sweep(repair, base, whole) as mixed:
        assert isinstance(scaled, AdapterSweep) and isinstance(mixed, WeightSweep)
        for strength in (0.0, 0.3, 0.7, 1.0):
            torch.testing.assert_close(
                logits(scaled.at(strength).model), logits(mixed.at(strength).model), rtol=1e-4, atol=1e-5
            )
    torch.testing.assert_close(logits(tuned.model), logits(whole.model), rtol=1e-4, atol=1e-5)


def test_an_adapter_is_merged_for_a_repair_that_cannot_scale_it(pair):
    base, _ = pair
    tuned = adapted(base)
    repair = make_repair("resta")
    prepare_repair(repair, RepairInputs(base, tuned, direction_between(base, noisy(base, 2), "").tensors))
    before = logits(tuned.model)
    with open_sweep(repair, base, tuned) as sweep:
        assert isinstance(sweep, WeightSweep)
        torch.testing.assert_close(logits(sweep.at(0.0).model), before, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(logits(sweep.at(1.0).model), before, atol=1e-2)


def test_dora_is_not_scaled(pair):
    base, _ = pair
    with open_sweep(make_repair("wise-ft"), base, adapted(base, use_dora=True)) as sweep:
        assert isinstance(sweep, WeightSweep)


@pytest.mark.parametrize("lora", [False, True])
def test_an_ensemble_is_swept_by_its_weight(pair, lora):
    base, tuned = pair
    tuned = adapted(base) if lora else tuned
    with open_sweep(make_repair("ensemble"), base, tuned) as sweep:
        assert isinstance(sweep, DecodingSweep) and sweep.serving_cost == 2
        for strength in (0.0, 0.5):
            expected = torch.log(
                (1 - strength) * logits(base.model).softmax(-1) + strength * logits(tuned.model).softmax(-1)
            )
            torch.testing.assert_close(logits(sweep.at(strength).model).log_softmax(-1), expected, rtol=1e-4, atol=1e-4)
        assert sweep.at(1.0) is tuned


def test_a_repair_that_changes_nothing_is_not_written(pair, tmp_path):
    base, tuned = pair
    repair = make_repair("project-off")
    away = {name: named_weights(tuned.model)[name] - w for name, w in named_weights(base.model).items()}
    prepare_repair(repair, RepairInputs(base, tuned, away))  # the tuning points away from this harm
    with open_sweep(repair, base, tuned) as sweep, pytest.raises(ModelError, match="changed nothing"):
        sweep.at(1.0)
        assert not sweep.changed(1.0)
        write_result(Result(repair, base, tuned, sweep), {1.0: tmp_path / "out"}, {})
    assert not (tmp_path / "out").exists()
