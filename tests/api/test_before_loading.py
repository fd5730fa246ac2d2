"""What can be known without a model is told before one is loaded."""

from __future__ import annotations

import json

import pytest

from calling import call
from tiny import make_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory, data):
    return make_tiny("llama", tmp_path_factory.mktemp("real"), data)


@pytest.fixture
def loads(monkeypatch):
    """The models that were loaded."""
    from holdfast.models import load

    found = []
    original = load._load_weights
    monkeypatch.setattr(load, "_load_weights", lambda *a: found.append(a[0]) or original(*a))
    return found


@pytest.fixture
def files(tmp_path):
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps({"prompt": f"how does thing {i} work?"}) + "\n" for i in range(6)))
    torn = tmp_path / "torn.jsonl"
    torn.write_text('{"prompt": "whole"}\n{"prompt": \n')
    return {"FEW": str(few), "TORN": str(torn), "NONE": str(tmp_path / "none.jsonl")}


WRONG = [
    (("audit", "MODEL", "--prompts", "NONE"), 2, "none.jsonl"),
    (("audit", "MODEL", "--prompts", "TORN"), 2, "torn.jsonl"),
    (("audit", "MODEL", "--prompts", "FEW", "--utility-prompts", "NONE"), 2, "none.jsonl"),
    (("audit", "MODEL", "--base", "no/such/base/at/all"), 2, "no/such/base"),
    (("audit", "MODEL", "--also", "no/such/copy/at/all"), 2, "no/such/copy"),
    (("audit", "MODEL", "--suite", "polcy"), 2, "policy"),
    (("audit", "MODEL", "--judge", "refusals"), 2, "refusal"),
    (("audit", "MODEL", "--judge-error", "NONE"), 2, "none.jsonl"),
    (("audit", "MODEL", "--chat-template", "NONE"), 2, "none.jsonl"),
    (("audit", "MODEL", "--template-arg", "thinking"), 2, "thinking"),
    (("audit", "MODEL", "--records", "NONE"), 2, "none.jsonl"),
    (("audit", "MODEL", "--tuning-data", "NONE"), 2, "none.jsonl"),
    (("tune", "MODEL", "FEW", "--prompts", "NONE"), 2, "none.jsonl"),
    (("stress", "MODEL", "--regime", "benign", "--rows", "NONE"), 2, "none.jsonl"),
    (("stress", "MODEL", "--regime", "benign", "--prompts", "NONE"), 2, "none.jsonl"),
    (("repair", "MODEL", "no/such/tuned/model", "--prompts", "FEW"), 2, "no/such/tuned"),
    (("repair", "MODEL", "MODEL", "--method", "wise-ft", "--prompts", "FEW"), 5, "it takes"),
    (("repair", "MODEL", "MODEL", "--method", "wise-ft", "--prompts", "FEW", "--safety-rows", "NONE"), 2, "none.jsonl"),
    (("align", "MODEL", "--prompts", "NONE"), 2, "none.jsonl"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), WRONG, ids=[" ".join(a) for a, _, _ in WRONG])
def test_a_mistake_is_told_before_a_model_is_loaded(capsys, model, files, loads, arguments, code, says):
    given = [files.get(one, str(model) if one == "MODEL" else one) for one in arguments]
    found, _, err = call(capsys, *given)
    assert found == code and says in err and "hint:" in err, err
    assert not loads
