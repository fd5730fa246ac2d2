"""KL by answer position, against a plain computation one answer at a time in float64."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from holdfast.core.errors import ModelError
from holdfast.core.records import Prompt
from holdfast.models.load import load_model
from holdfast.probing import divergence as module
from holdfast.probing.divergence import divergences, kl
from tiny import make_tiny

ASKED = [
    Prompt(f"p{i}", "policy", "a", [{"role": "user", "content": text}])
    for i, text in enumerate(("one", "a much longer question than the others are", "two words", "four"))
]
ANSWERS = ["Sorry, I can not help with that.", "No.", "Sure, here is how it is done, step by step, in one line", ""]


def moved(loaded):
    torch.manual_seed(1)
    model = copy.deepcopy(loaded.model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return replace(loaded, model=model)


@pytest.fixture(scope="module")
def pair(tiny_llama):
    base = load_model(str(tiny_llama))
    return base, moved(base)


def reference(base, tuned, prompt, answer):
    """Both models in float64 on one unpadded sequence; torch's own KL, position by position."""
    tokenizer = base.tokenizer
    start = tokenizer.apply_chat_template(prompt.messages, tokenize=False, add_generation_prompt=True)
    before = tokenizer(start, add_special_tokens=False)["input_ids"]
    ids = tokenizer(start + answer, add_special_tokens=False)["input_ids"]
    rows = []
    with torch.no_grad():
        p, q = (copy.deepcopy(m.model).double()(torch.tensor([ids])).logits[0].log_softmax(-1) for m in (base, tuned))
    for t in range(len(before), len(ids)):
        forward = functional.kl_div(q[t - 1], p[t - 1], log_target=True, reduction="sum")
        backward = functional.kl_div(p[t - 1], q[t - 1], log_target=True, reduction="sum")
        rows.append([float(forward), float(backward), float(p[t - 1, ids[t]]), float(q[t - 1, ids[t]])])
    return np.array(rows).T


def as_array(found):
    return np.array([found.forward, found.backward, found.base, found.tuned])


@pytest.mark.parametrize(("logits", "part"), [(2**26, 2**24), (1, 1), (2**26, 7000 * 3)])
def test_it_equals_a_plain_computation_however_it_is_batched(pair, monkeypatch, logits, part):
    monkeypatch.setattr(module, "LOGITS", logits)
    monkeypatch.setattr(module, "SLICE", part)
    found = divergences(*pair, ASKED, ANSWERS)
    assert [d.prompt for d in found] == ["p0", "p1", "p2"]  # nothing is said to the last
    for d, prompt, answer in zip(found, ASKED, ANSWERS, strict=False):
        expected = reference(*pair, prompt, answer)
        assert as_array(d) == pytest.approx(expected, abs=2e-5) and (d.forward > 0).any()


@pytest.mark.parametrize("architecture", ["gpt2", "gemma", "phi3"])
def test_other_architectures(tmp_path, data, architecture):
    base = load_model(str(make_tiny(architecture, tmp_path / architecture, data)))
    tuned = moved(base)
    found = divergences(base, tuned, ASKED[:2], ANSWERS[:2])
    for d, prompt, answer in zip(found, ASKED, ANSWERS, strict=False):
        assert as_array(d) == pytest.approx(reference(base, tuned, prompt, answer), abs=2e-5)


def test_a_model_does_not_differ_from_itself_and_long_answers_are_cut(pair):
    base, tuned = pair
    (same,) = divergences(base, base, ASKED[2:3], ANSWERS[2:3])
    assert same.forward.max() < 1e-9 and (same.base == same.tuned).all()
    (cut,) = divergences(base, tuned, ASKED[2:3], ANSWERS[2:3], most=4)
    (whole,) = divergences(base, tuned, ASKED[2:3], ANSWERS[2:3])
    assert len(cut.forward) == 4 < len(whole.forward)
    assert as_array(cut) == pytest.approx(as_array(whole)[:, :4], abs=1e-5)


def test_the_batch_is_halved_until_memory_suffices(pair, monkeypatch):
    sizes, real = [], module._batch

    def tight(base, tuned, rows):
        sizes.append(len(rows))
        if len(rows) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(base, tuned, rows)

    expected = divergences(*pair, ASKED, ANSWERS)
    monkeypatch.setattr(module, "_batch", tight)
    found = divergences(*pair, ASKED, ANSWERS)
    assert sizes[0] == 3 and set(sizes[-3:]) == {1}
    assert all(as_array(a) == pytest.approx(as_array(b), abs=1e-5) for a, b in zip(found, expected, strict=True))

    def never(base, tuned, rows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "_batch", never)
    with pytest.raises(ModelError, match="one answer at a time"):
        divergences(*pair, ASKED, ANSWERS)


def test_impossible_tokens_count_nothing():
    p, q = torch.tensor([0.5, 0.5, 0.0]).log(), torch.tensor([0.25, 0.5, 0.25]).log()
    assert kl(p, q) == pytest.approx(0.5 * np.log(2)) and torch.isinf(kl(q, p))
