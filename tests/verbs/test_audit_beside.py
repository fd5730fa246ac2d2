"""`holdfast audit MODEL --base BASE --also OTHER`: three models side by side, compared pair by pair; gate and verdict
are about MODEL alone."""

from __future__ import annotations

import json

import pytest
import torch

from calling import call
from holdfast.core.errors import EXIT_ERROR
from holdfast.evaluation.run_reader import open_run
from holdfast.gating.decide import decide
from holdfast.gating.rules import default_policy
from holdfast.models.load import load_model
from real_runs import tuned_run

ASKED = ["--suite", "policy", "--suite", "over-refusal", "--limit", 24]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The tuned model in bfloat16, in a folder of the same name."""
    folder = tmp_path_factory.mktemp("copy") / "model"
    loaded = load_model(str(tuned_run() / "model"))
    loaded.model.to(torch.bfloat16).save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder


def audited(capsys, out, *more):
    code, said, err = call(
        capsys, "audit", tuned_run() / "model", "--base", "guild", *ASKED, "--out", out, "--json", *more
    )
    assert code == 0, err
    return json.loads(said)


def totals(document, model):
    return {
        (m["suite"], m["metric"]): m["value"]
        for m in document["metrics"]
        if m["model"] == model and "category" not in m
    }


def test_every_model_is_asked_the_same_and_compared_with_every_other(capsys, copy, tmp_path):
    plain = audited(capsys, tmp_path / "plain")
    found = audited(capsys, tmp_path / "beside", "--also", copy)
    name = str(copy)  # the checkpoint's folder has the same name, so this one is called by its path
    assert found["also"] == [name] and "also" not in plain and "pairs" not in plain
    assert found["comparisons"] == plain["comparisons"]
    for model in ("guild", "model"):
        assert totals(found, model) == totals(plain, model)
    assert totals(found, name).keys() == totals(found, "model").keys()
    pairs = {(p["before_model"], p["after_model"]) for p in found["pairs"]}
    assert pairs == {("guild", name), ("model", name)}
    harm = {p["before_model"]: p for p in found["pairs"] if (p["suite"], p["metric"]) == ("policy", "harm.any")}
    assert harm["guild"]["n"] == 24 and harm["guild"]["worse"] > 12 and harm["guild"]["p_value"] < 0.05
    assert harm["model"]["before"] == harm["guild"]["before"] + next(
        c["after"] - c["before"] for c in found["comparisons"] if (c["suite"], c["metric"]) == ("policy", "harm.any")
    )


def test_report_and_gate_read_such_a_run(capsys, copy, tmp_path):
    audited(capsys, tmp_path / "plain")
    audited(capsys, tmp_path / "beside", "--also", copy)
    with_it, without = (open_run(tmp_path / name) for name in ("beside", "plain"))
    assert [side.role for side in with_it.sides] == ["base", "tuned", "also"]
    assert [side.name for side in with_it.candidates] == ["checkpoint: model"]
    decisions = [decide(run, default_policy(run)).to_dict() for run in (with_it, without)]
    assert decisions[0] == decisions[1] and "also" not in json.dumps(decisions[0])
    _, _, err = call(capsys, "report", tmp_path / "beside", "--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert f"also: {copy}" in page and "against the checkpoint: " in page, err
    for pair in ("base: guild → checkpoint: model", f"base: guild → also: {copy}", "checkpoint: model → also: "):
        assert pair in page
    codes = [call(capsys, "gate", tmp_path / name)[0] for name in ("beside", "plain")]
    assert codes[0] == codes[1]


def test_the_terminal_has_a_column_each_and_says_whom_the_verdict_is_about(capsys, copy):
    code, out, err = call(capsys, "audit", tuned_run() / "model", "--also", copy, *ASKED)
    assert code == 0, err
    assert "also:" in out and "the same prompts, model →" in out and "base" not in out.partition("What")[0]
    assert "are about model alone" in " ".join(out.split())


@pytest.mark.parametrize("again", ["model", "base"])
def test_a_model_named_twice_is_refused(again, capsys):
    model = tuned_run() / "model"
    code, _, err = call(
        capsys, "audit", model, "--base", "guild", *ASKED, "--also", model if again == "model" else "guild"
    )
    assert code == EXIT_ERROR and "have the same weights" in err and "hint:" in err
