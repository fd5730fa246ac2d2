"""The shape of the house: imports point one way, ceilings hold, scanning verbs need no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "holdfast"
MODULES = sorted(SOURCE.rglob("*.py"))
# Which folder may import which, beside itself and `core`. Verbs reach the catalogue only by name, through the registry.
ALLOWED = {
    "core": "",
    "data": "",
    "stats": "",
    "text": "data stats",
    "models": "data text",
    "judging": "stats text models",
    "training": "models",
    "evaluation": "stats text models judging",
    "repairing": "data stats models training evaluation",
    "attacking": "data stats models training evaluation repairing",
    "probing": "stats text models evaluation",
    "redteam": "stats models training",
    "scanning": "data stats",
    "gating": "stats text evaluation",
    "reporting": "data stats text models evaluation scanning gating",
    "guild": "stats redteam",
    "catalog": "data stats text models judging training evaluation repairing attacking probing redteam scanning guild",
    "api": "data stats text models judging training evaluation repairing attacking probing scanning gating reporting guild",
    "verbs": "data stats text models judging training evaluation repairing attacking probing scanning gating reporting guild api",
    "cli": "verbs",
}
CEILING_MODULE, CEILING_FUNCTION, CEILING_PARAMETERS = 500, 60, 8


def name_of(path: Path) -> str:
    return ".".join(("holdfast", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    names = {name_of(p) for p in MODULES}
    return {name for name in found if name in names and name != "holdfast"}


def shelf(name: str) -> str:
    return name.split(".")[1]


INNER = [p for p in MODULES if len(p.relative_to(SOURCE).parts) > 1]


@pytest.mark.parametrize("path", INNER, ids=name_of)
def test_a_folder_imports_only_what_the_table_allows(path):
    name = name_of(path)
    for other in imports(path):
        assert shelf(other) in {shelf(name), "core", *ALLOWED[shelf(name)].split()}, f"{name} imports {other}"


def test_the_table_of_folders_has_no_cycle_and_names_every_folder():
    assert set(ALLOWED) - {"cli"} == {p.relative_to(SOURCE).parts[0] for p in INNER}
    seen: list[str] = []
    for folder, below in ALLOWED.items():
        assert set(below.split()) <= set(seen), f"{folder} stands above one of {below}"
        seen.append(folder)


def test_no_module_imports_itself_by_way_of_others():
    below = {name_of(path): imports(path) - {name_of(path)} for path in INNER if path.stem != "__init__"}
    while leaves := [name for name, others in below.items() if not others & set(below)]:
        for name in leaves:
            del below[name]
    assert not below, f"a cycle is among {sorted(below)}"


@pytest.mark.parametrize("path", [p for p in INNER if "verbs" in p.parts or "catalog" in p.parts], ids=name_of)
def test_verbs_and_plug_ins_do_not_import_each_other(path):
    name = name_of(path)
    for other in imports(path):
        if shelf(other) == shelf(name) and not other.endswith("common"):
            assert other == name or other in ("holdfast.verbs", "holdfast.catalog"), f"{name} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_ceilings(path):
    text = path.read_text()
    assert text.count("\n") <= CEILING_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < CEILING_FUNCTION, f"{path.name}: {node.name} is too long"
            count = len(node.args.args) + len(node.args.kwonlyargs)
            if name_of(path) == "holdfast.api.doors":  # what a user calls with keywords
                continue
            assert count <= CEILING_PARAMETERS, f"{path.name}: {node.name} takes {count} parameters"


@pytest.mark.parametrize("path", [p for p in MODULES if p.read_text().strip()], ids=name_of)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_public_names_are_frozen_and_importable():
    import holdfast

    assert holdfast.__all__ == [
        "__version__", "AuditResult", "Bench", "Condition", "Defence", "GateResult", "GenerateOptions", "HoldfastError", "Page",
        "Prompt", "RepairResult", "Row", "ScanResult", "StressResult", "Suite", "TrainSettings", "TuneResult", "audit",
        "evaluate", "gate", "load_model", "read_rows", "repair", "report", "scan", "stress", "train", "tune",
    ]  # fmt: skip
    assert all(getattr(holdfast, name) for name in holdfast.__all__)


LIGHT = [["--help"], ["--version"], ["ls"], ["guild", "rows", "explicit", "--count", "2"], ["report", "--help"],
         ["gate", "--help"], ["judge", "--help"], ["report", "no/such/run"], ["gate", "no/such/run"],
         ["canaries", "make", "--help"], ["canaries", "make", "--length", "1"], ["repair", "--help"],
          ["repair", "no/base", "./no/tuned", "--method", "wise-ft", "--strength", "0.5"]]  # fmt: skip


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_light_commands_import_no_torch(arguments):
    code = f"import sys; from holdfast.cli import run; run({arguments!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
