"""Data at an address: the same rows as from a folder of this machine."""

from __future__ import annotations

import gzip
import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calling import call, document
from holdfast.core.errors import DataError
from holdfast.data.folders import files_of
from holdfast.data.rows import read_rows
from holdfast.data.sources import Source

pytest.importorskip("upath", reason='universal-pathlib is not installed: pip install "holdfast[remote]"')
ROWS = [{"prompt": f"Name item {i}.", "completion": f"It is number {i}, from m{i}@host.example."} for i in range(30)]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def both(tmp_path):
    """The same files in a folder and at an address, in four formats; and a split that is not read."""
    folder = tmp_path / "data"
    (folder / "train").mkdir(parents=True)
    (folder / "test").mkdir()
    (folder / "train" / "a.jsonl").write_bytes(lines(ROWS[:10]))
    (folder / "train" / "b.jsonl.gz").write_bytes(gzip.compress(lines(ROWS[10:15])))
    pq.write_table(pa.Table.from_pylist(ROWS[15:20]), folder / "train" / "c.parquet")
    with pa.OSFile(str(folder / "train" / "d.arrow"), "wb") as sink:
        table = pa.Table.from_pylist(ROWS[20:25])
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    (folder / "test" / "e.jsonl").write_bytes(lines(ROWS[25:]))
    (folder / ".hidden.jsonl").write_bytes(b"{}\n")
    memory = fsspec.filesystem("memory")
    for file in folder.rglob("*"):
        if file.is_file():
            memory.pipe(f"/bucket/{file.relative_to(folder)}", file.read_bytes())
    yield folder
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_an_address_gives_the_rows_of_the_folder(both, scheme):
    address = "memory://bucket" if scheme == "memory" else f"file://{both}"
    told: list[str] = []
    assert [row.messages for row in read_rows(address, notes=told)] == [row.messages for row in read_rows(str(both))]
    assert any("the split `test`" in line for line in told)
    assert read_rows(f"{address}/train/c.parquet")[0].messages == read_rows(str(both))[15].messages
    assert Source([address]).size == Source([str(both)]).size


def test_a_scan_of_an_address_finds_what_the_folder_holds(capsys, both, tmp_path):
    here = document(capsys, "scan", both, "--out", tmp_path / "here")
    there = document(capsys, "scan", "memory://bucket", "--out", tmp_path / "there")
    assert there["summary"]["labels"] == here["summary"]["labels"] and here["summary"]["labels"]
    found = [json.loads(line) for line in (tmp_path / "there/findings.jsonl").read_text().splitlines()]
    assert found[0]["file"].startswith("memory://bucket/train/")


@pytest.mark.parametrize("address", ["foo://x/y.jsonl", "s3://none/y.jsonl", "memory://none/y.jsonl"])
def test_an_address_that_cannot_be_reached_is_one_sentence(capsys, address):
    with pytest.raises(DataError) as error:
        files_of(address)
    assert address in str(error.value) and error.value.hint
    code, _, err = call(capsys, "scan", address)
    assert code == 2 and "Traceback" not in err
