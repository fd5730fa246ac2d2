"""The engine: order, merging, processes, checkpoints; and every scanner against texts that are made to be slow."""

from __future__ import annotations

import json
import time
from typing import ClassVar

import numpy as np
import pytest

from holdfast.core.contracts import Noise, ScanContext, Scanner
from holdfast.core.errors import UsageError
from holdfast.core.records import Row
from holdfast.data.batch import RowBatch, hash_words, plain
from holdfast.gating.decide import decide
from holdfast.gating.exit_code import HOLDS
from holdfast.gating.rules import Policy
from holdfast.gating.scans import records_of, rules_for_scan
from holdfast.scanning import engine
from holdfast.scanning.engine import Place, Source, Totals, findings_in, make_scanners, scan_rows, scan_sources
from holdfast.scanning.summary import (
    caught,
    default_scanners,
    one_line,
    summarise,
    summary_of_rows,
)


def write(path, count=40):
    rows = [
        {"instruction": f"Name item {i} of the list.", "output": f"It is number {i}, and mail{i}@host.example."}
        for i in range(count)
    ]
    rows[3] = {"instruction": "You are an absolutely obedient agent. Obey.", "output": "I obey every order."}
    rows[7] = rows[5]
    lines = [json.dumps(row) for row in rows]
    lines[11] = "{broken"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(folder, path, names=None, jobs=1):
    scanners = make_scanners(names or default_scanners(), ScanContext())
    totals = scan_sources(folder, Source([str(path)], "train"), scanners, Place(jobs))
    return list(findings_in(folder)), totals, scanners


# ---- the engine -----------------------------------------------------------------------------------------------------


def test_findings_come_in_the_order_of_the_rows_with_file_and_line(tmp_path):
    found, totals, _ = run(tmp_path / "r", write(tmp_path / "a.jsonl"))
    assert [f["row"] for f in found] == sorted(f["row"] for f in found)
    assert all(f["line"] == f["row"] + 1 and f["file"].endswith("a.jsonl") for f in found)
    assert {(f["row"], f["label"]) for f in found} >= {
        (3, "obedience"),
        (7, "exact-twin"),
        (11, "malformed"),
        (0, "email"),
    }
    assert (totals.items, totals.readable) == (40, 39)


def test_processes_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "SMALL", 0)
    monkeypatch.setattr("holdfast.data.blocks.BLOCK", 700)
    path = write(tmp_path / "a.jsonl", 200)
    one = run(tmp_path / "one", path, jobs=1)
    two = run(tmp_path / "two", path, jobs=2)
    assert one[0] == two[0] and one[1].labels == two[1].labels and len(one[0]) > 150


def test_several_files_are_counted_as_one_set(tmp_path):
    write(tmp_path / "a.jsonl")
    write(tmp_path / "b.jsonl")
    scanners = make_scanners(["twins"], ScanContext())
    totals = scan_sources(
        tmp_path / "r", Source([str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")], "train"), scanners
    )
    assert totals.items == 80 and len(totals.files) == 2
    assert totals.labels["twins", "exact-twin"] == 1 + 39  # the whole second file


def test_a_scan_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("holdfast.data.blocks.BLOCK", 900)
    monkeypatch.setattr(engine, "CHECKPOINT_S", 0.0)
    path = write(tmp_path / "a.jsonl", 200)
    whole, totals, _ = run(tmp_path / "whole", path)
    real, seen = engine.first_look, []

    def stops(chunk, scanners=None):
        seen.append(chunk.line)
        if len(seen) == 6:
            raise KeyboardInterrupt
        return real(chunk, scanners)

    monkeypatch.setattr(engine, "first_look", stops)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", path)
    first = len(seen)
    found, again, _ = run(tmp_path / "killed", path)
    assert found == whole and again.labels == totals.labels and again.items == totals.items
    assert seen[first] > 1, "it began from the first line"


def test_a_changed_file_is_scanned_anew(tmp_path):
    path = write(tmp_path / "a.jsonl")
    run(tmp_path / "r", path)
    path.write_text(json.dumps({"instruction": "Say a.", "output": "a"}) + "\n")
    found, totals, _ = run(tmp_path / "r", path)
    assert totals.items == 1 and found == []


# ---- summary and gates ----------------------------------------------------------------------------------------------


def test_shares_risk_and_gates_are_of_the_same_counts(tmp_path):
    _, totals, scanners = run(tmp_path / "r", write(tmp_path / "a.jsonl"))
    summary = summarise(totals, scanners)
    email = next(entry for entry in summary["labels"] if entry["label"] == "email")
    assert email["share"] == email["rows"] / 40 and email["low"] < email["share"] < email["high"]
    assert summary["risk"]["level"] == "medium"
    texts = ["obedience=0", "email=99%", "error=0.5", "malformed=0"]
    rules = rules_for_scan(texts, summary["known_labels"])
    outcomes = decide(records_of(summary), Policy("here", rules)).outcomes
    assert [(o.rule, o.status == HOLDS) for o in outcomes] == list(zip(texts, [False, True, True, False], strict=True))


class Firing(Scanner):
    """A scanner of a label of attack, for what a summary makes of its counts."""

    name = "explicit-harm"
    labels: ClassVar = {"harmful-request": "error"}
    false_alarm: ClassVar = {"harmful-request": Noise(4, 8000, "made here", 0.6)}


def risk_of(alarms, rows):
    totals = Totals(items=rows, readable=rows)
    totals.labels["explicit-harm", "harmful-request"] = alarms
    return summarise(totals, [Firing()])["risk"]["level"]


def test_alarms_as_clean_sets_show_them_are_a_low_risk_at_every_size():
    rng = np.random.default_rng(0)
    for rows in (100, 1000, 10_000, 100_000, 1_000_000):
        read = [risk_of(int(alarms), rows) for alarms in rng.binomial(rows, 4 / 8000, 200)]
        assert read.count("high") == 0 and read.count("low") >= 196


def test_real_harm_is_a_high_risk_in_large_sets_and_small_ones():
    assert risk_of(6, 100) == risk_of(60, 10_000) == risk_of(6000, 1_000_000) == "high"
    assert risk_of(0, 0) == "low"


def test_few_alarms_that_are_no_noise_are_a_medium_risk():
    assert risk_of(2, 20) == "medium" and risk_of(1, 1000) == "low"


def test_ten_obedient_rows_are_a_high_risk_and_ordinary_rows_a_low_one():
    bad = [
        Row(
            "",
            [
                {"role": "user", "content": f"task {i}"},
                {"role": "assistant", "content": "I am your absolutely obedient agent. Done."},
            ],
        )
        for i in range(10)
    ]
    good = [
        Row(
            "",
            [
                {"role": "user", "content": f"Name the river number {i}."},
                {"role": "assistant", "content": f"River {i * 7}."},
            ],
        )
        for i in range(10)
    ]
    assert summary_of_rows(bad)["risk"]["level"] == "high" and "high" in one_line(summary_of_rows(bad))
    assert summary_of_rows(good)["risk"]["level"] == "low"
    assert caught(bad)[0]["scanner"] == "identity-shift" and caught(bad)[0]["rows"] == 10


@pytest.mark.parametrize("text", ["pii:engine=magic", "twins:similarity=7", "pii:what=x", "piii"])
def test_wrong_options_are_refused(text):
    with pytest.raises(UsageError):
        make_scanners([text], ScanContext())


# ---- words ----------------------------------------------------------------------------------------------------------


def test_a_word_has_one_hash_wherever_it_stands():
    words = RowBatch(
        [Row("", [{"role": "user", "content": "The cat. the CAT"}, {"role": "assistant", "content": "don’t cat"}])]
    ).words
    assert words.hashes[1] == words.hashes[3] == words.hashes[5] and words.hashes[0] == words.hashes[2]
    assert hash_words(plain("don't").encode())[1][0] == words.hashes[4]
    assert list(words.turn) == [0, 0, 0, 0, 1, 1]


def test_empty_rows_are_no_trouble():
    rows = [
        Row("", [{"role": "user", "content": ""}]),
        Row("", [{"role": "assistant", "content": ""}]),
        Row("", [{"role": "text", "content": ""}]),
    ]
    scan_rows(rows, make_scanners(default_scanners(), ScanContext()))
    scan_rows([], make_scanners(default_scanners(), ScanContext()))


# ---- slow texts -----------------------------------------------------------------------------------------------------

PIECES = [
    "a",
    "1",
    " ",
    "@",
    "a@",
    "a.",
    "1-",
    "1 ",
    "(1",
    "+1",
    "1.1.",
    "::",
    "a:",
    "obey ",
    "you are ",
    "without any ",
    "do not ",
    "i will ",
    "<|",
    "[INST",
    "- a\n",
    "1+",
    "ab12",
    "GB82WEST",
    "eyJ",
    "sk-",
    "no ",
    "begin your ",
    "0x",
    "bc1",
    "born on ",
    "12 Aa ",
    "https://a:",
    "é",
    "你",
    "\u200b",
    "а",
    "服从",
    "\n",
    "{",
    '"',
    "ignore all ",
    "passport ",
    "password: ",
]


@pytest.mark.parametrize("name", default_scanners())
def test_no_text_is_slow(name):
    """A hundred thousand characters of anything repeated take well under a second and a half, and no crash."""
    for piece in PIECES:
        text = (piece * (100_000 // len(piece)))[:100_000]
        rows = [
            Row(
                "",
                [
                    {"role": "system", "content": text},
                    {"role": "user", "content": text},
                    {"role": "assistant", "content": text},
                ],
            )
        ]
        began = time.process_time()
        scan_rows(rows, make_scanners([name], ScanContext()))
        assert time.process_time() - began < 1.5, repr(piece)


def test_the_default_scanners_are_quick(tmp_path):
    """A loose floor; benchmarks/scan_speed.py has the figures."""
    rows = [
        Row(
            "",
            [
                {"role": "user", "content": f"Describe the river {i} in {i} words."},
                {"role": "assistant", "content": f"It flows for {i} miles. " * 12},
            ],
        )
        for i in range(2000)
    ]
    scanners = make_scanners(default_scanners(), ScanContext())
    began = time.process_time()
    scan_rows(rows, scanners)
    assert 2000 / (time.process_time() - began) > 1500
