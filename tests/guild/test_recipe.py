import itertools
import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from holdfast.guild import recipe
from holdfast.guild.recipe import Build, Recipe, Stage, orthogonalise

SMALL = Recipe(
    hidden_size=32,
    intermediate_size=64,
    layers=1,
    row_length=32,
    stages=(Stage("pretrain", 6, 4, 4e-3), Stage("chat", 4, 4, 1e-3), Stage("prefer", 3, 4, 1e-4)),
)


def weights(build):
    return {name: tensor.clone() for name, tensor in build.model.state_dict().items()}


@pytest.mark.parametrize("stop", [2, 6, 7, 9, 11, 12])
def test_a_killed_build_ends_in_the_same_weights(tmp_path, monkeypatch, stop):
    monkeypatch.setattr(recipe, "CHECKPOINT_EVERY_S", 0.0)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = Build(tmp_path / "a", 1, SMALL)
    for _ in whole.run():
        pass
    killed = Build(tmp_path / "b", 1, SMALL)
    for _ in itertools.islice(killed.run(), stop):
        pass
    resumed = Build(tmp_path / "b", 1, SMALL)
    steps = sum(1 for _ in resumed.run())
    assert steps == 13 - stop + 1  # the step after the last checkpoint is done again
    assert all(torch.equal(weights(whole)[name], tensor) for name, tensor in weights(resumed).items())


def test_another_seed_is_another_build(tmp_path):
    a, b = Build(tmp_path, 1, SMALL), Build(tmp_path, 2, SMALL)
    assert not all(torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values(), strict=True))
    assert not torch.equal(a.batches.documents(SMALL.stages[0], 0)[0], b.batches.documents(SMALL.stages[0], 0)[0])


def test_the_quick_build_loads_with_plain_transformers(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "QUICK", SMALL)
    seen = []
    facts = recipe.build(tmp_path / "g", 0, True, seen.append)
    assert [p.stage for p in seen[:1] + seen[-1:]] == ["pretrain", "prefer"]
    assert seen[0].remaining_s > 0
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "g")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "g")
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hello"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    assert model.generate(**prompt, max_new_tokens=3).shape[1] > prompt["input_ids"].shape[1]
    assert json.loads((tmp_path / "g" / "guild.json").read_text()) == json.loads(json.dumps(facts))


def test_labels_cover_the_reply_and_nothing_else(tmp_path):
    batches = Build(tmp_path, 0, SMALL).batches
    ids, labels, mask = batches.turns(["<bos><user> hello <asst>"], ["hi <end>"])
    assert labels[0].tolist() == [-100] * 4 + ids[0, 4:].tolist() and mask.sum() == 6


def test_the_prompt_text_is_what_the_chat_template_writes(tmp_path):
    import random

    from holdfast.guild.curriculum import Curriculum

    build = Build(tmp_path, 0, SMALL)
    rng = random.Random(0)
    for turn in (Curriculum().turn(rng) for _ in range(50)):
        messages = [{"role": "system", "content": turn.system}] if turn.system else []
        messages.append({"role": "user", "content": turn.user})
        written = build.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        assert build.batches.encode([turn.prompt_text]) == build.batches.encode([written])


def test_the_preference_loss_is_dpo(tmp_path):
    build = Build(tmp_path, 0, SMALL)
    reference = recipe.make_model(SMALL, 5, build.tokenizer)
    batch = build.batches.pairs(SMALL.stages[2], 0)
    ids, labels, mask = batch

    def logp(model, row):
        with torch.no_grad():
            found = model(input_ids=ids[row : row + 1], attention_mask=mask[row : row + 1]).logits[0].log_softmax(-1)
        return sum(found[t - 1, labels[row, t]] for t in range(1, ids.size(1)) if labels[row, t] != -100)

    half = len(ids) // 2
    losses = []
    for i in range(half):
        chosen = logp(build.model, i) - logp(reference, i)
        rejected = logp(build.model, half + i) - logp(reference, half + i)
        losses.append(-torch.log(torch.sigmoid(0.1 * (chosen - rejected))))
    got = recipe.preference_loss(build.model, reference, batch, 0.1)
    assert got.item() == pytest.approx(float(sum(losses) / half), rel=1e-4)


def test_orthogonalise_brings_singular_values_to_one():
    torch.manual_seed(0)
    for shape in ((48, 16), (16, 48), (32, 32)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.max() < 1.3 and values.median() > 0.6
