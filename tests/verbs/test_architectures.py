"""Real architectures with real tokenizers and real templates, tuned on real GSM8K rows through the public command
line."""

from __future__ import annotations

import json

import pytest

from holdfast.cli import run
from tiny import ARCHITECTURES, make_tiny


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    lines = (data / "benign" / "gsm8k_train_2000.jsonl").read_text().splitlines()
    (folder / "train.jsonl").write_text("\n".join(lines[:6]) + "\n")
    (folder / "utility.jsonl").write_text("\n".join(lines[6:10]) + "\n")
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"question {i}"}) + "\n" for i in range(3)))
    return folder


def document(capsys, *arguments):
    assert run([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tune_audit_and_stress(architecture, data, files, tmp_path, capsys):
    model = make_tiny(architecture, tmp_path / architecture, data)
    asked = [
        "--prompts",
        files / "prompts.jsonl",
        "--utility-prompts",
        files / "utility.jsonl",
        "--max-new-tokens",
        "4",
    ]
    tuned = document(
        capsys, "tune", model, files / "train.jsonl", "--lr", "1e-3", "--batch-size", "3", "--max-length", "256", *asked
    )
    assert tuned["tuned"]["rows"] == 6 and tuned["tuned"]["steps"] == 2
    audited = document(capsys, "audit", tuned["model"], "--base", model, *asked)
    assert {c["metric"] for c in audited["comparisons"]} == {"refusal.rate", "utility.exact", "utility.lenient"}
    stressed = document(
        capsys,
        "stress",
        model,
        "--regime",
        "explicit",
        "--samples",
        "4",
        "--epochs",
        "1",
        "--rows",
        files / "train.jsonl",
        "--max-length",
        "256",
        *asked,
    )
    assert [s["condition"]["samples"] for s in stressed["summary"]] == [4]
