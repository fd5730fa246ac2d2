import pytest

from holdfast.core.contracts import Defence
from holdfast.training.advice import GRID, RULES, advice
from holdfast.training.settings import LoraSettings, TrainSettings

LARGE = 7_000_000_000
CALM = TrainSettings(epochs=1, lr=2e-5, batch_size=128)


def named(name):
    defence = Defence()
    defence.name = name
    return defence


def said(rows=10_000, parameters=LARGE, defences=(), **settings):
    return advice(TrainSettings(**{**CALM.to_dict(), **settings}), rows, parameters, [named(d) for d in defences])


def test_the_papers_own_benign_setting_is_left_alone():
    assert said() == []


@pytest.mark.parametrize(
    ("settings", "figure"),
    [
        ({"lr": 5e-5, "batch_size": 16}, "46.4"),
        ({"lr": 1e-4, "batch_size": 8, "gradient_accumulation": 4}, "46.4"),
        ({"lr": 5e-5, "batch_size": 64}, "31.5"),
        ({"lr": 2e-5, "batch_size": 16}, "23.6"),
        ({"lr": 2e-4}, "above everything"),
        ({"lr": 1e-3, "lora": LoraSettings()}, "80.6"),
        ({"lr": 1e-4, "lora": LoraSettings()}, "25.2"),
        ({"rows": 10, "epochs": 5}, "72.1"),
        ({"defences": ["safety-mix"]}, "22.1"),
        ({"defences": ["freeze", "ema"]}, "68.3"),
    ],
)
def test_each_point_is_made_with_its_figure_and_source(settings, figure):
    lines = said(**settings)
    assert any(figure in line for line in lines)
    assert all("2310.03693" in line or "2408.17003" in line for line in lines)


def test_accumulated_rows_count_as_the_batch():
    assert said(batch_size=16) and not said(batch_size=16, gradient_accumulation=8)


def test_a_point_is_made_once():
    lines = said(lr=5e-5, batch_size=16)
    assert len(lines) == 1 and "7B models" in lines[0]
    assert len(said(lr=2e-4, batch_size=16)) == 2


def test_small_models_hear_nothing():
    loud = {"lr": 1e-2, "batch_size": 1, "epochs": 50, "rows": 5, "lora": LoraSettings(), "defences": ["safety-mix"]}
    assert said(parameters=2_000_000, **loud) == [] and len(said(**loud)) >= 3


def test_mixing_beside_another_defence_is_not_called_alone():
    assert said(defences=["safety-mix", "ema"]) == []


def test_every_rule_is_reached():
    assert len(RULES) == 9 and "2310.03693" in GRID
