"""A scan on a Ray cluster finds what a scan in one process finds, in the same order."""

from __future__ import annotations

import gzip
import json

import pytest

from calling import document
from holdfast.core.cluster import Cluster
from holdfast.core.contracts import ScanContext
from holdfast.data.sources import Source
from holdfast.scanning import engine
from holdfast.scanning.engine import Place, findings_in, make_scanners, scan_sources
from holdfast.scanning.summary import default_scanners

ray = pytest.importorskip("ray", reason='ray is not installed: pip install "holdfast[ray]"')


@pytest.fixture(scope="module", autouse=True)
def over():
    yield
    ray.shutdown()


def shards(folder, count=6, rows=300, more=""):
    """Files with twins in other files, private values, broken lines, and one that is gzipped."""
    folder.mkdir()
    for number in range(count):
        lines = [
            json.dumps(
                {"instruction": f"Name item {i % 250} of list {number % 3}.", "output": f"m{i}@host.example{more}"}
            )
            for i in range(rows)
        ]
        lines[17] = "{broken"
        text = "\n".join(lines).encode()
        if number == 2:
            (folder / f"part-{number}.jsonl.gz").write_bytes(gzip.compress(text))
        else:
            (folder / f"part-{number}.jsonl").write_bytes(text)
    return folder


def scanned(folder, source, place):
    scanners = make_scanners(default_scanners(), ScanContext())
    totals = scan_sources(folder, Source([str(source)]), scanners, place)
    return list(findings_in(folder)), totals


def test_a_cluster_finds_the_same_in_the_same_order(tmp_path):
    source = shards(tmp_path / "shards")
    here, counted = scanned(tmp_path / "here", source, Place(1))
    there, also = scanned(tmp_path / "there", source, Place(1, Cluster("local")))
    assert there == here and len(here) > 1000
    assert (also.items, also.labels, also.files, also.readings) == (
        counted.items, counted.labels, counted.files, counted.readings,
    )  # fmt: skip


def test_a_scan_that_was_killed_here_goes_on_there(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "CHECKPOINT_S", 0.0)
    monkeypatch.setattr(engine, "CHECKPOINT_COST", 0.0)
    source = shards(tmp_path / "shards", 4, more=" and so on" * 600)  # a file is several chunks
    here, _ = scanned(tmp_path / "here", source, Place(1))
    take = engine.FirstPass.take

    def until(self, part, look):
        if len(self.known) == 4:
            raise KeyboardInterrupt
        return take(self, part, look)

    monkeypatch.setattr(engine.FirstPass, "take", until)
    with pytest.raises(KeyboardInterrupt):
        scanned(tmp_path / "cut", source, Place(1))
    monkeypatch.setattr(engine.FirstPass, "take", take)
    mark = json.loads((tmp_path / "cut/cache/checkpoint.json").read_text())
    assert min(mark["known"][:2]) > 1 and 3 <= len(mark["known"]) <= 4 and not mark["over"]
    read, chunks_of = [], engine.looks_on

    def watched(cluster, source, scanners, tell, again, known):
        read.append(list(known))
        return chunks_of(cluster, source, scanners, tell, again, known)

    monkeypatch.setattr(engine, "looks_on", watched)
    assert scanned(tmp_path / "cut", source, Place(1, Cluster("local")))[0] == here
    assert read[0] == mark["known"]


def test_the_command_takes_a_cluster(capsys, tmp_path):
    source = shards(tmp_path / "shards", 2, 40)
    here = document(capsys, "scan", source, "--out", tmp_path / "here")
    there = document(capsys, "scan", source, "--ray", "local", "--out", tmp_path / "there")
    assert there["summary"] == here["summary"]
    assert (tmp_path / "there/findings.jsonl").read_bytes() == (tmp_path / "here/findings.jsonl").read_bytes()
