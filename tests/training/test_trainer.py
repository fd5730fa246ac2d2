import copy

import pytest
import torch

from holdfast.core.contracts import Defence
from holdfast.core.records import Row
from holdfast.models.chat import IGNORE
from holdfast.models.load import load_model
from holdfast.training.encoded import encode_rows
from holdfast.training.settings import LoraSettings, TrainSettings
from holdfast.training.trainer import plain_loss, train, training_key
from trained import apart, fresh, same, weights

ROWS = [
    Row(f"r{i}", [{"role": "user", "content": asked}, {"role": "assistant", "content": told}])
    for i, (asked, told) in enumerate(
        [("one", "two and some more words"), ("red", "blue"), ("a b c d e f", "g"), ("up", "down and out it goes")]
    )
]
SETTINGS = TrainSettings(precision="float32", epochs=2, lr=1e-3, batch_size=2, seed=1)


@pytest.fixture(scope="module")
def base(tiny_llama):
    return load_model(str(tiny_llama))


def tuned(base, tmp_path, settings=SETTINGS, defences=(), rows=ROWS):
    loaded = fresh(base)
    facts = train(loaded, rows, settings, tmp_path, defences)
    return loaded, facts


class Asking(Defence):
    """Takes the loss into its own hands and changes nothing."""

    name = "asking"

    def loss(self, loss, model, inputs, outputs, num_items):
        return loss


class Doubling(Defence):
    name = "doubling"

    def loss(self, loss, model, inputs, outputs, num_items):
        return loss * 0.0


class Witness(Defence):
    """Notes every moment, in order."""

    name = "witness"

    def __init__(self):
        self.seen = []

    def rows(self, rows):
        self.seen.append("rows")
        return rows[:2]

    def begin(self, model, trainer):
        self.seen.append("begin")

    def gradients(self, model):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
        self.seen.append("gradients")

    def end(self, model):
        self.seen.append("end")


def test_training_repeats_bit_for_bit_and_moves_the_weights(base, tmp_path):
    a, facts = tuned(base, tmp_path / "a")
    b, _ = tuned(base, tmp_path / "b")
    assert same(weights(a), weights(b)) and not same(weights(a), weights(base))
    assert facts["steps"] == 4 and facts["rows"] == 4


def test_another_seed_gives_other_weights(base, tmp_path):
    a, _ = tuned(base, tmp_path / "a")
    b, _ = tuned(base, tmp_path / "b", TrainSettings(precision="float32", epochs=2, lr=1e-3, batch_size=2, seed=2))
    assert not same(weights(a), weights(b))


def test_our_loss_is_trls_loss(base, tmp_path):
    a, _ = tuned(base, tmp_path / "a")
    b, _ = tuned(base, tmp_path / "b", defences=[Asking()])
    assert apart(weights(a), weights(b)) < 1e-5


def test_the_loss_moment_decides_what_is_learnt(base, tmp_path):
    a, _ = tuned(base, tmp_path, defences=[Doubling()])
    assert same(weights(a), weights(base))


@pytest.mark.parametrize("defences", [(), (Asking(),)], ids=["trl", "ours"])
def test_gradient_accumulation_does_not_change_the_maths(base, tmp_path, defences):
    whole, _ = tuned(
        base, tmp_path / "a", TrainSettings(precision="float32", epochs=1, lr=1e-3, batch_size=4, seed=1), defences
    )
    parts, _ = tuned(
        base,
        tmp_path / "b",
        TrainSettings(precision="float32", epochs=1, lr=1e-3, batch_size=1, gradient_accumulation=4, seed=1),
        defences,
    )
    # Rows differ in length, so a mean of means would differ.
    assert apart(weights(whole), weights(parts)) < 1e-4


def test_the_five_moments_come_in_order(base, tmp_path):
    witness = Witness()
    _, facts = tuned(base, tmp_path, defences=[witness])
    assert facts["rows"] == 2
    assert witness.seen == ["rows", "begin", "gradients", "gradients", "end"]


def test_plain_loss_is_token_wise_cross_entropy(base):
    data = encode_rows(base, ROWS[:1], 64)[0]
    ids, labels = torch.tensor([data["input_ids"]]), torch.tensor([data["labels"]])
    with torch.no_grad():
        outputs = base.model(ids)
        logp = outputs.logits.log_softmax(-1)
    wanted = [-logp[0, t - 1, labels[0, t]] for t in range(1, ids.size(1)) if labels[0, t] != IGNORE]
    assert plain_loss(outputs, labels, None).item() == pytest.approx(float(sum(wanted) / len(wanted)), rel=1e-5)
    assert plain_loss(outputs, labels, 10).item() == pytest.approx(float(sum(wanted) / 10), rel=1e-5)


def test_lora_leaves_the_base_alone(base, tmp_path):
    loaded, _ = tuned(
        base, tmp_path, TrainSettings(precision="float32", epochs=2, lr=1e-3, batch_size=2, lora=LoraSettings())
    )
    state = loaded.model.state_dict()
    for name, p in base.model.named_parameters():
        stem = name.removesuffix(".weight")
        key = next(k for k in state if k.endswith((f"{stem}.weight", f"{stem}.base_layer.weight")) and "lora" not in k)
        assert torch.equal(state[key], p)
    assert any("lora_B" in name and p.abs().sum() > 0 for name, p in loaded.model.named_parameters())


def test_a_killed_run_ends_where_an_unbroken_one_ends(base, tmp_path):
    settings = TrainSettings(precision="float32", epochs=3, lr=1e-3, batch_size=1, seed=1, save_steps=2)
    whole, _ = tuned(base, tmp_path / "a", settings)

    class Killed(Defence):
        name = "none"
        steps = 0

        def gradients(self, model):
            self.steps += 1
            if self.steps == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(fresh(base), ROWS, settings, tmp_path / "b", [Killed()])
    loaded = fresh(base)
    facts = train(loaded, ROWS, settings, tmp_path / "b")
    assert "checkpoint-4" in facts["resumed_from"]
    assert same(weights(whole), weights(loaded))


def test_the_fingerprint_is_known_before_and_set_after(base, tmp_path):
    key = training_key(base, ROWS, SETTINGS)
    loaded, facts = tuned(base, tmp_path)
    assert loaded.fingerprint == key == facts["fingerprint"] != base.fingerprint
    assert training_key(base, ROWS[:3], SETTINGS) != key


def test_rows_whose_answer_lies_beyond_the_length_are_left_out_and_counted(base, tmp_path):
    long = Row("long", [{"role": "user", "content": "word " * 200}, {"role": "assistant", "content": "yes"}])
    settings = TrainSettings(precision="float32", epochs=1, lr=1e-3, batch_size=2, max_length=64)
    _, facts = tuned(base, tmp_path, settings, rows=[*ROWS, long])
    assert (facts["rows"], facts["rows_left_out"]) == (4, 1)


@pytest.mark.parametrize("lora", [None, LoraSettings()])
def test_a_copy_of_a_tuned_model_has_weights_of_its_own(base, tmp_path, lora):
    """TRL patches the forward of what it trains; a copy would run the original's weights."""
    loaded, _ = tuned(base, tmp_path, TrainSettings(precision="float32", epochs=1, lr=1e-3, batch_size=2, lora=lora))
    twin = copy.deepcopy(loaded.model)
    ids = torch.arange(10, 20)[None]
    with torch.no_grad():
        before = loaded.model(input_ids=ids).logits
        for parameter in twin.parameters():
            parameter.add_(0.1)
        assert not torch.allclose(twin(input_ids=ids).logits, before)
        assert torch.equal(loaded.model(input_ids=ids).logits, before)
