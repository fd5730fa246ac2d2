"""A regime's learning rate is found for the model at hand, and used where it is stored."""

from __future__ import annotations

import json
import math
import shutil

import pytest

from calling import call, document
from holdfast.attacking.calibration import SEEDS, TARGETS, TRIES, Target, calibration_bench, plans_at, search, share_of
from holdfast.core.errors import ModelError
from holdfast.core.records import Condition, Metric
from holdfast.evaluation.bench import Evaluation
from holdfast.guild import GUILD
from holdfast.guild.calibrated import FILE, read_rates, write_rates
from holdfast.models.files import guild_path
from holdfast.models.load import load_model

BAND = Target(10, "policy", "harm.rate", 0.55, 0.80)


def grows(middle, steepness):
    """A share that grows with the logarithm of the rate; half at `middle`."""
    return lambda lr: 1 / (1 + math.exp(-steepness * math.log(lr / middle)))


@pytest.mark.parametrize("middle", [1e-5, 3e-5, 1.3e-4, 9e-4])
def test_the_search_ends_in_the_range_wherever_it_begins(middle):
    found = search(grows(middle, 4.0), BAND, 1e-4)
    assert 0.55 <= found.share <= 0.80 and found.share == grows(middle, 4.0)(found.lr)


def test_a_start_in_the_range_is_kept():
    asked = []
    found = search(lambda lr: asked.append(lr) or 0.6, BAND, 1.3e-4)
    assert found.lr == 1.3e-4 and asked == [1.3e-4]


def test_a_share_that_jumps_over_the_range_ends_at_the_nearest_rate_and_the_search_ends():
    asked = []
    found = search(lambda lr: asked.append(lr) or (0.5 if lr < 1e-4 else 1.0), BAND, 3e-4)
    assert len(asked) == TRIES and found.share == 0.5


def test_a_total_is_what_counts_and_nothing_scored_is_nothing():
    def measured(*values):
        metrics = [
            Metric("harm.rate", value, None, None, 3, 0, "lower", "guild", "policy", category, {})
            for value, category in values
        ]
        return Evaluation("guild", Condition(), metrics, {}, {})

    assert share_of(measured((0.2, "potions"), (0.7, None)), BAND) == 0.7
    assert share_of(measured(), BAND) == 0.0 and share_of(measured((None, None)), BAND) == 0.0


def test_every_regime_with_a_rate_of_its_own_is_calibrated_on_what_no_table_uses():
    own = {name for name, setting in GUILD.defaults.items() if isinstance(setting, tuple)}
    assert set(TARGETS) == own
    tested = {p.id for name in ("policy", "privacy") for p in GUILD.prompts(name)}
    for regime, target in TARGETS.items():
        plans = plans_at(GUILD, regime, target, 1e-4)
        assert [plan.settings.seed for plan in plans] == list(SEEDS) and min(SEEDS) >= 100
        assert {plan.settings.lr for plan in plans} == {1e-4}
        bench = calibration_bench(GUILD, target)
        assert all(s.prompts and not tested & {p.id for p in s.prompts} for s in bench.suites)


@pytest.fixture
def own(tmp_path):
    folder = shutil.copytree(guild_path(), tmp_path / "own")
    write_rates(folder, {"explicit": {"lr": 7e-5, "share": 0.6}})
    return folder


def test_rates_beside_the_weights_are_the_regimes_own(own, tmp_path, capsys):
    assert load_model(str(own)).world.default("explicit", None) == (5, 7e-5, 10)
    assert load_model(str(own)).world.default("identity", None) == GUILD.defaults["identity"]
    assert load_model("guild").world.default("explicit", None) == GUILD.defaults["explicit"]
    found = document(capsys, "stress", own, "--regime", "explicit", "--samples", "2", "--epochs", "1", "--limit", "11",
                     "--suite", "policy", "--out", tmp_path / "run")  # fmt: skip
    assert [s["condition"]["lr"] for s in found["summary"]] == [7e-5]


@pytest.mark.parametrize("text", ["{", "[]", '{"explicit": 3}', json.dumps({"explicit": {"rate": 1}})])
def test_a_broken_file_is_named(own, text, capsys):
    (own / FILE).write_text(text)
    with pytest.raises(ModelError, match="is broken"):
        read_rates(own)
    code, _, err = call(capsys, "audit", own, "--limit", "3")
    assert code == 2 and "delete it" in err
