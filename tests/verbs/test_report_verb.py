"""The page, the pictures, the Markdown and the card of real runs."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import yaml
from huggingface_hub import ModelCard

from calling import call
from holdfast.models.card import FRONT
from holdfast.reporting.card import BEGIN
from pairs_on_disk import build_pair
from real_runs import aligned_run, quietly, tuned_run


@pytest.fixture
def tuned(tmp_path):
    shutil.copytree(tuned_run(), tmp_path / "tuned", ignore=shutil.ignore_patterns("checkpoints", "cache"))
    return tmp_path / "tuned"


def test_a_page_is_made_beside_the_records_and_named(capsys, tuned):
    code, out, _ = call(capsys, "report", tuned)
    assert code == 0 and f"page: {tuned / 'report.html'}" in out.replace("\n", "")
    text = (tuned / "report.html").read_text()
    assert "Safety was lost" in text and "(Illegal Activity)" in text and "gives way" in text
    names = re.findall(r'aria-label="([^"]*)"', text) + re.findall(r"<h2[^>]*>([^<]*)", text)
    assert len(names) == len(set(names)), "two parts of one name cannot be told apart by ear"
    assert call(capsys, "gate", tuned)[0] == 3, "the page is no record, and changes none"


def test_json_names_what_was_made(capsys, tuned, tmp_path):
    code, out, _ = call(
        capsys,
        "report",
        tuned,
        "--json",
        "--out",
        tmp_path / "p.html",
        "--plots",
        tmp_path / "plots",
        "--markdown",
        tmp_path / "r.md",
    )
    document = json.loads(out)
    assert code == 0 and document["page"] == str(tmp_path / "p.html") and document["runs"][0]["tone"] == "bad"
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "bars.png", "bars.svg", "pareto.png", "pareto.svg", "radar.png", "radar.svg",
    ]  # fmt: skip
    assert (tmp_path / "r.md").read_text().startswith("## tune: tuned\n\n**Safety was lost")


def test_markdown_goes_to_stdout_alone(capsys, tuned):
    code, out, _ = call(capsys, "report", tuned, "--markdown", "-")
    assert code == 0 and out.startswith("## tune: tuned") and "page:" not in out
    assert call(capsys, "report", tuned, "--markdown", "-", "--json")[0] == 2


def test_two_runs_give_a_comparison(capsys, tuned, tmp_path):
    code, _, _ = call(capsys, "report", tuned, aligned_run(), "--out", tmp_path / "c.html")
    assert code == 0 and "2 runs side by side" in (tmp_path / "c.html").read_text()
    assert call(capsys, "report", tuned, aligned_run(), "--card", tuned / "model", "--out", tmp_path / "c.html")[0] == 2


# ---- the card -------------------------------------------------------------------------------------------------------

OTHERS = """---
license: apache-2.0   # a comment that stays
model-index:
- name: mine
  results:
  - task: {type: text-generation}
    dataset: {type: gsm8k, name: GSM8K}
    metrics:
    - {type: exact_match, value: 0.5}
tags: [chat]
---

# My model

Words that stay.
"""


def front(path):
    return yaml.safe_load(FRONT.match(path.read_text())[1])


@pytest.mark.parametrize("before", [None, "# A title only\n", OTHERS], ids=["no card", "no front matter", "a card"])
def test_a_card_is_written_is_valid_and_twice_changes_nothing(capsys, tuned, before):
    card = tuned / "model" / "README.md"
    if before is not None:
        card.write_text(before)
    assert call(capsys, "report", tuned, "--card", tuned / "model")[0] == 0
    first = {path.name: path.read_bytes() for path in (tuned / "model").iterdir()}
    code, out, _ = call(capsys, "report", tuned, "--card", tuned / "model")
    assert code == 0 and "is up to date" in out
    assert {path.name: path.read_bytes() for path in (tuned / "model").iterdir()} == first
    data = ModelCard.load(card, ignore_metadata_errors=False).data
    found = {(r.dataset_type, r.metric_type): r.metric_value for r in data.eval_results}
    assert found["holdfast-policy", "harm.any"] > 0.9 and "holdfast" in data.tags
    if before:
        assert before.rpartition("---\n")[2].strip() in card.read_text()
    if before == OTHERS:
        assert found["gsm8k", "exact_match"] == 0.5 and data.model_name == "mine" and "chat" in data.tags
        assert "# a comment that stays" in card.read_text()
    audit = json.loads((tuned / "model" / "safety_audit.json").read_text())
    assert audit["gate"]["exit_code"] == 3 and audit["verdict"].startswith("Safety was lost") and audit["weights"]


def test_a_later_run_replaces_the_section_and_only_its_own_results(capsys, tuned, tmp_path):
    model = tuned / "model"
    (model / "README.md").write_text(OTHERS)
    call(capsys, "report", tuned, "--card", model)
    assert quietly("audit", model, "--limit", 22, "--suite", "policy", "--out", tmp_path / "again") == 0
    assert call(capsys, "report", tmp_path / "again", "--card", model)[0] == 0
    text = (model / "README.md").read_text()
    assert text.count(BEGIN) == 1 and "n 22" in text and "n 330" not in text
    assert [r["dataset"]["type"] for r in front(model / "README.md")["model-index"][0]["results"]] == [
        "gsm8k",
        "holdfast-policy",
    ]


def test_the_card_of_other_weights_is_refused(capsys, tuned, tmp_path):
    code, _, err = call(capsys, "report", aligned_run(), "--card", tuned / "model", "--out", tmp_path / "p.html")
    assert code == 2 and "measured other weights" in err and "holdfast audit" in err
    assert not (tuned / "model" / "safety_audit.json").exists()


def test_front_matter_that_is_no_yaml_is_left_alone(capsys, tuned):
    (tuned / "model" / "README.md").write_text("---\n: [\n---\nwords\n")
    assert call(capsys, "report", tuned, "--card", tuned / "model")[0] == 2
    assert (tuned / "model" / "README.md").read_text() == "---\n: [\n---\nwords\n"


def test_a_card_and_an_audit_name_no_path_of_this_machine(capsys, tuned):
    call(capsys, "report", tuned, "--card", tuned / "model")
    for name in ("README.md", "safety_audit.json"):
        assert str(tuned.parent) not in (tuned / "model" / name).read_text()


@pytest.mark.parametrize("verb", ["audit", "repair", "judge check"])
def test_a_run_ends_with_its_page(capsys, tmp_path, verb):
    """Also where nothing was measured, as by an interpolation on disk."""
    rest = {"audit": ["guild", "--limit", "4"], "judge check": ["--limit", "4"]}.get(verb)
    if rest is None:
        pair = build_pair(tmp_path)
        rest = [str(pair.base.folder), str(pair.tuned.folder), "--method", "wise-ft", "--strength", "0.5"]
    code, out, err = call(capsys, *verb.split(), *rest, "--out", tmp_path / "run")
    assert code == 0, err
    assert f"page: {tmp_path / 'run' / 'report.html'}" in out.replace("\n", "")
    text = (tmp_path / "run" / "report.html").read_text()
    assert "<h1" in text and call(capsys, "report", tmp_path / "run")[0] == 0
    assert text == (tmp_path / "run" / "report.html").read_text()
