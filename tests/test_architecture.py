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
    "scanning": "data stats text",
    "gating": "stats text evaluation",
    "reporting": "data stats text models evaluation scanning gating",
    "guild": "stats redteam",
    "starter": "data stats",
    "catalog": "data stats text models judging training evaluation repairing attacking probing redteam scanning guild",
    "api": (
        "data stats text models judging training evaluation repairing attacking probing scanning gating reporting "
        "guild starter"
    ),
    "verbs": (
        "data stats text models judging training evaluation repairing attacking probing scanning gating reporting "
        "guild starter api"
    ),
    "cli": "verbs",
}
CEILING_MODULE, CEILING_FUNCTION, CEILING_PARAMETERS = 400, 60, 6


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


# Modules whose one importer is no verb, no entry of the catalogue and no door of the library, and why they stand alone.
LONE = {
    "data.tables": "a format: CSV, parquet, arrow",
    "models.endpoint_pace": "a rule: additive increase, multiplicative decrease",
    "models.endpoint_watch": "many calls at a time, of the endpoint, which would pass its ceiling",
    "models.endpoint_errors": "a format: what endpoints write when they do not answer",
    "models.ensemble": "a model class, loaded by reference",
    "guild.tokens": "a format: the tokenizer",
    "guild.asking": "what the guild's world gives to red teaming",
    "training.callbacks": "what happens between steps, of the trainer, which would pass its ceiling",
    "training.batching": "an order of rows",
    "training.lora": "an adapter, of the trainer, which would pass its ceiling",
    "repairing.write": "a format: a repaired model on disk",
    "scanning.on_cluster": "where a scan runs, beside the processes of this machine",
    "reporting.replies": "a part of the page, which would pass its ceiling",
    "text.refusal_languages": "a table of words",
    "text.refusal_words": "a table of words",
    "text.reply_words": "a table of words",
}
OUTER = {"verbs", "catalog", "api", "cli", "testing", "__main__"}


def test_no_module_has_one_importer_but_those_that_are_known():
    users: dict[str, set[str]] = {}
    for path in MODULES:
        for other in imports(path) - {name_of(path)}:
            users.setdefault(other.removeprefix("holdfast."), set()).add(name_of(path).removeprefix("holdfast."))
    lone = {
        name
        for name, of in users.items()
        if len(of) == 1 and "." in name and not {one.split(".")[0] for one in of} & OUTER
    }
    assert lone == set(LONE)


# Imports of our own inside a function, each of which keeps torch out of what runs without it; or a door that is
# imported when it is called.
LATE = {
    "api.public": (
        "api.audit api.audit_settings api.gate api.repair api.repair_settings api.report api.scan api.stress "
        "api.stress_settings api.tune"
    ),
    "api.engines": "models.served",
    "api.inputs": "models.chat models.load models.load_check",
    "api.repair": "api.strengths evaluation.bench evaluation.noise repairing.measure repairing.summary",
    "api.repair_settings": "repairing.measure",
    "api.repair_stage": "models.served repairing.measure repairing.sweep",
    "api.repair_sources": "models.load repairing.inputs repairing.sources training.settings",
    "api.scan": "models.load",
    "api.suites": "models.load",
    "api.settings": "evaluation.lm_eval models.generate models.load models.served training.settings",
    "catalog.probes.redteam": "redteam.policy",
    "catalog.scanners.benign_risk": "training.influence",
    "catalog.scanners.explicit_harm": "judging.guard models.load",
    "guild": "guild.asking guild.calibrated guild.rows guild.suites guild.talk guild.words",
    "verbs.align": "api.plans",
    "verbs.audit": "api.plans",
    "verbs.scan": "api.scan_plan",
    "verbs.stress": "api.plans",
    "verbs.tune": "api.plans",
    "verbs.guild": "attacking.calibration guild.recipe models.load",
    "verbs.repair": "api.plans evaluation.bench repairing.summary",
}


def late_imports(path: Path) -> set[str]:
    """What a module imports of ours inside its functions."""
    names = {name_of(p) for p in MODULES}
    found = set()
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)} & names
    return {name.removeprefix("holdfast.") for name in found if name.count(".") > 1}


@pytest.mark.parametrize("path", INNER, ids=name_of)
def test_imports_inside_functions_are_known(path):
    assert late_imports(path) == set(LATE.get(name_of(path).removeprefix("holdfast."), "").split())


# Modules without a test file of their name, by the file that tests them.
TESTED_IN = {
    "attacking/test_calibration.py": "guild.calibrated",
    "api/test_public.py": (
        "api.audit api.audit_settings api.calls api.gate api.inputs api.repair api.repair_settings api.repair_stage "
        "api.report api.results api.scan api.stress api.stress_settings api.stress_stage api.tune"
    ),
    "api/test_matrix.py": "api.attacks api.cluster api.lab",
    "api/test_plans.py": (
        "api.plan_settings api.scan_plan core.plan models.pace reporting.plan_tables training.pace"
    ),
    "api/test_align.py": "starter.alignment verbs.align",
    "catalog/test_defences.py": (
        "attacking.attack catalog.defences.constrained catalog.defences.ema catalog.defences.freeze "
        "catalog.defences.kl catalog.defences.lisa catalog.defences.lp_ft catalog.defences.proximal "
        "catalog.defences.ptst catalog.defences.safety_mix catalog.defences.secret_prefix models.internals "
        "training.defences"
    ),
    "catalog/test_judge_llm.py": "catalog.judges.llm",
    "catalog/test_judges.py": "catalog.judges.answer catalog.judges.oracle",
    "catalog/test_judges_local.py": "catalog.judges.classifier catalog.judges.guard judging.classifier judging.guard",
    "catalog/test_probes.py": (
        "catalog.probes.decoding catalog.probes.depth catalog.probes.prefill catalog.probes.template"
    ),
    "catalog/test_repairs.py": (
        "catalog.repairs.project_off catalog.repairs.realign catalog.repairs.resta catalog.repairs.safe_delta "
        "catalog.repairs.safe_lora catalog.repairs.safe_merge catalog.repairs.wise_ft repairing.inputs "
        "repairing.projection repairing.spec"
    ),
    "catalog/test_scanners_pii.py": "catalog.scanners.pii",
    "catalog/test_scanners_rows.py": (
        "catalog.scanners.benign_risk catalog.scanners.shape catalog.scanners.trigger catalog.scanners.twins "
        "data.batch training.influence"
    ),
    "catalog/test_scanners_words.py": (
        "catalog.scanners.explicit_harm catalog.scanners.identity_shift catalog.scanners.refusal_suppression "
        "scanning.languages"
    ),
    "core/test_contracts.py": "core.batch",
    "data/test_containers.py": "data.blocks data.json_stream data.tables",
    "data/test_formats.py": "data.folders",
    "data/test_readers_agree.py": "core.records data.sources",
    "evaluation/test_evaluate.py": "evaluation.asking evaluation.bench",
    "evaluation/test_soundness.py": "text.coherence",
    "gating/test_decide.py": "gating.exit_code gating.junit",
    "guild/test_world.py": "guild.curriculum guild.rows guild.suites guild.talk guild.tokens guild.words",
    "models/test_converted.py": "verbs.models",
    "models/test_vllm_engine.py": "api.engines evaluation.noise models.served models.vllm_server models.watched",
    "models/test_quantised.py": "models.quantised_load",
    "models/test_endpoint.py": "core.remarks models.endpoint_errors models.endpoint_reply models.endpoint_watch",
    "models/test_ensemble.py": "catalog.repairs.ensemble",
    "models/test_load_check.py": "models.files",
    "probing/test_canaries.py": "probing.likelihood stats.exposure",
    "probing/test_triggers.py": "catalog.probes.trigger catalog.regimes.backdoor",
    "redteam/test_search.py": "guild.asking redteam.diversity redteam.mutations",
    "repairing/test_choose.py": "attacking.summary",
    "repairing/test_sweep.py": "repairing.write",
    "reporting/test_page.py": (
        "reporting.blind_spots reporting.markdown reporting.provenance reporting.replies reporting.tables"
    ),
    "reporting/test_svg.py": "reporting.plots",
    "scanning/test_engine.py": "scanning.scan_chunk scanning.summary",
    "stats/test_groups.py": "catalog.suites",
    "text/test_refusals.py": "catalog.judges.refusal text.refusal_languages text.refusal_words text.reply_words",
    "training/test_settings.py": "training.encoded training.lora",
    "training/test_processes.py": "core.launch",
    "training/test_trainer.py": "training.callbacks",
    "verbs/test_cli.py": (
        "catalog.regimes.benign catalog.regimes.explicit catalog.regimes.identity catalog.regimes.janus "
        "catalog.regimes.rlhf_removal catalog.regimes.shadow core.errors reporting.terminal verbs.audit "
        "verbs.demo verbs.guild verbs.ls verbs.stress"
    ),
    "verbs/test_evidence_verbs.py": "evaluation.early_stop",
    "verbs/test_gate_verb.py": "verbs.gate",
    "verbs/test_help.py": "api.settings",
    "verbs/test_judge_verb.py": "attacking.replies judging.against_labels verbs.judge",
    "verbs/test_kill.py": "verbs.tune",
    "verbs/test_privacy.py": "catalog.judges.recall catalog.probes.canaries catalog.probes.recall verbs.canaries",
    "verbs/test_redteam_verb.py": "catalog.probes.redteam redteam.policy",
    "verbs/test_repair.py": (
        "api.repair_sources attacking.matrix attacking.outcomes attacking.repaired repairing.measure "
        "repairing.sources repairing.strengths repairing.summary"
    ),
    "verbs/test_report_verb.py": "models.card reporting.card verbs.report",
    "verbs/test_storage.py": "core.faults",
    "verbs/test_scan_verb.py": "reporting.scan_tables scanning.clean scanning.sarif verbs.scan",
}  # fmt: skip
ELSEWHERE = {module: file for file, modules in TESTED_IN.items() for module in modules.split()}


@pytest.mark.parametrize("path", [p for p in INNER if p.read_text().strip() and p.stem != "__init__"], ids=name_of)
def test_every_module_has_its_test_file(path):
    name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    own = Path(__file__).parent / path.relative_to(SOURCE).parent / f"test_{path.stem}.py"
    elsewhere = Path(__file__).parent / ELSEWHERE.get(name, "none")
    assert own.is_file() != elsewhere.is_file(), f"{name} needs {own.name}, or a line in TESTED_IN, and not both"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_ceilings(path):
    text = path.read_text()
    assert text.count("\n") <= CEILING_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < CEILING_FUNCTION, f"{path.name}: {node.name} is too long"
            named = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
            count = len([name for name in named if name not in ("self", "cls")])
            if name_of(path) == "holdfast.api.public" or (path.stem, node.name) == ("trainer", "train"):
                continue  # the library's doors, which users call with keywords
            assert count <= CEILING_PARAMETERS, f"{path.name}: {node.name} takes {count} parameters"


@pytest.mark.parametrize("path", [p for p in MODULES if p.read_text().strip()], ids=name_of)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_public_names_are_frozen_and_importable():
    import holdfast

    assert holdfast.__all__ == [
        "__version__", "AuditResult", "Bench", "Condition", "Defence", "GateResult", "GenerateOptions", "HoldfastError",
        "Page", "Prompt", "RepairResult", "Row", "ScanResult", "StressResult", "Suite", "TrainSettings", "TuneResult",
        "audit", "evaluate", "gate", "load_model", "read_rows", "repair", "report", "scan", "stress", "train", "tune",
    ]  # fmt: skip
    assert all(getattr(holdfast, name) for name in holdfast.__all__)


LIGHT = [["--help"], ["--version"], ["ls"], ["models"], ["guild", "rows", "explicit", "--count", "2"],
         ["report", "--help"], ["gate", "--help"], ["judge", "--help"], ["report", "no/such/run"],
         ["gate", "no/such/run"],
         ["canaries", "make", "--help"], ["canaries", "make", "--length", "1"], ["repair", "--help"],
          ["repair", "no/base", "./no/tuned", "--method", "wise-ft", "--strength", "0.5"]]  # fmt: skip


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_light_commands_import_no_torch(arguments):
    code = f"import sys; from holdfast.cli import run; run({arguments!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
