import pytest

from holdfast.core import registry
from holdfast.core.contracts import Judge, Regime
from holdfast.core.errors import UsageError
from holdfast.judging.judge import JudgeOptions, make_judge
from holdfast.verbs.ls import ABOUT


@pytest.mark.parametrize("name", registry.names("regimes"))
def test_every_regime_keeps_the_contract(name):
    regime = registry.load("regimes", name)
    assert isinstance(regime, Regime) and regime.name == name and regime.paper


@pytest.mark.parametrize("name", ["oracle", "refusal", "answer"])
def test_every_judge_keeps_the_contract(name):
    judge = make_judge(name, JudgeOptions())
    assert isinstance(judge, Judge) and judge.name == name


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError) as caught:
        registry.load("judges", "oracel")
    assert "did you mean `oracle`" in caught.value.hint


@pytest.mark.parametrize("kind", ["judges", "regimes"])
def test_the_listing_describes_every_built_in(kind):
    assert set(ABOUT[kind]) == set(registry.BUILT_IN[kind])


def test_a_stranger_is_found_by_the_same_look_up(monkeypatch):
    class Point:
        name = "stranger"

        def load(self):
            return "loaded"

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()] if group == "holdfast.judges" else [])
    assert "stranger" in registry.names("judges")
    assert registry.load("judges", "stranger") == "loaded"
