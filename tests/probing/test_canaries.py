"""Canaries, their key file, the loss of rows, and exposure."""

import json
import math
import random
import stat

import numpy as np
import pytest
import torch

from holdfast.core.errors import DataError, UsageError
from holdfast.core.records import Row
from holdfast.models.chat import IGNORE, encode_row
from holdfast.models.load import load_model
from holdfast.probing.canaries import (
    CanaryPlan,
    Space,
    begun,
    make_canaries,
    messages,
    mixed,
    read_key,
    rows_of,
    write_key,
)
from holdfast.probing.likelihood import row_losses
from holdfast.stats.exposure import UNSEEN, Exposure, exposure, memorised, more_exposed

PLAN = CanaryPlan(repeats=(0, 1, 4), per_repeat=3, seed=5)


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load_model(str(tiny_llama))


# ---- making ---------------------------------------------------------------------------------------------------------


def test_each_canary_is_written_as_often_as_it_says():
    planted = make_canaries(PLAN)
    rows = rows_of(planted)
    counts = {c.id: sum(r.meta["canary"] == c.id for r in rows) for c in planted.canaries}
    assert (
        counts == {c.id: c.repeat for c in planted.canaries} and sorted(counts.values()) == [0] * 3 + [1] * 3 + [4] * 3
    )
    assert len({c.secret for c in planted.canaries}) == len({c.tag for c in planted.canaries}) == 9
    assert make_canaries(PLAN) == planted != make_canaries(CanaryPlan(PLAN.repeats, 3, seed=6))
    one = planted.canaries[-1]
    row = next(r for r in rows if r.meta["canary"] == one.id)
    assert row.messages[-1]["content"] == f"{begun(planted, one)} {one.secret}."
    assert one.secret not in repr(planted)


@pytest.mark.parametrize(("kind", "length", "size"), [("digits", 3, 1000), ("contact", 1, 100)])
def test_a_space_is_as_large_as_it_says(kind, length, size):
    space = Space(kind, length)
    every = space.draw(random.Random(0), 10**6)
    assert len(set(every)) == space.size == size
    some = space.draw(random.Random(0), 20, every[:50])
    assert len(set(some)) == 20 and not set(some) & set(every[:50])


def test_plans_that_cannot_be_are_refused():
    for plan in (
        CanaryPlan(length=1),
        CanaryPlan(length=40),
        CanaryPlan(kind="names"),
        CanaryPlan(format="xml"),
        CanaryPlan((), 3),
        CanaryPlan((1,), 60, length=2),
        CanaryPlan((-1,)),
    ):
        with pytest.raises(UsageError) as error:
            make_canaries(plan)
        assert error.value.hint


def test_rows_keep_their_order_when_canaries_are_mixed_in():
    own = [Row(f"own-{i}", [{"role": "text", "content": str(i)}]) for i in range(20)]
    planted = rows_of(make_canaries(PLAN))
    found = mixed(own, planted, 1)
    assert [r for r in found if r.id.startswith("own")] == own
    assert [r for r in found if not r.id.startswith("own")] == planted
    assert found != [*own, *planted] != found[::-1]


def test_a_key_is_its_owners_alone_and_is_not_written_over(tmp_path):
    planted, path = make_canaries(PLAN), tmp_path / "key.json"
    write_key(path, planted)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = read_key(path)
    assert again.canaries == planted.canaries and again.space == planted.space and again.salt
    with pytest.raises(UsageError, match="there already"):
        write_key(path, planted)
    document = json.loads(path.read_text())
    for broken in ("", "[]", json.dumps({**document, "format": "xml"}), json.dumps({**document, "canaries": [{}]})):
        path.write_text(broken)
        with pytest.raises(DataError, match="no key file") as error:
            read_key(path)
        assert error.value.__cause__ is None and planted.canaries[0].secret not in str(error.value)
    with pytest.raises(DataError, match="cannot read"):
        read_key(tmp_path / "nowhere")


# ---- losses ---------------------------------------------------------------------------------------------------------


def plainly(loaded, row):
    """The reference: one row, all of it, log-softmax by hand."""
    encoded = encode_row(loaded.tokenizer, row)
    with torch.no_grad():
        logits = loaded.model(torch.tensor([encoded.input_ids])).logits[0].double()
    logs = torch.log_softmax(logits, -1)
    return -sum(
        float(logs[i - 1, token])
        for i, (token, label) in enumerate(zip(encoded.input_ids, encoded.labels, strict=True))
        if label != IGNORE and i
    )


@pytest.mark.parametrize("form", ["chat", "text"])
def test_losses_are_those_of_each_row_alone(loaded, form):
    planted = make_canaries(CanaryPlan(length=6, format=form))
    one = planted.canaries[0]
    rows = [Row("", messages(planted, one, secret)) for secret in ("1", "123456", "000000", "99")]
    assert row_losses(loaded, rows) == pytest.approx([plainly(loaded, row) for row in rows], rel=1e-5)
    assert row_losses(loaded, rows[:1]) == pytest.approx([plainly(loaded, rows[0])], rel=1e-5)


def test_losses_of_an_adapter_are_the_adapters(tiny_llama):
    from peft import LoraConfig, get_peft_model

    loaded = load_model(str(tiny_llama))
    planted = make_canaries(PLAN)
    rows = [Row("", messages(planted, planted.canaries[0], s)) for s in ("123456", "654321")]
    before = row_losses(loaded, rows)
    loaded.model = get_peft_model(loaded.model, LoraConfig(r=2, init_lora_weights=False, target_modules=["q_proj"]))
    loaded.model.eval()
    after = row_losses(loaded, rows)
    assert after != pytest.approx(before, rel=1e-5)
    assert after == pytest.approx([plainly(loaded, row) for row in rows], rel=1e-5)


# ---- exposure -------------------------------------------------------------------------------------------------------


def test_exposure_is_exact_where_all_of_the_space_is_scored():
    others = [float(i) for i in range(1, 1024)]
    assert exposure(0.5, others, 1024) == Exposure(10.0, "exact")
    assert exposure(1e9, others, 1024).bits == 0.0
    assert exposure(3.5, others, 1024).bits == pytest.approx(10 - math.log2(4))
    assert exposure(7.0, [7.0] * 1023, 1024).bits == pytest.approx(1.0, abs=0.01)  # all alike: the middle
    with pytest.raises(ValueError, match="other secrets"):
        exposure(1.0, [], 10)


def test_a_secret_that_was_never_seen_has_1_44_bits_in_the_mean():
    """Losses that have nothing to do with what was planted, in each of the three ways."""
    rng = np.random.default_rng(0)
    exact = [exposure(x[0], x[1:].tolist(), 100) for x in rng.normal(40, 3, (400, 100))]
    assert np.mean([e.bits for e in exact]) == pytest.approx(UNSEEN, abs=0.2)
    drawn = [exposure(x[0], x[1:].tolist(), 10**6) for x in rng.normal(40, 3, (400, 301))]
    assert np.mean([e.bits for e in drawn]) == pytest.approx(UNSEEN, abs=0.2)
    assert {e.method for e in drawn} <= {"sample", "skew-normal"}
    assert min(memorised(exact), memorised(drawn)) > 0.001


def test_the_fit_tells_how_rare_a_loss_is_that_no_sample_reaches():
    """The true tail of a normal distribution, six standard deviations out: 29.9 bits."""
    data = np.random.default_rng(1).normal(40, 3, 2000)
    found = exposure(40 - 6 * 3, data.tolist(), 10**12)
    assert found.method == "skew-normal" and found.bits == pytest.approx(29.9, rel=0.3)
    assert exposure(-1e6, data.tolist(), 10**6).bits == pytest.approx(math.log2(10**6))  # never more than the space


def test_a_wall_of_the_fit_is_no_memory():
    """Losses with a hard lower edge: a skew-normal says that nothing can lie below it.

    Just below it is nothing special.
    """
    data = 40 + np.abs(np.random.default_rng(2).normal(0, 3, 100))
    found = exposure(float(data.min()) - 0.2, data.tolist(), 10**6)
    assert found.method == "skew-normal" and math.log2(101) <= found.bits < 8


def test_a_model_that_knows_more_than_its_base_is_told():
    high, low = [Exposure(10.0, "exact")] * 8, [Exposure(1.0 + i / 10, "exact") for i in range(8)]
    assert memorised(high) < 1e-6 < 0.01 < memorised(low)
    assert more_exposed(high, low) < 0.01 and more_exposed(low, high) > 0.9 and more_exposed(low, low) == 1.0
