"""Options of plug-ins: read from text by pydantic, held against bounds, and refused with the nearest name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import Field

from holdfast.core import registry
from holdfast.core.errors import UsageError
from holdfast.core.options import Optioned, make, options_of, parse, setting, spec_of, typed_options


def function(
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    count: int | None = None,
    kind: Literal["a", "b"] = "a",
    on: bool = False,
    words=None,
    place: Annotated[str | None, Field(description="where")] = None,
    reach: int | float = 1,
):
    """A factory as another package may write one: its parameters are its options."""


@dataclass(eq=False)
class Plugin(Optioned):
    rho: float = setting(1.0, "how strongly", low=0)
    layers: int | None = setting(None, "how many", low=1, high=4)
    style: str = setting("plain", "which", choices=("plain", "matched"))
    free: int = setting(3, "anything")
    name = "mine"
    kind = "defence"


def typed(factory, **given):
    return typed_options("defences", "mine", factory, given)


def test_texts_become_values_of_the_declared_types():
    found = typed(function, share="0.25", count="3", kind="b", on="yes", words="x, y", reach="2.5")
    assert found == {"share": 0.25, "count": 3, "kind": "b", "on": True, "words": "x, y", "reach": 2.5}
    assert typed(function, count="auto", place="auto") == {"count": None, "place": None}
    assert typed(Plugin, rho="2", layers="none") == {"rho": 2.0, "layers": None}
    assert type(typed(function, reach="2")["reach"]) is int


@pytest.mark.parametrize(
    ("factory", "given", "message"),
    [
        (function, {"share": "many"}, "`many` is no number for share"),
        (function, {"share": "1"}, "share must be between 0 and 1 (got 1)"),
        (function, {"share": "0"}, "share must be between 0 and 1 (got 0)"),
        (function, {"count": "2.5"}, "`2.5` is no whole number or auto for count"),
        (function, {"kind": "c"}, "kind must be a or b (got 'c')"),
        (function, {"on": "perhaps"}, "on must be yes or no (got 'perhaps')"),
        (Plugin, {"rho": "-1"}, "rho must be at least 0 (got -1)"),
        (Plugin, {"rho": "nan"}, "rho must be a number (got 'nan')"),
        (Plugin, {"layers": "5"}, "layers must be at most 4 (got 5)"),
        (Plugin, {"style": "x"}, "style must be plain or matched (got 'x')"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_a_sentence(factory, given, message):
    with pytest.raises(UsageError) as caught:
        typed(factory, **given)
    assert str(caught.value) == f"the defence `mine`: {message}" and "its options:" in caught.value.hint


@pytest.mark.parametrize(
    "wrong", [{"rho": -1.0}, {"rho": float("nan")}, {"rho": "2"}, {"layers": 1.5}, {"layers": True}, {"style": "x"}]
)
def test_values_from_code_are_held_against_the_same_bounds(wrong):
    with pytest.raises(UsageError, match="the defence `mine`"):
        Plugin(**wrong)


def test_a_value_from_code_without_a_bound_is_taken_as_it_is():
    assert Plugin(rho=2, layers=None, free=-7).free == -7


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(UsageError, match="has no option `roh`") as caught:
        typed(Plugin, roh="1")
    assert "did you mean `rho`?" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        typed(lambda: None, rho="1")
    assert caught.value.hint == "it has no options"


def test_a_factory_that_takes_anything_is_given_the_text():
    assert typed(lambda **options: None, rho="1") == {"rho": "1"}


def test_every_option_says_its_kind_its_default_and_its_meaning():
    assert options_of(Plugin) == {
        "rho": ("number", "1", "how strongly"),
        "layers": ("whole number or auto", "auto", "how many"),
        "style": ("plain|matched", "plain", "which"),
        "free": ("whole number", "3", "anything"),
    }
    assert options_of(function)["place"] == ("text or auto", "auto", "where")
    assert options_of(function)["words"] == ("text", "auto", "") and options_of(function)["on"][0] == "yes|no"


def test_the_spec_is_read_back():
    plugin = Plugin(rho=2.5, layers=2)
    name, given = parse(spec_of(plugin))
    assert name == "mine" and Plugin(**typed(Plugin, **given)) is not plugin
    assert spec_of(Plugin(**typed(Plugin, **given))) == spec_of(plugin) == "mine:rho=2.5,layers=2,style=plain,free=3"
    assert spec_of(plugin, brief=True) == "mine:rho=2.5,layers=2"


@pytest.mark.parametrize("kind", ["defences", "repairs", "scanners", "probes", "judges"])
def test_every_plug_in_says_what_its_options_are_for(kind):
    for name in registry.BUILT_IN[kind]:
        assert all(about for _, _, about in options_of(registry.load(kind, name)).values()), name


def test_a_plug_in_of_another_package_gets_what_it_lacks(monkeypatch):
    class Bare:
        name = "bare"
        needs_base = False

        def __init__(self, depth: int = 1):
            self.depth = depth

        def run(self, request):
            return {}

    monkeypatch.setattr(registry, "load", lambda kind, name: Bare)
    made = make("probes", "bare:depth=3")
    assert made.depth == 3 and made.spec == "bare:depth=3" and made.needs_weights and not made.needs_rows
    with pytest.raises(UsageError, match="has no option `dept`"):
        make("probes", "bare:dept=3")
