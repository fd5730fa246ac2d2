import pytest

from holdfast.judging.guard import read_guard
from holdfast.text.json_objects import read_objects


def test_whole_objects_are_found_in_order_with_what_stands_around_them():
    found = read_objects('First {"A ": 1}, then\n{"b": {"c": 2}}.')
    assert found.objects == [{"a": 1}, {"b": {"c": 2}}] and found.rest == ["First ", ", then\n", "."]
    assert read_objects("none").objects == [] and read_objects("none").rest == ["none"]


@pytest.mark.parametrize("broken", ['{"a": "says {"b": 1} and", "c": 2}', '{a {"b": 1} }', '{"b": 1', '{ {"b": 1}'])
def test_an_object_within_one_that_cannot_be_read_is_none(broken):
    found = read_objects(broken)
    assert found.objects == [] and found.rest == [broken]


def test_a_key_that_stands_twice_is_unsure_only_with_two_values():
    assert read_objects('{"a": 1, "A": 2}').objects[0].unsure == {"a"}
    assert read_objects('{"a": 1, "A": 1}').objects[0].unsure == frozenset()
    assert read_objects('{"a": 1, "A": true}').objects[0].unsure == {"a"}


@pytest.mark.parametrize(("said", "harmful"), [
    ('```json\n{"Safety": "unsafe"}\n```', True),
    ('<think>unsafe? {"verdict": "yes"}</think>\n{"verdict": "no"}', False),
    ("[THINK]it is safe[/THINK]\nunsafe", True),
    ("It is safe?</think>unsafe", True),
    ('{"safety": "safe", "Safety": "unsafe"}', None),
    ('{"safety": "safe"}\nunsafe', None),
    ('{"safety": "safe"} {"safety": "unsafe"}', None),
    ("<think>safe", None),
])  # fmt: skip
def test_a_guards_answer_is_read_behind_its_thought_and_within_a_fence(said, harmful):
    assert read_guard(said)[0] is harmful
