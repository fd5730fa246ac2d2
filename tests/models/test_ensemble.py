"""Two models decoded together, against the same average computed without caches, one whole prefix a token."""

from __future__ import annotations

import copy
import json
import shutil
from threading import Thread

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer

from holdfast.core.errors import ModelError
from holdfast.core.records import Prompt
from holdfast.models.ensemble import OUTPUT_CACHE, EnsembleForCausalLM, LoraEnsembleForCausalLM, mix
from holdfast.models.generate import GenerateOptions, generate
from holdfast.models.load import load_model, set_weight
from tiny import make_tiny

NEW = 6
PAD = 0


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Models this small gain nothing from threads, and lose much where other processes hold the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noisy(model, seed=1, scale=0.5):
    """A copy of a model, perturbed so much that it says something else."""
    found, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for parameter in found.parameters():
        parameter.data += scale * parameter.data.std(correction=0) * torch.randn(parameter.shape, generator=generator)
    return found.eval()


def sharpened(model):
    """An untrained model that does not echo itself, and whose tokens lie too far apart for rounding to decide."""
    model = copy.deepcopy(model)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.data.roll(7, 0))
    for name, parameter in model.named_parameters():
        parameter.data *= 1 if "norm" in name or "ln_" in name else 5
    return model.eval()


@pytest.fixture(scope="module")
def folders(data, tmp_path_factory):
    made = {}

    def folder(architecture):
        if architecture not in made:
            made[architecture] = make_tiny(architecture, tmp_path_factory.mktemp(architecture), data)
        return made[architecture]

    return folder


@pytest.fixture(scope="module")
def pair(folders):
    """base, tuned: two models of one architecture."""
    made = {}

    def models(architecture="llama"):
        if architecture not in made:
            base = sharpened(AutoModelForCausalLM.from_pretrained(folders(architecture)))
            made[architecture] = (base, noisy(base))
        return made[architecture]

    return models


@pytest.fixture(scope="module")
def batch():
    """Three rows of 7, 4 and 1 tokens, padded on the left."""
    ids = torch.randint(10, 900, (3, 7), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids)
    mask[1, :3] = mask[2, :6] = 0
    return {"input_ids": ids.masked_fill(mask == 0, PAD), "attention_mask": mask}


def reply(model, batch, new=NEW, **options):
    options = {"do_sample": False, "eos_token_id": None, "pad_token_id": PAD, **options}
    return model.generate(**batch, max_new_tokens=new, min_new_tokens=new, **options)[:, batch["input_ids"].shape[1] :]


def plainly(base, tuned, weight, space, row):
    """Next-token logits after one unpadded row, with neither a cache nor a batch."""
    with torch.no_grad():
        left, right = (model(row[None], use_cache=False).logits[0, -1].double() for model in (base, tuned))
    if space == "probability":
        return ((1 - weight) * left.softmax(-1) + weight * right.softmax(-1)).log()
    return (1 - weight) * left.log_softmax(-1) + weight * right.log_softmax(-1)


def greedy_plainly(base, tuned, weight, space, batch):
    rows = []
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
        row = ids[mask == 1]
        for _ in range(NEW):
            row = torch.cat([row, plainly(base, tuned, weight, space, row).argmax()[None]])
        rows.append(row[-NEW:])
    return torch.stack(rows)


# ---- the average ----------------------------------------------------------------------------------------------------


def test_small_probabilities_do_not_vanish():
    base, tuned = torch.tensor([[0.0, -300.0]]), torch.tensor([[0.0, -400.0]])
    found = mix(base, tuned, 0.25, "probability")
    assert found[0, 1].item() == pytest.approx(-300 + torch.log(torch.tensor(0.75)).item(), rel=1e-6)
    assert mix(base, tuned, 0.25, "log-probability")[0, 1].item() == pytest.approx(-325)


def test_half_precision_is_averaged_in_float32():
    logits = torch.randn(2, 50).bfloat16()
    assert mix(logits, logits, 0.3, "probability").dtype == torch.float32
    torch.testing.assert_close(mix(logits, logits, 0.3, "probability"), logits.float().log_softmax(-1))


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_its_range_is_refused(weight, pair):
    with pytest.raises(ModelError, match="between 0 and 1") as caught:
        EnsembleForCausalLM(*pair(), weight)
    assert caught.value.hint


def test_an_unknown_space_is_refused(pair):
    with pytest.raises(ModelError, match="space"):
        EnsembleForCausalLM(*pair(), space="logit")


# ---- two models -----------------------------------------------------------------------------------------------------

MODES = {"greedy": {}, "beams": {"num_beams": 3}, "sampling": {"do_sample": True, "top_k": 0}}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("weight", [0, 1])
def test_the_ends_are_the_two_models_token_for_token(weight, mode, pair, batch):
    base, tuned = pair()
    torch.manual_seed(5)
    expected = reply(tuned if weight else base, batch, **MODES[mode])
    torch.manual_seed(5)
    assert torch.equal(reply(EnsembleForCausalLM(base, tuned, weight), batch, **MODES[mode]), expected)
    assert not torch.equal(reply(base, batch), reply(tuned, batch))


PLAIN = [(architecture, "probability") for architecture in ("llama", "mistral", "qwen2", "gemma", "gpt2", "mixtral")]


@pytest.mark.parametrize(("architecture", "space"), [*PLAIN, ("llama", "log-probability"), ("gpt2", "log-probability")])
def test_half_way_equals_the_plain_computation(architecture, space, pair, batch):
    base, tuned = pair(architecture)
    found = reply(EnsembleForCausalLM(base, tuned, 0.5, space), batch)
    assert torch.equal(found, greedy_plainly(base, tuned, 0.5, space, batch))
    assert not torch.equal(found, reply(base, batch)) and not torch.equal(found, reply(tuned, batch))


def test_two_architectures_of_one_vocabulary(pair, batch):
    base, tuned = pair("gpt2")[0], pair("llama")[1]
    found = reply(EnsembleForCausalLM(base, tuned, 0.4), batch)
    assert torch.equal(found, greedy_plainly(base, tuned, 0.4, "probability", batch))


@pytest.mark.parametrize("space", ["probability", "log-probability"])
def test_beams_with_caches_equal_beams_without(space, pair, batch):
    model = EnsembleForCausalLM(*pair(), 0.5, space)
    found = reply(model, batch, num_beams=3, num_return_sequences=2)
    assert torch.equal(found, reply(model, batch, num_beams=3, num_return_sequences=2, use_cache=False))
    assert not torch.equal(found[::2], reply(model, batch))


def test_a_single_row_and_a_mask_left_out(pair, batch):
    base, tuned = pair()
    one = {"input_ids": batch["input_ids"][:1]}
    found = reply(EnsembleForCausalLM(base, tuned), one)
    expected = greedy_plainly(base, tuned, 0.5, "probability", {**one, "attention_mask": torch.ones(1, 7)})
    assert torch.equal(found, expected)


@pytest.mark.parametrize("architecture", ["llama", "mistral"])
def test_more_tokens_than_a_cache_has_room_for(architecture, pair, batch):
    model, one = EnsembleForCausalLM(*pair(architecture)), {"input_ids": batch["input_ids"][:1]}
    found = reply(model, one, new=80)  # several times the room, and past mistral's window of 64
    logits = model(torch.cat([one["input_ids"], found], 1), use_cache=False, logits_to_keep=81).logits
    assert torch.equal(found, logits[:, :-1].argmax(-1))


def test_a_stream_carries_the_same_text(folders, pair, batch):
    tokenizer = AutoTokenizer.from_pretrained(folders("llama"))
    model, one = EnsembleForCausalLM(*pair()), {"input_ids": batch["input_ids"][:1]}
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True)
    thread = Thread(target=reply, args=(model, one), kwargs={"streamer": streamer})
    thread.start()
    pieces = list(streamer)
    thread.join()
    assert "".join(pieces) == tokenizer.decode(reply(model, one)[0]) and len(pieces) > 1


def test_the_weight_may_be_changed_between_calls(pair, batch):
    base, tuned = pair()
    model = EnsembleForCausalLM(base, tuned)
    for weight in (0, 0.2, 0.9, 1, 0.5):
        model.weight = weight
        assert torch.equal(reply(model, batch), reply(EnsembleForCausalLM(base, tuned, weight), batch))


def test_the_widest_logits_are_the_last_tokens(pair, batch):
    model = EnsembleForCausalLM(*pair())
    whole = model(**batch).logits
    assert whole.shape == (3, 7, model.config.vocab_size)
    torch.testing.assert_close(model(**batch, logits_to_keep=2).logits, whole[:, -2:])
    torch.testing.assert_close(whole.logsumexp(-1), torch.zeros(3, 7), atol=1e-5, rtol=0)


# ---- caches ---------------------------------------------------------------------------------------------------------


def grown(model, batch):
    cache = model.new_cache()
    model(**batch, past_key_values=cache)
    return cache


def continued(model, batch, cache, new, rows=slice(None)):
    mask = torch.cat([batch["attention_mask"][rows], torch.ones(len(new), 1, dtype=torch.long)], 1)
    return model(new, attention_mask=mask, past_key_values=cache, logits_to_keep=1).logits


def whole(model, batch, new, rows=slice(None)):
    ids = torch.cat([batch["input_ids"][rows], new], 1)
    mask = torch.cat([batch["attention_mask"][rows], torch.ones(len(new), 1, dtype=torch.long)], 1)
    return model(ids, attention_mask=mask, use_cache=False, logits_to_keep=1).logits


@pytest.fixture(params=["two models", "adapter"])
def model(request, pair, adapted):
    return EnsembleForCausalLM(*pair()) if request.param == "two models" else LoraEnsembleForCausalLM(adapted())


def test_rows_of_a_cache_can_be_reordered_selected_and_repeated(model, batch):
    new = torch.tensor([[20], [30], [40]])
    order = torch.tensor([2, 0, 0])
    cache = grown(model, batch)
    cache.reorder_cache(order)
    torch.testing.assert_close(continued(model, batch, cache, new, order), whole(model, batch, new, order))
    for rows in (torch.tensor([1, 2]), torch.tensor([False, True, True])):
        cache = grown(model, batch)
        cache.batch_select_indices(rows)
        torch.testing.assert_close(continued(model, batch, cache, new[:2], rows), whole(model, batch, new[:2], rows))
    cache, twice = grown(model, batch), torch.tensor([0, 0, 1, 1, 2, 2])
    cache.batch_repeat_interleave(2)
    torch.testing.assert_close(
        continued(model, batch, cache, new[twice], twice), whole(model, batch, new[twice], twice)
    )


def test_a_cache_can_be_cropped_copied_and_reset(model, batch):
    new = torch.tensor([[20], [30], [40]])
    cache = grown(model, batch)
    continued(model, batch, cache, new)
    assert cache.get_seq_length() == 8 and not cache.is_compileable and cache.is_initialized and cache.is_croppable
    cache.crop(-1)
    spare = copy.deepcopy(cache)
    assert cache.get_seq_length() == 7
    for one in (cache, spare):
        torch.testing.assert_close(continued(model, batch, one, new), whole(model, batch, new))
    cache.reset()
    assert cache.get_seq_length() == 0
    torch.testing.assert_close(model(**batch, past_key_values=cache).logits, model(**batch).logits)


def test_a_cache_of_another_kind_or_another_end_is_refused(model, batch):
    single = model.tuned(**batch, use_cache=True)[OUTPUT_CACHE]
    with pytest.raises(ModelError, match="DynamicCache"):
        model(**batch, past_key_values=single)
    cache = grown(model, batch)
    model.weight = 0
    with pytest.raises(ModelError, match="weight was moved"):
        model(**batch, past_key_values=cache)


def test_a_prompt_can_be_read_in_chunks(model, batch):
    found = reply(model, batch, past_key_values=model.new_cache(), prefill_chunk_size=3)
    assert torch.equal(found, reply(model, batch))


# ---- an adapter -----------------------------------------------------------------------------------------------------


def with_adapter(base, seed=3, **options):
    options = {"r": 4, "target_modules": ["q_proj", "v_proj", "down_proj"], **options}
    adapted = get_peft_model(copy.deepcopy(base), LoraConfig(task_type="CAUSAL_LM", **options)).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name or "modules_to_save" in name:
            parameter.data += 0.5 * torch.randn(parameter.shape, generator=generator)
    return adapted


@pytest.fixture(scope="module")
def adapted(pair):
    return lambda architecture="llama", **options: with_adapter(pair(architecture)[0], **options)


KINDS = {
    "lora": ("llama", {}, True),
    "rank-stabilised": ("llama", {"use_rslora": True, "lora_alpha": 3}, True),
    "with biases": ("qwen2", {"target_modules": ["q_proj", "v_proj"], "lora_bias": True}, True),
    "gpt2": ("gpt2", {"target_modules": ["c_attn"], "fan_in_fan_out": True}, True),
    "mixture": ("mixtral", {"target_modules": ["q_proj", "k_proj"]}, True),
    "dora": ("llama", {"use_dora": True}, False),
    "embeddings": ("llama", {"target_modules": ["embed_tokens", "q_proj"]}, False),
    "whole modules": ("llama", {"modules_to_save": ["lm_head"]}, False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_model_with_an_adapter_equals_two(kind, adapted, pair, batch):
    architecture, options, one_pass = KINDS[kind]
    base, peft = pair(architecture)[0], adapted(architecture, **options)
    merged = copy.deepcopy(peft).merge_and_unload()
    model = LoraEnsembleForCausalLM(peft)
    assert model.one_pass == one_pass
    for weight in (0, 0.3, 1):
        model.weight = weight
        two = EnsembleForCausalLM(base, merged, weight)
        torch.testing.assert_close(model(**batch).logits[:, -1], two(**batch).logits[:, -1], atol=1e-4, rtol=1e-4)
        assert torch.equal(reply(model, batch), reply(two, batch))
    assert not torch.equal(reply(base, batch), reply(merged, batch))


def test_beams_and_samples_of_an_adapter(adapted, pair, batch):
    peft = adapted()
    two = EnsembleForCausalLM(pair()[0], copy.deepcopy(peft).merge_and_unload())
    for mode in MODES.values():
        torch.manual_seed(5)
        expected = reply(two, batch, **mode)
        torch.manual_seed(5)
        assert torch.equal(reply(LoraEnsembleForCausalLM(peft), batch, **mode), expected)


def test_an_adapter_in_another_precision_than_its_base(pair, batch):
    peft = with_adapter(copy.deepcopy(pair()[0]).bfloat16())
    one, two = LoraEnsembleForCausalLM(peft), LoraEnsembleForCausalLM(peft)
    two.one_pass = False
    assert {p.dtype for p in peft.parameters()} == {torch.bfloat16, torch.float32}
    assert one._passes() == ("both",) and two._passes() == ("base", "tuned")
    torch.testing.assert_close(one(**batch).logits[:, -1], two(**batch).logits[:, -1], atol=0.1, rtol=0.1)


def test_the_adapter_is_its_own_again_afterwards(adapted, batch):
    peft = adapted()
    before = peft(**batch).logits
    model = LoraEnsembleForCausalLM(peft)
    for weight in (0, 0.5):
        model.weight = weight
        model(**batch)
        assert torch.equal(peft(**batch).logits, before)


@pytest.mark.parametrize("options", [{"bias": "all"}, {"init_lora_weights": "pissa"}])
def test_an_adapter_that_changes_its_base_is_refused(options, adapted):
    with pytest.raises(ModelError, match="changes its base"):
        LoraEnsembleForCausalLM(adapted(**options))


def test_an_ensemble_is_neither_trained_nor_saved_nor_asked_for_a_loss(model, batch, tmp_path):
    for act in (
        lambda: model.train(),
        lambda: model.save_pretrained(tmp_path),
        lambda: model(**batch, labels=batch["input_ids"]),
    ):
        with pytest.raises(ModelError) as caught:
            act()
        assert caught.value.hint
    assert not model.training and not model(**batch).logits.requires_grad


# ---- vocabularies ---------------------------------------------------------------------------------------------------


def test_added_rows_are_impossible_for_the_base(pair, batch):
    base, tuned = pair()
    wider, width = copy.deepcopy(tuned), base.config.vocab_size
    wider.resize_token_embeddings(width + 3, mean_resizing=False)
    wider.lm_head.weight.data[-1] = 50 * wider.lm_head.weight.data.mean(0)
    found = EnsembleForCausalLM(base, wider, 0.5)(**batch).logits
    expected = wider(**batch).logits.log_softmax(-1)[..., width:] + torch.tensor(0.5).log()
    torch.testing.assert_close(found[..., width:], expected)
    log = EnsembleForCausalLM(base, wider, 0.5, "log-probability")(**batch).logits
    assert torch.isinf(log[..., width:]).all() and log[..., :width].isfinite().all()
    narrow = EnsembleForCausalLM(base, wider, 0)
    assert narrow(**batch).logits.shape[-1] == width + 3 and torch.equal(reply(narrow, batch), reply(base, batch))
    assert torch.equal(reply(EnsembleForCausalLM(base, wider, 1), batch), reply(wider, batch))


def test_a_token_that_the_base_cannot_read_is_read_as_padding(pair, batch):
    base, tuned = pair()
    wider = copy.deepcopy(tuned)
    wider.resize_token_embeddings(base.config.vocab_size + 1, mean_resizing=False)
    ids = batch["input_ids"].clone()
    ids[0, 3] = base.config.vocab_size
    found = EnsembleForCausalLM(base, wider, 0)(ids, attention_mask=batch["attention_mask"]).logits
    ids[0, 3] = base.config.eos_token_id  # these models have no token for padding
    expected = base(ids, attention_mask=batch["attention_mask"]).logits
    torch.testing.assert_close(found[0, 6, :-1], expected[0, 6])


# ---- loading --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def places(folders, pair, tmp_path_factory):
    """A base, a tuned model and an adapter on the base, on disk."""
    root = tmp_path_factory.mktemp("a+b")
    base = shutil.copytree(folders("llama"), root / "base")
    pair()[0].save_pretrained(base)
    tuned = shutil.copytree(base, root / "tuned")
    pair()[1].save_pretrained(tuned)
    with_adapter(AutoModelForCausalLM.from_pretrained(base)).save_pretrained(root / "adapter")
    return root


def test_two_folders_load_as_one_model(places):
    loaded = load_model(f"ensemble:{places}/base+{places}/tuned@0.3,log")
    assert type(loaded.model) is EnsembleForCausalLM and not loaded.embedded
    assert (loaded.model.weight, loaded.model.space) == (0.3, "log-probability")
    assert loaded.name == "ensemble:base+tuned@0.3,log"
    described = loaded.describe()
    assert described["parameters"] == 2 * load_model(f"{places}/base").describe()["parameters"]
    assert described["dtype"] == "float32" and described["device"] == "cpu"
    assert described["ensemble"]["weight"] == 0.3
    json.dumps(described)


def test_the_fingerprint_follows_models_weight_and_space(places):
    def of(reference):
        return load_model(f"ensemble:{reference}").fingerprint

    base, tuned = f"{places}/base", f"{places}/tuned"
    asked = [f"{base}+{tuned}", f"{tuned}+{base}", f"{base}+{tuned}@0.4", f"{base}+{tuned}@0.5,log", f"{base}+{base}"]
    assert len({of(reference) for reference in asked}) == len(asked)
    assert of(f"{base}+{tuned}@0.5") == of(asked[0])


def test_an_adapter_on_its_base_is_loaded_once(places):
    loaded = load_model(f"ensemble:{places}/base+{places}/adapter")
    assert type(loaded.model) is LoraEnsembleForCausalLM and loaded.model.one_pass
    size = load_model(f"{places}/base").describe()["parameters"]
    assert size < loaded.describe()["parameters"] < 1.1 * size
    other = load_model(f"ensemble:{places}/tuned+{places}/adapter")
    assert type(other.model) is EnsembleForCausalLM and other.describe()["parameters"] > 2 * size


def test_a_sweep_moves_name_and_fingerprint(places):
    loaded = load_model(f"ensemble:{places}/base+{places}/tuned@0.3")
    before = loaded.fingerprint
    set_weight(loaded, 0.5)
    again = load_model(f"ensemble:{places}/base+{places}/tuned")
    assert (loaded.fingerprint, loaded.name, loaded.reference) == (again.fingerprint, again.name, again.reference)
    assert loaded.model.weight == 0.5 and before != loaded.fingerprint
    with pytest.raises(ModelError, match="no weight"):
        set_weight(load_model(f"{places}/base"), 0.5)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_replies_go_through_our_own_generation(temperature, places):
    prompts = [Prompt(str(i), "s", "c", [{"role": "user", "content": "hello " * (i + 1)}]) for i in range(3)]
    options = GenerateOptions(max_new_tokens=6, temperature=temperature)
    loaded = load_model(f"ensemble:{places}/base+{places}/adapter@1")
    ends = [generate(load_model(f"{places}/{name}"), prompts, "c", options) for name in ("base", "adapter")]
    for weight, expected in ((0, ends[0]), (1, ends[1])):
        set_weight(loaded, weight)
        assert [r.text for r in generate(loaded, prompts, "c", options)] == [r.text for r in expected]
    set_weight(loaded, 0.5)
    two = load_model(f"ensemble:{places}/base+{places}/adapter")
    merged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(places / "base"), places / "adapter")
    two.model = EnsembleForCausalLM(load_model(f"{places}/base").model, merged.merge_and_unload())
    assert [r.text for r in generate(loaded, prompts, "c", options)] == [
        r.text for r in generate(two, prompts, "c", options)
    ]


def test_another_vocabulary_is_refused_when_loading(places, tmp_path):
    other = shutil.copytree(places / "tuned", tmp_path / "other")
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[300:302]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match="2 tokens differ"):
        load_model(f"ensemble:{places}/base+{other}")


def test_the_embedded_model_with_itself_is_itself():
    loaded, one = load_model("ensemble:guild+guild"), load_model("guild")
    assert loaded.embedded and loaded.name == "ensemble:guild+guild@0.5"
    prompts = [Prompt("p", "s", "c", [{"role": "user", "content": "hello"}])]
    asked = GenerateOptions(max_new_tokens=12)
    assert generate(loaded, prompts, "c", asked)[0].text == generate(one, prompts, "c", asked)[0].text
