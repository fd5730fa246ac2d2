"""The pii scanner: masks and redaction. Every value here is made up or published as an example."""

from __future__ import annotations

import pytest

from holdfast.catalog.scanners import pii
from holdfast.core.errors import UsageError
from holdfast.core.records import Row
from holdfast.scanning.engine import scan_rows

CARD = "4111 1111 1111 1111"  # an example that issuers print as such


def test_no_value_is_told_in_a_why():
    text = f"I am jane.roe@mail.example.org, {CARD}, call +44 20 7946 0958"
    for _, finding in scan_rows([Row("", [{"role": "user", "content": text}])], [pii.make()]):
        assert not any(value in finding.why for value in ("jane", "roe", "4111", "7946", "0958"))


def test_redaction_leaves_the_rest():
    text, count = pii.make().redact(f"a {CARD} b jane.roe@mail.example.org c")
    assert (text, count) == ("a [CARD] b [EMAIL] c", 2)
    assert pii.make().find(text) == []


def test_presidio_is_asked_for_by_name_only():
    try:
        import presidio_analyzer  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match="presidio"):
            pii.make(engine="presidio").prepare(None)
