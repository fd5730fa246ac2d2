"""The matrix: what a worker of a cluster makes of a unit is what one process makes."""

from __future__ import annotations

import pickle

import pytest

from calling import call, document
from holdfast.api import matrix as api_matrix
from holdfast.api.matrix import cells_of, open_plans, units_of
from holdfast.api.stress_settings import StressSettings
from holdfast.attacking.outcomes import Untouched
from holdfast.evaluation.bench import Bench
from holdfast.models.load import ModelOptions, load_model

ASKED = [
    "stress", "guild", "--matrix", "--regime", "explicit", "--samples", "10", "--epochs", "2", "--limit", "8",
    "--defence", "kl", "--repair", "wise-ft@0.5",
]  # fmt: skip


def figures(cells):
    return {cell["key"]: (cell["metrics"], cell["before"], cell.get("strength")) for cell in cells}


def test_a_worker_makes_the_cells_that_one_process_makes(capsys, tmp_path, monkeypatch):
    found = document(capsys, *ASKED, "--out", tmp_path / "run")
    assert [cell["arm"] for cell in found["cells"]] == ["nothing", "kl", "wise-ft@0.5"]

    settings = StressSettings(
        model="guild", matrix=True, regime=["explicit"], samples=[10], epochs=2, limit=8, defence=["kl"],
        repair=["wise-ft@0.5"],
    )  # fmt: skip
    base = load_model("guild", ModelOptions())
    plans = open_plans(settings, base)
    bench = Bench(
        api_matrix.suites_of(settings, base, api_matrix.Silent()), options=settings.generate_options(base.world)
    )
    pairs = [(plan, Untouched(base, settings.system, bench).under(plan)) for plan in plans]
    every = api_matrix.arms_of(settings)
    units = units_of(settings, pairs, every, set(), None)
    assert [len(unit.keys) for unit in units] == [2, 1]  # what shares a training is one unit
    done = {units[0].keys[1]}
    assert [len(unit.keys) for unit in units_of(settings, pairs, every, done, None)] == [1, 1]

    monkeypatch.setattr(api_matrix, "_labs", {})
    made = []
    for unit in units:
        sent = pickle.loads(pickle.dumps(unit.given))
        assert not sent.before.verdicts  # what the untouched model said stays where it was said
        made += [cell for _, cell in cells_of(sent, unit.keys)]
    assert figures(made) == figures(found["cells"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--ray", "local"], "--ray spreads the cells of a matrix"),
        (["--matrix", "--sweep"], "--matrix runs each attack at one setting"),
    ],
)
def test_what_cannot_be_together_is_refused_before_anything_is_loaded(capsys, more, said):
    code, _, err = call(capsys, "stress", "guild", *more)
    assert code == 2 and said in err and "loading" not in err
