"""Private values are masked however they are written, and nothing else is."""

from __future__ import annotations

import random
import time

import pytest

from holdfast.core.records import Prompt
from holdfast.text.private_mask import PrivateValues, mask, values_of

SEEN = [
    ("Call 555-0147 x12.", "(555) 0147", "Call [private value 1] x12."),
    ("it is 5550147", "555-0147", "it is [private value 1]"),
    ("+495550147000", "555 0147", "+49[private value 1]000"),
    ("Write ADA@Example.org!", "ada@example.org", "Write [private value 1]!"),
    ("José Ñandú lives", "jose nandu", "[private value 1] lives"),
    ("ＡＢＣ１２３ x", "abc123", "[private value 1] x"),
    ("5\u200b5\u200b5\u200b0\u200b1\u200b47", "5550147", "[private value 1]"),
    ("名字是李明。", "李明", "名字是[private value 1]。"),
    ("her pin is 4711.", "4711", "her pin is [private value 1]."),
]
UNSEEN = [
    ("14711 and 47112", "4711"),  # a short value inside a longer number
    ("bandana", "Dan"),
    ("a 1 b", "1"),
    ("5 cups, then 5 more - and - after 50 minutes 147", "5550147"),
    ("nothing", ""),
    ("nothing", "???"),
]


@pytest.mark.parametrize(("text", "value", "expected"), SEEN)
def test_a_value_is_masked_however_it_is_written(text, value, expected):
    assert mask(text, [value]) == expected


@pytest.mark.parametrize(("text", "value"), UNSEEN)
def test_what_is_no_value_stays(text, value):
    assert mask(text, [value]) == text


def test_equal_values_have_one_number_and_other_values_others():
    values = PrivateValues(["12 North Lane", "12 north lane", "Ada Bird"])
    assert (
        values.mask("Ada Bird, 12 NORTH LANE; 12 north  lane")
        == "[private value 3], [private value 1]; [private value 1]"
    )
    assert values.found("ada bird of 12 north lane") == [1, 3]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["north lane 12", "12 york"], "north lane 12 york"),
        (["north", "north lane"], "north lane"),
        (["north lane", "north"], "north lane"),
    ],
)
def test_values_that_overlap_leave_no_rest(values, text):
    assert mask(text, values).count("[") == 1 and mask(text, values).endswith("]")


def test_strings_in_lists_and_objects_are_masked():
    values = PrivateValues(["Ada Bird"])
    turns = [{"role": "user", "content": [{"type": "text", "text": "who is ada bird?"}]}, {"n": 3}]
    assert values.mask_in(turns) == [
        {"role": "user", "content": [{"type": "text", "text": "who is [private value 1]?"}]},
        {"n": 3},
    ]


def test_prompts_name_their_values():
    prompts = [Prompt(str(i), "privacy", "c", [], {"private": ["0170 11", f"0170 9{i}"]}) for i in range(3)]
    assert values_of(prompts).mask("0170-11 0170-92") == "[private value 1] [private value 4]"
    assert not values_of([Prompt("p", "policy", "c", [])])


def test_ten_thousand_values_are_found_as_a_plain_search_finds_them_and_quickly():
    draw = random.Random(0)
    values = [f"{draw.randrange(10**9):09d}" for _ in range(10_000)]
    planted = [draw.choice(values) for _ in range(200)]
    text = " and ".join(f"call {value} now" for value in planted)
    known = PrivateValues(values)
    began = time.monotonic()
    masked = known.mask(text)
    assert time.monotonic() - began < 1
    assert masked.count("[private value") == 200 and not any(value in masked for value in planted)
