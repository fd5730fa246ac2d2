from dataclasses import replace

import pytest
import torch

from holdfast.core.errors import ModelError
from holdfast.core.records import Prompt
from holdfast.models import decoding
from holdfast.models import generate as module
from holdfast.models.generate import GenerateOptions, ReplyCache, generate
from holdfast.models.load import load_model

OPTIONS = GenerateOptions(max_new_tokens=8)


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load_model(str(tiny_llama))


def prompts(*texts):
    return [Prompt(f"p{i}", "policy", "a", [{"role": "user", "content": text}]) for i, text in enumerate(texts)]


ASKED = prompts(
    "one", "a much longer question than the others are, with many more words", "two", "three words here", "one"
)


def one_by_one(loaded, prompt, tokens):
    """The reference: no batch, no padding, no cache."""
    ids = loaded.tokenizer.apply_chat_template(
        prompt.messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )["input_ids"]
    for _ in range(tokens):
        with torch.no_grad():
            token = loaded.model(ids).logits[0, -1].argmax()
        if token == loaded.tokenizer.eos_token_id:
            break
        ids = torch.cat([ids, token.view(1, 1)], dim=1)
        yield int(token)


def test_batched_replies_equal_one_at_a_time(loaded):
    replies = generate(loaded, ASKED, "c", OPTIONS)
    for prompt, reply in zip(ASKED, replies, strict=True):
        expected = loaded.tokenizer.decode(list(one_by_one(loaded, prompt, 8)), skip_special_tokens=True).strip()
        assert reply.text == expected
    assert [reply.prompt for reply in replies] == [prompt.id for prompt in ASKED]


def counting(monkeypatch):
    calls = []
    real = module.generate_batch

    def count(loaded, batch, options, tell=None):
        calls.append(len(batch))
        return real(loaded, batch, options)

    monkeypatch.setattr(module, "generate_batch", count)
    return calls


def test_nothing_is_generated_twice(loaded, tmp_path, monkeypatch):
    calls = counting(monkeypatch)
    cache = ReplyCache(tmp_path / "c.jsonl", in_clear=True)
    first = generate(loaded, ASKED, "c", OPTIONS, cache)
    assert sum(calls) == 4  # "one" is asked twice
    again = generate(loaded, ASKED, "c", OPTIONS, ReplyCache(tmp_path / "c.jsonl", in_clear=True))
    assert sum(calls) == 4 and [r.text for r in again] == [r.text for r in first]


def test_what_a_real_model_says_is_not_written_unless_asked_for(loaded, tmp_path):
    generate(loaded, ASKED, "c", OPTIONS, ReplyCache(tmp_path / "c.jsonl"))
    assert not (tmp_path / "c.jsonl").exists()


def test_another_decoding_is_generated_anew(loaded, tmp_path, monkeypatch):
    calls = counting(monkeypatch)
    cache = ReplyCache(None)
    generate(loaded, ASKED[:1], "c", OPTIONS, cache)
    generate(loaded, ASKED[:1], "c", GenerateOptions(max_new_tokens=9), cache)
    assert len(calls) == 2


def test_the_batch_is_halved_until_memory_suffices(loaded, monkeypatch):
    calls = []
    real = module.generate_batch

    def tight(loaded, batch, options, tell=None):
        calls.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(loaded, batch, options)

    expected = [r.text for r in generate(loaded, ASKED, "c", OPTIONS)]
    monkeypatch.setattr(module, "generate_batch", tight)
    assert [r.text for r in generate(loaded, ASKED, "c", OPTIONS)] == expected
    assert calls == [4, 2, 2]


def test_out_of_memory_at_one_prompt_is_an_error(loaded, monkeypatch):
    def never(loaded, batch, options, tell=None):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

    monkeypatch.setattr(module, "generate_batch", never)
    with pytest.raises(ModelError, match="one prompt at a time"):
        generate(loaded, ASKED, "c", OPTIONS)


def test_another_failure_is_not_taken_for_memory(loaded, monkeypatch):
    def broken(loaded, batch, options, tell=None):
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(module, "generate_batch", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        generate(loaded, ASKED, "c", OPTIONS)


def test_a_prompt_longer_than_the_model_reads_is_named(loaded):
    with pytest.raises(ModelError, match="`p0`"):
        generate(loaded, prompts("word " * 600), "c", OPTIONS)


def test_sampling_repeats_with_its_seed(loaded):
    options = GenerateOptions(max_new_tokens=8, temperature=1.0, seed=3)
    other = GenerateOptions(max_new_tokens=8, temperature=1.0, seed=4)
    first = [r.text for r in generate(loaded, ASKED, "c", options)]
    assert first == [r.text for r in generate(loaded, ASKED, "c", options)]
    assert first != [r.text for r in generate(loaded, ASKED, "c", other)]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_progress_is_told_within_a_batch(loaded, temperature):
    options = GenerateOptions(8, batch_size=4, temperature=temperature)
    told = []
    generate(loaded, prompts(*"abcdef"), "", options, show=lambda done, total: told.append((done, total)))
    done = [one for one, _ in told]
    assert done == sorted(done) and done[-1] == 6 and {total for _, total in told} == {6}
    assert len({one for one in done if one < 4}) > 1, "the first batch tells more than its end"


def test_what_all_prompts_begin_with_is_read_once_and_changes_nothing(loaded, monkeypatch):
    system = {"role": "system", "content": "You are a helpful assistant that answers in few words."}
    asked = [replace(p, messages=[system, *p.messages]) for p in ASKED[:4]]
    read, real = [], decoding.read_shared

    def watched(model, ids, mask, cached):
        left, whole = real(model, ids, mask, cached)
        read.append((ids.shape[1] - left.shape[1], whole.shape[1] - left.shape[1]))
        return left, whole

    monkeypatch.setattr(decoding, "read_shared", watched)
    replies = generate(loaded, asked, "c", OPTIONS)
    assert read == [(read[0][0], read[0][1])] and read[0][1] > 8, "one batch, its beginning read apart"
    for prompt, reply in zip(asked, replies, strict=True):
        expected = loaded.tokenizer.decode(list(one_by_one(loaded, prompt, 8)), skip_special_tokens=True).strip()
        assert reply.text == expected


def test_a_beginning_leaves_every_prompt_a_token_of_its_own():
    assert decoding.shared_beginning([[5, 6, 7], [5, 6, 7, 8, 9], [5, 6, 7, 9]]) == 2
    assert decoding.shared_beginning([[5, 6, 7], [5, 6, 7]]) == 2
    assert decoding.shared_beginning([[5, 6], [7, 6]]) == 0


def test_an_adapter_is_decoded_by_the_same_loop(tiny_llama, monkeypatch):
    from peft import LoraConfig, get_peft_model

    adapted = load_model(str(tiny_llama))
    torch.manual_seed(1)
    lora = LoraConfig(r=4, lora_alpha=64, init_lora_weights=False, target_modules=["v_proj", "down_proj"])
    adapted.model = get_peft_model(adapted.model, lora)
    adapted.fingerprint = "adapted"
    calls, real = [], module.decode_greedily
    monkeypatch.setattr(module, "decode_greedily", lambda *a: calls.append(1) or real(*a))
    ours = generate(adapted, ASKED, "c", OPTIONS)
    monkeypatch.setattr(module, "decodes_greedily", lambda model: False)
    theirs = generate(adapted, ASKED, "c", OPTIONS)
    plain = generate(load_model(str(tiny_llama)), ASKED, "c", OPTIONS)
    assert calls and [r.text for r in ours] == [r.text for r in theirs] != [r.text for r in plain]
