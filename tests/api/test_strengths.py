"""A repair whose strengths workers measure chooses what one process chooses."""

from __future__ import annotations

import json
import pickle

import pytest

from calling import call
from holdfast.api import strengths
from holdfast.api.strengths import at_strength
from trained import a_little_off


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    return a_little_off(tmp_path_factory.mktemp("tuned"), 4e-3)


def test_strengths_by_workers_give_the_same_repair(capsys, tmp_path, monkeypatch, tuned):
    asked = ["repair", "guild", tuned, "--method", "wise-ft", "--method", "resta", "--strength", "0:1:0.5",
             "--max-harm", "0.5", "--limit", "11", "--max-new-tokens", "8", "--json"]  # fmt: skip
    code, out, err = call(capsys, *asked, "--out", tmp_path / "here")
    assert code in (0, 3, 5), err
    here, done = json.loads(out), []

    def within(units, work, cluster, tell):
        assert work is at_strength and cluster.gpus == 0.5
        for unit in units:
            for key, record in work(pickle.loads(pickle.dumps(unit.given)), unit.keys):
                assert not any(v["why"] for found in record["verdicts"].values() for v in found)
                done.append(key)
                yield key, record
                if len(done) == 2:
                    raise KeyboardInterrupt

    monkeypatch.setattr(strengths, "spread", within)
    ray = ("--ray", "local", "--ray-gpus", "0.5", "--out", tmp_path / "there")
    assert call(capsys, *asked, *ray)[0] == 130
    code_there, out, err = call(capsys, *asked, *ray)
    there = json.loads(out)
    assert code_there == code and len(done) == len(set(done)) == 6
    for part in ("curves", "method", "strength", "certified", "metrics", "comparisons"):
        assert there[part] == here[part]
    kept = (tmp_path / "there" / "cache" / "strengths.jsonl").read_text()
    assert kept.count("\n") == 6 and '"text"' not in kept
