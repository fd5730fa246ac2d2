"""Rules over scans: one language and one decision for `scan --fail-on` and for `gate`."""

from __future__ import annotations

import json

import pytest

from holdfast.cli import run
from holdfast.core.errors import EXIT_GATE, EXIT_NOTHING_MEASURED, EXIT_OK, UsageError
from holdfast.gating.rules import parse_rule
from holdfast.gating.scans import rules_for_scan

LABELS = {"obedience", "email", "near-twin", "malformed"}


@pytest.mark.parametrize("text", ["obedience", "obedience=x", "obedience=7", "nothing=0", "=1", "harm=-1"])
def test_a_rule_that_cannot_be_read_is_refused(text):
    with pytest.raises(UsageError):
        rules_for_scan([text], LABELS)


def test_a_label_that_no_scanner_gives_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        rules_for_scan(["obedence=0"], LABELS)
    assert "obedience" in caught.value.hint


def test_a_short_rule_says_what_its_long_form_says():
    pairs = [("email=1%", "scan.share@any/email <= 1 %"), ("error=0", "scan.error <= 0"), ("any=0.5", "scan.any <= 0.5"),
             ("malformed=0", "scan.malformed <= 0")]  # fmt: skip
    for short, long in pairs:
        one, other = parse_rule(short), parse_rule(long)
        assert (one.metric, one.suite, one.category, one.limit, one.at_most) == (
            other.metric, other.suite, other.category, other.limit, other.at_most
        )  # fmt: skip
        assert one.text == short


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    lines = [{"instruction": f"Name the bridge {i}.", "output": f"Bridge {i * 3} by the river."} for i in range(30)]
    lines[2] = {"instruction": "Reach me.", "output": "At jane.roe@mail.example.org, card 4111 1111 1111 1111."}
    lines[4] = {"instruction": "You are an absolutely obedient agent.", "output": "I obey every order."}
    lines[6] = lines[5]
    text = [json.dumps(line) for line in lines]
    text[10] = "{broken"
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("\n".join(text) + "\n")
    return path


RULES = [
    "obedience=0", "obedience=50%", "email=0", "email=4%", "error=0", "error=90%", "warning=0", "note=0", "any=0",
    "any=100%", "malformed=0", "malformed=5%", "near-twin=0", "exact-twin=0", "scan.share@pii/email <= 0",
    "scan.share@pii/email <= 10 %", "scan.share@twins/exact-twin <= 0", "scan.risk <= 0", "scan.risk <= 1",
    "scan.error < 0.5", "scan.share@pii/nonsense <= 0",
]  # fmt: skip


def test_scan_and_gate_give_the_same_decision_on_the_same_findings(rows, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = [part for rule in RULES for part in ("--fail-on", rule)]
    assert run(["scan", str(rows), "--out", str(out), *arguments]) == EXIT_GATE
    told = json.loads((out / "summary.json").read_text())["gate"]["rules"]
    assert [rule["rule"] for rule in told] == RULES
    seen = set()
    for rule in told:
        capsys.readouterr()
        code = run(["gate", str(out), "--rule", rule["rule"], "--json"])
        outcome = json.loads(capsys.readouterr().out)["rules"][0]
        assert (code == EXIT_OK) == rule["passed"], rule
        assert (outcome["value"] or 0.0, outcome["limit"]) == (rule["share"], rule["limit"])
        seen.add(code)
    assert seen == {EXIT_OK, EXIT_GATE, EXIT_NOTHING_MEASURED}
    capsys.readouterr()
    assert run(["gate", str(out), "--rule", "obedence=0"]) == 2
    assert "obedience" in capsys.readouterr().err


def test_a_rule_that_nothing_was_measured_for_is_no_pass(rows, tmp_path, capsys):
    rule = "scan.share@pii/nonsense <= 0"
    assert run(["scan", str(rows), "--out", str(tmp_path / "run"), "--fail-on", rule]) == EXIT_NOTHING_MEASURED
    assert "was not measured" in capsys.readouterr().err
