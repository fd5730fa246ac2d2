"""What a plug-in lacks is filled in from its contract, and rows in hand are what scanners are promised."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from holdfast.core import registry
from holdfast.core.batch import Batch, Turn, Words
from holdfast.core.contracts import CONTRACTS, Defence, Judge, complete
from holdfast.core.records import Row
from holdfast.data.batch import RowBatch


def test_a_plug_in_keeps_its_own_and_is_given_the_rest():
    @dataclass(frozen=True)
    class Frozen:
        name: str = "mine"
        facts: dict | None = None

    judge = complete(Frozen(facts={"a": 1}), Judge)
    assert judge.facts == {"a": 1} and judge.own_words == frozenset() and judge.name == "mine"


def test_a_bare_defence_has_every_attribute_that_is_read():
    class Bare:
        name = "bare"

    made = complete(Bare(), Defence)
    assert (made.name, made.idle, made.off, made.needs, made.notes) == ("bare", False, {}, frozenset(), ())
    assert made.refuses_lora == "" and made.train_template is None and made.test_system is None


@pytest.mark.parametrize("kind", list(CONTRACTS))
def test_there_is_a_contract_for_a_known_kind(kind):
    assert kind in registry.BUILT_IN


def test_rows_in_hand_have_what_scanners_are_promised():
    batch = RowBatch([Row("a", [{"role": "user", "content": "Hello there"}])])
    for contract, given in ((Batch, batch), (Turn, batch.turns[0]), (Words, batch.words)):
        assert all(hasattr(given, name) for name in vars(contract) if not name.startswith("_"))
