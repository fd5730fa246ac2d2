"""The examples of docs/library.md and the cells of the notebook run as they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"^## (.*?)\n.*?```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.M | re.S)
NOTEBOOK = json.loads((ROOT / "docs" / "library.ipynb").read_text())


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_runs(title, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"docs/library.md: {title}", "exec"), {})
    assert not any(tmp_path.iterdir())


def test_there_are_five_examples():
    assert len(EXAMPLES) == 5


def test_the_notebook_runs_and_its_last_values_show_as_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    shown = []
    for number, cell in enumerate(c for c in NOTEBOOK["cells"] if c["cell_type"] == "code"):
        code = "".join(cell["source"])
        *_, last = code.rstrip("\n").split("\n")
        exec(compile(code, f"docs/library.ipynb, cell {number}", "exec"), space)
        if re.fullmatch(r"\w+", last):
            shown.append(space[last])
    assert len(shown) == 2 and all("<p><b>" in value._repr_html_() for value in shown)
    assert not any(tmp_path.iterdir())


def test_the_notebook_keeps_no_output():
    assert not any(cell.get("outputs") for cell in NOTEBOOK["cells"])
