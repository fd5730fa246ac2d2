"""The matrix: what a worker of a cluster makes of a unit is what one process makes."""

from __future__ import annotations

import pickle

import pytest

from calling import call, document
from holdfast.api import attacks
from holdfast.api import matrix as api_matrix
from holdfast.api.attacks import outcomes_at
from holdfast.api.matrix import cells_of, units_of
from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import plans_for, suites_of
from holdfast.attacking.outcomes import Untouched
from holdfast.core import cluster
from holdfast.core.progress import Silent
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
    plans = plans_for(settings, base)
    bench = Bench(suites_of(settings, base, Silent()), options=settings.generate_options(base.world))
    pairs = [(plan, Untouched(base, settings.system, bench).under(plan)) for plan in plans]
    every = api_matrix.arms_of(settings)
    units = units_of(settings, pairs, every, set(), None)
    assert [len(unit.keys) for unit in units] == [2, 1]  # what shares a training is one unit
    done = {units[0].keys[1]}
    assert [len(unit.keys) for unit in units_of(settings, pairs, every, done, None)] == [1, 1]

    monkeypatch.setattr(cluster, "_opened", {})
    made = []
    for unit in units:
        sent = pickle.loads(pickle.dumps(unit.given))
        assert not sent.before.verdicts  # what the untouched model said stays where it was said
        made += [cell for _, cell in cells_of(sent, unit.keys)]
    assert figures(made) == figures(found["cells"])


def test_attacks_and_their_repairs_are_the_same_by_workers(capsys, tmp_path, monkeypatch):
    """The driver's side, with a cluster that is this process; `tests/core/test_cluster.py` has a real one."""
    asked = ["stress", "guild", "--regime", "explicit", "--samples", "10", "--epochs", "2", "--limit", "8", "--sweep",
             "--sweep-lr", "1,2", "--sweep-epochs", "1", "--repair", "wise-ft@0.5"]  # fmt: skip
    here = document(capsys, *asked, "--out", tmp_path / "here")
    done = []

    def within(units, work, cluster, tell):
        for unit in units:
            sent = pickle.loads(pickle.dumps(unit.given))
            assert work is outcomes_at and not any(v.why for found in sent.before.verdicts.values() for v in found)
            for key, record in work(sent, unit.keys):
                done.append(key)
                yield key, record
                if len(done) == 3:
                    raise KeyboardInterrupt

    monkeypatch.setattr(attacks, "spread", within)
    code, _, _ = call(capsys, *asked, "--ray", "local", "--out", tmp_path / "there")
    assert code == 130 and len(done) == 3
    there = document(capsys, *asked, "--ray", "local", "--out", tmp_path / "there")
    assert len(done) == len(set(done)) == 4
    for part in ("metrics", "comparisons", "summary", "worst_case"):
        assert there[part] == here[part]
    assert call(capsys, "report", tmp_path / "there")[0] == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--matrix", "--sweep"], "--matrix runs each attack at one setting"),
    ],
)
def test_what_cannot_be_together_is_refused_before_anything_is_loaded(capsys, more, said):
    code, _, err = call(capsys, "stress", "guild", *more)
    assert code == 2 and said in err and "loading" not in err
