"""What a training can be told beside its rows, and that each of it is heeded."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from holdfast.core.errors import UsageError
from holdfast.core.records import Row, digest
from holdfast.models.chat import IGNORE
from holdfast.models.load import load_model
from holdfast.training.encoded import encode_rows, hold_out
from holdfast.training.settings import ALL_LINEAR, LoraSettings, TrainSettings
from holdfast.training.trainer import train, training_key
from trained import apart, fresh, same, weights

WORDS = "a good many words of several kinds that nobody has put in this order before now".split()
ROWS = [
    Row(
        f"r{i}",
        [
            {"role": "user", "content": " ".join(WORDS[: 1 + i % 9])},
            {"role": "assistant", "content": " ".join(WORDS[i % 5 : 2 + i % 7 + i % 5])},
        ],
    )
    for i in range(22)
]
SETTINGS = TrainSettings(precision="float32", epochs=2, lr=1e-3, batch_size=4, seed=1)


@pytest.fixture(scope="module")
def base(tiny_llama):
    return load_model(str(tiny_llama))


def tuned(base, folder, settings, rows=ROWS):
    loaded = fresh(base)
    return loaded, train(loaded, rows, settings, folder)


def test_settings_that_came_later_leave_the_names_of_earlier_trainings_alone(base):
    earlier = (
        "epochs lr batch_size seed gradient_accumulation weight_decay warmup_share schedule max_length lora "
        "save_steps precision"
    )
    assert list(SETTINGS.to_dict()) == earlier.split()
    lora = replace(SETTINGS, lora=LoraSettings(4)).to_dict()["lora"]
    assert list(lora) == ["rank", "alpha", "dropout", "target_modules"]
    key = training_key(base, ROWS, SETTINGS)
    assert key == training_key(base, ROWS, replace(SETTINGS, report_to=("tensorboard",)))
    others = [
        replace(SETTINGS, batching="grouped"), replace(SETTINGS, loss_on="all"),
        replace(SETTINGS, gradient_checkpointing=True), replace(SETTINGS, eval_share=0.1),
        replace(SETTINGS, lora=LoraSettings()), replace(SETTINGS, lora=LoraSettings(dora=True)),
        replace(SETTINGS, lora=LoraSettings(rslora=True)),
    ]  # fmt: skip
    assert len({key, *(training_key(base, ROWS, other) for other in others)}) == 8
    assert digest(SETTINGS.to_dict()) == digest(replace(SETTINGS, patience=0).to_dict())


def test_grouped_batches_train_another_order_and_less_padding(base, tmp_path):
    grouped = replace(SETTINGS, batching="grouped")
    first, facts = tuned(base, tmp_path / "a", grouped)
    again, _ = tuned(base, tmp_path / "b", grouped)
    shuffled, plain = tuned(base, tmp_path / "c", SETTINGS)
    assert same(weights(first), weights(again)) and not same(weights(first), weights(shuffled))
    assert facts["steps"] == plain["steps"] == 12 and facts["tokens"] == plain["tokens"]
    assert 1 <= facts["padding"] < plain["padding"]


def test_a_grouped_run_that_was_killed_ends_where_an_unbroken_one_ends(base, tmp_path):
    settings = replace(SETTINGS, batching="grouped", save_steps=4)  # killed in the second epoch
    whole, _ = tuned(base, tmp_path / "whole", settings)

    class Killed(Exception):
        pass

    def kill(step, steps, loss):
        if step == 9:
            raise Killed

    loaded = fresh(base)
    with pytest.raises(Killed):
        train(loaded, ROWS, settings, tmp_path / "killed", (), kill)
    resumed, facts = tuned(base, tmp_path / "killed", settings)
    assert "checkpoint-8" in facts["resumed_from"] and same(weights(whole), weights(resumed))


def test_gradient_checkpointing_computes_the_same_and_keeps_less(base, tmp_path):
    plain, _ = tuned(base, tmp_path / "a", SETTINGS)
    seen = []

    checkpointed = fresh(base)
    layer = checkpointed.model.model.layers[0]
    layer.mlp.register_forward_pre_hook(lambda *_: seen.append(1))
    train(checkpointed, ROWS, replace(SETTINGS, gradient_checkpointing=True), tmp_path / "b")
    assert apart(weights(plain), weights(checkpointed)) < 1e-5
    assert len(seen) == 2 * 12, "each layer runs once more on the way back"


@pytest.mark.parametrize("checkpointing", [False, True])
def test_an_adapter_learns_under_gradient_checkpointing_too(base, tmp_path, checkpointing):
    settings = replace(SETTINGS, lora=LoraSettings(4), gradient_checkpointing=checkpointing)
    loaded, _ = tuned(base, tmp_path, settings)
    assert any(float(p.abs().max()) > 0 for n, p in loaded.model.named_parameters() if "lora_B" in n)


def test_all_turns_are_learnt_where_that_is_asked(base):
    for loss_on in ("assistant", "all"):
        data = encode_rows(base, ROWS, 64, loss_on)
        learnt = [sum(label != IGNORE for label in labels) for labels in data["labels"]]
        whole = [len(ids) for ids in data["input_ids"]]
        assert all(a == b for a, b in zip(learnt, whole, strict=True)) == (loss_on == "all")
        assert all(0 < a <= b for a, b in zip(learnt, whole, strict=True))


def linear_layers(model):
    return {name for name, module in model.named_modules() if type(module).__name__ == "Linear"}


def test_all_linear_adapts_every_linear_layer_but_the_output(base, tmp_path):
    loaded, _ = tuned(base, tmp_path, replace(SETTINGS, epochs=1, lora=LoraSettings(2, target_modules=(ALL_LINEAR,))))
    adapted = {n.split(".lora_A")[0].removeprefix("base_model.model.") for n in weights(loaded) if "lora_A" in n}
    assert adapted == {name for name in linear_layers(base.model) if "lm_head" not in name}


def test_the_kinds_of_adapters_are_pefts(base, tmp_path):
    dora, _ = tuned(base, tmp_path / "d", replace(SETTINGS, epochs=1, lora=LoraSettings(4, dora=True)))
    assert any("lora_magnitude_vector" in name for name in weights(dora))
    scales = {}
    for rslora in (False, True):
        loaded, _ = tuned(
            base, tmp_path / str(rslora), replace(SETTINGS, epochs=1, lora=LoraSettings(4, rslora=rslora))
        )
        layer = next(m for m in loaded.model.modules() if isinstance(getattr(m, "scaling", None), dict))
        scales[rslora] = layer.scaling["default"]
    assert scales == {False: 16 / 4, True: 16 / 2}


def test_rows_that_say_the_same_are_on_one_side():
    rows = [replace(row, id=f"{row.id}-{k}") for row in ROWS for k in range(3)]
    kept, held = hold_out(rows, 0.3)
    assert held and len(kept) + len(held) == len(rows)
    assert not {digest(r.messages) for r in kept} & {digest(r.messages) for r in held}
    assert hold_out(rows[::-1], 0.3)[1] == held[::-1], "which ones does not depend on their order"
    with pytest.raises(UsageError, match="none to measure"):
        hold_out(ROWS[:1], 1e-9)
    with pytest.raises(UsageError, match="none to train"):
        hold_out(ROWS[:1], 0.9999999)


def test_the_loss_on_rows_held_out_is_measured_and_they_are_not_trained_on(base, tmp_path):
    settings = replace(SETTINGS, eval_share=0.3, eval_steps=2)
    _, facts = tuned(base, tmp_path, settings)
    kept, held = hold_out(ROWS, 0.3)
    assert facts["rows"] == len(kept) and facts["eval_rows"] == len(held)
    assert [one["step"] for one in facts["eval"]] == list(range(2, facts["steps"] + 1, 2))


def test_training_stops_when_the_loss_rises_and_goes_back_to_the_best(base, tmp_path):
    settings = replace(SETTINGS, epochs=40, lr=2e-2, eval_share=0.3, eval_steps=1, patience=2, schedule="constant")
    loaded, facts = tuned(base, tmp_path, settings)
    found = facts["eval"]
    best = min(found, key=lambda one: one["loss"])
    assert facts["steps"] < 40 * 4 and found[-1]["step"] - best["step"] == 2
    again, _ = tuned(base, tmp_path / "again", replace(settings, epochs=40))
    assert same(weights(loaded), weights(again))
    held = encode_rows(loaded, hold_out(ROWS, 0.3)[1], 1024)
    loss, counted = 0.0, 0
    for ids, labels in zip(held["input_ids"], held["labels"], strict=True):
        learnt = sum(label != IGNORE for label in labels[1:])
        with torch.no_grad():
            loss += learnt * float(loaded.model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss)
        counted += learnt
    loss /= counted
    assert loss == pytest.approx(best["loss"], rel=0.02)


def test_a_logger_of_transformers_gets_the_loss(base, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tuned(base, tmp_path, replace(SETTINGS, report_to=("tensorboard",)))
    folder = next(tmp_path.glob("runs/*"))
    found = EventAccumulator(str(folder)).Reload()
    assert "train/loss" in found.Tags()["scalars"] and len(found.Scalars("train/loss")) >= 6
