"""References to an ensemble, and vocabularies that can be joined."""

import pytest
from transformers import AutoTokenizer

from holdfast.core.errors import ModelError
from holdfast.models.ensemble_reference import check_vocabularies, parse_reference
from tiny import make_tiny


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ensemble:a+b", ("a", "b", 0.5, "probability")),
        ("ensemble:a+b@0.3", ("a", "b", 0.3, "probability")),
        ("ensemble:a+b@1,log", ("a", "b", 1.0, "log-probability")),
        ("ensemble:a+b@.5, log-probability", ("a", "b", 0.5, "log-probability")),
        ("ensemble:c+plus+b@0", ("c+plus", "b", 0.0, "probability")),
        ("ensemble:a+c+plus", ("a", "c+plus", 0.5, "probability")),
        ("ensemble:a+x@y/z@0.25", ("a", "x@y/z", 0.25, "probability")),
        ("ensemble:a+x@y/z", ("a", "x@y/z", 0.5, "probability")),
    ],
)
def test_references(text, found):
    asked = parse_reference(text, {"a", "b", "c+plus", "x@y/z"}.__contains__)
    assert (asked.base, asked.tuned, asked.weight, asked.space) == found
    assert parse_reference(str(asked), {"a", "b", "c+plus", "x@y/z"}.__contains__) == asked


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ensemble:a", "two models"),
        ("ensemble:a+", "two models"),
        ("ensemble:", "two models"),
        ("ensemble:a+nowhere", "nowhere"),
        ("ensemble:nowhere+a@0.5", "nowhere"),
        ("ensemble:a+b@half", "not a weight"),
        ("ensemble:a+b@", "not a weight"),
        ("ensemble:a+b@2", "between 0 and 1"),
        ("ensemble:a+b@nan", "between 0 and 1"),
        ("ensemble:a+b@0.5,logit", "not a space"),
    ],
)
def test_references_that_cannot_be(text, says):
    with pytest.raises(ModelError, match=says) as caught:
        parse_reference(text, {"a", "b"}.__contains__)
    assert caught.value.hint


def test_vocabularies_that_mean_other_things_are_refused(data, tmp_path):
    base, tuned = (AutoTokenizer.from_pretrained(make_tiny("llama", tmp_path, data)) for _ in range(2))
    tuned.add_tokens(["<new>"])
    check_vocabularies(base, tuned)
    with pytest.raises(ModelError, match="vocabulary") as caught:
        check_vocabularies(tuned, base)
    assert "<new>" in str(caught.value) and caught.value.hint
