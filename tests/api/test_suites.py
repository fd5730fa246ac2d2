"""Which suites a run asks, by the command line, on a real architecture with random weights."""

from __future__ import annotations

import json

import pytest

from calling import call, document
from holdfast.api.audit_settings import AuditSettings
from holdfast.api.repair_settings import RepairSettings
from holdfast.api.repair_stage import open_splits
from holdfast.api.suites import FIRST_LOOK, open_suites
from holdfast.core.errors import UsageError
from holdfast.core.runs import read_jsonl
from holdfast.core.worlds import REAL
from holdfast.guild import GUILD

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


# ---- without a model --------------------------------------------------------------------------------------------


def sizes(suites):
    return {suite.name: len(suite.prompts) for suite in suites}


def test_the_first_look_is_said_and_a_limit_or_a_repair_asks_more():
    said = []
    first = open_suites(AuditSettings(model="m"), REAL, tell=said.append, first_look=FIRST_LOOK)
    assert sizes(first) == dict.fromkeys(("policy", "over-refusal", "utility"), FIRST_LOOK)
    assert sum("a first look: 120 prompts" in text for text in said) == 1
    said.clear()
    every = open_suites(AuditSettings(model="m", limit=1000), REAL, tell=said.append, first_look=FIRST_LOOK)
    assert sizes(every)["policy"] > 300 and not any("first look" in text for text in said)
    with pytest.raises(UsageError, match="no suite `polcy`"):
        open_suites(AuditSettings(model="m", suite=["polcy"]), REAL)
    assert open_suites(AuditSettings(model="m"), REAL, needed=False) == []


def test_a_repair_chooses_and_reports_on_halves_that_share_no_item():
    settings = RepairSettings(base="a", tuned="b")
    choosing, reporting = open_splits(settings, REAL, print)
    assert sizes(choosing).keys() == sizes(reporting).keys() == {"policy", "over-refusal", "utility"}
    for one, other in zip(choosing, reporting, strict=True):
        assert not {p.group for p in one.prompts} & {p.group for p in other.prompts}
    assert sum(len(suite.prompts) for suite in (*choosing, *reporting)) == 660 + 330 + 300


def test_replies_are_short_only_where_their_beginning_is_read():
    def tokens(world=REAL, **given):
        return AuditSettings(model="m", **given).generate_options(world).max_new_tokens

    assert tokens() == tokens(judge="refusal") == tokens(suite=["policy-zh"]) == 64
    assert tokens(judge="llm", judge_url="http://x") == tokens(prompts="own.jsonl") == tokens(records="r.csv") == 256
    assert tokens(probe=["canaries"]) == 256
    assert tokens(world=GUILD) == 48 and tokens(max_new_tokens=7) == 7


def test_private_records_are_asked_alone_or_beside_a_suite_that_is_named(tmp_path):
    file = tmp_path / "records.jsonl"
    file.write_text(
        '{"name": "Bodo Vale", "email": "bodo@example.org"}\n{"name": "Ada Moss", "email": "am@example.org"}\n'
    )
    assert sizes(open_suites(AuditSettings(model="m", records=str(file)), REAL)) == {"privacy": 2}
    beside = AuditSettings(model="m", records=str(file), suite=["policy"], limit=4)
    assert sizes(open_suites(beside, REAL)) == {"privacy": 2, "policy": 4}
