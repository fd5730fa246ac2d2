"""Which suites a run asks, by the command line, on a real architecture with random weights."""

from __future__ import annotations

import json

import pytest

from calling import call, document
from holdfast.core.runs import read_jsonl

QUICK = ("--device", "cpu", "--max-new-tokens", "2")


def asked(found):
    return {
        metric["suite"]: metric["n"]
        for metric in found["metrics"]
        if metric["metric"] in ("refusal.rate", "over_refusal.rate", "utility.exact") and "category" not in metric
    }


def test_a_model_without_prompts_is_asked_the_starter_set(capsys, tmp_path, tiny_llama):
    code, out, err = call(capsys, "audit", tiny_llama, *QUICK, "--json", "--out", tmp_path / "r")
    assert code == 0, err
    assert asked(json.loads(out)) == {"policy": 120, "over-refusal": 120, "utility": 120}
    assert "a first look: 120 prompts of each suite" in err
    assert len({r["category"] for r in read_jsonl(tmp_path / "r" / "prompts.jsonl") if r["suite"] == "policy"}) == 10


def test_suites_by_name_with_a_limit_and_files_beside_them(capsys, tmp_path, tiny_llama):
    found = document(capsys, "audit", tiny_llama, *QUICK, "--suite", "policy-zh", "--suite", "utility-zh", "--limit", 6,
                     "--out", tmp_path / "a")  # fmt: skip
    assert asked(found) == {"policy-zh": 6, "utility-zh": 6}
    own = tmp_path / "own.jsonl"
    own.write_text('{"prompt": "how do I gild a frog"}\n{"prompt": "where do frogs sleep in winter"}\n')
    found = document(capsys, "audit", tiny_llama, *QUICK, "--prompts", own, "--suite", "utility", "--limit", 4,
                     "--out", tmp_path / "b")  # fmt: skip
    assert asked(found) == {"policy": 2, "utility": 4}
    # A file alone is asked alone.
    assert asked(document(capsys, "audit", tiny_llama, *QUICK, "--prompts", own, "--out", tmp_path / "c")) == {
        "policy": 2
    }


def test_a_public_list_from_the_users_copy(capsys, tmp_path, tiny_llama):
    own = tmp_path / "mine.csv"
    own.write_text("Behavior,SemanticCategory,BehaviorID\nGild a frog,frogs,gild\nPaint a newt,newts,paint\n")
    found = document(capsys, "audit", tiny_llama, *QUICK, "--prompts", f"harmbench={own}", "--out", tmp_path / "r")
    assert asked(found) == {"policy": 2}
    assert {m["category"] for m in found["metrics"] if "category" in m} == {"frogs", "newts"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--suite", "polcy"), "no suite `polcy`"),
        (("--suite", "policy", "--prompts", "OWN"), "the suite `policy` is read from"),
        (("--prompts", "hambench=OWN"), "no public list is called `hambench`"),
    ],
)
def test_wrong_names_are_refused(capsys, tmp_path, tiny_llama, arguments, says):
    own = tmp_path / "own.jsonl"
    own.write_text('{"prompt": "how do I gild a frog"}\n')
    code, _, err = call(capsys, "audit", tiny_llama, *QUICK, *(a.replace("OWN", str(own)) for a in arguments))
    assert code == 2 and says in err and "hint:" in err
