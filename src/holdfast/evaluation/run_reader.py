"""A finished run's folder, read again and checked: what `report` and `gate` stand on. Imports no torch.

    run = open_run(Path("runs/20260101-120000-audit-model"))
    run.sides             each model under each condition, with its role and its metrics
    run.verdicts(side)    its verdicts by suite

Every record is held against the size and the SHA-256 that the run wrote into its manifest when it ended. That finds
what is missing, cut off or edited afterwards; it is no signature, since whoever can edit a record can edit the manifest
too.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from holdfast.core.errors import RunError, UsageError
from holdfast.core.records import Condition, Metric, Verdict, digest
from holdfast.core.runs import file_facts, read_jsonl, runs_root
from holdfast.stats.groups import normal_messages
from holdfast.stats.metrics import Measure, measures_for
from holdfast.text.safe import for_page

ROLES = ("base", "tuned", "served", "repaired")
BESIDE = "also"  # the role of a model that an audit asked beside: shown and compared, never what would be shipped
RISKS = ("low", "medium", "high")


@dataclass(frozen=True)
class Side:
    """One model under one condition.

    `place` is its evaluation's place in the records; None where only totals are kept.
    """

    role: str
    name: str
    model: str
    condition: dict[str, Any]
    metrics: list[Metric]
    place: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def find(self, metric: str, suite: str, category: str | None = None) -> Metric | None:
        return next((m for m in self.metrics if (m.metric, m.suite, m.category) == (metric, suite, category)), None)

    def value(self, metric: str, suite: str) -> float | None:
        found = self.find(metric, suite)
        return found.value if found else None

    def by_category(self, metric: str, suite: str = "policy") -> dict[str, Metric]:
        return {m.category: m for m in self.metrics if m.metric == metric and m.suite == suite and m.category}


# ---- the folder -----------------------------------------------------------------------------------------------------


def _manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        known = [str(p) for p in sorted(runs_root().glob("*")) if p.is_dir()] if runs_root().exists() else []
        near = difflib.get_close_matches(str(path), known, n=1) or known[-1:]
        raise UsageError(
            f"there is no run folder `{path}`",
            f"did you mean `{near[0]}`?" if near else "name the folder that a run printed",
        )
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"`{path}` is no run: it has no manifest.json", "name the folder that a run printed") from error
    except (ValueError, OSError) as error:
        raise RunError(f"`{path}/manifest.json` cannot be read", "restore it, or run the command again") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("verb"), str):
        raise RunError(f"`{path}/manifest.json` is no run's manifest", "restore it, or run the command again")
    return manifest


def check_files(path: Path, manifest: Mapping[str, Any]) -> None:
    """Hold every record against the manifest.

    Raises RunError, with a hint, for a run that has not ended, and for a record that is missing, cut off or edited.
    """
    command = " ".join(map(str, manifest.get("command") or ()))
    again = f"run it again: {command}" if command else "run the command again"
    if manifest.get("status") != "complete":
        raise RunError(f"the run in `{path}` has not ended", f"the same command resumes it: {command}")
    files = manifest.get("files")
    if not isinstance(files, dict) or "summary.json" not in files:
        raise RunError(f"`{path}` has no hashes of its records, so nothing can be checked", again)
    for name, expected in files.items():
        file = path / str(name)
        if Path(str(name)).name != name or not isinstance(expected, dict):
            raise RunError(f"`{path}/manifest.json` names no file of the folder: `{name}`", again)
        if not file.is_file():
            raise RunError(f"`{file}` is missing", f"restore it, or {again}")
        try:
            found = file_facts(file)
        except OSError as error:
            raise RunError(f"`{file}` cannot be read: {error.strerror}", again) from error
        if found["bytes"] < int(expected.get("bytes", 0)):
            raise RunError(
                f"`{file}` is cut off: {found['bytes']} of {expected['bytes']} bytes", f"restore it, or {again}"
            )
        if found["sha256"] != expected.get("sha256"):
            raise RunError(f"`{file}` was changed after the run had ended", f"restore it, or {again}")


def blocks(records: Iterable[dict[str, Any]], key: tuple[str, ...]) -> list[list[dict[str, Any]]]:
    """Records parted by evaluation: a new block begins with another model or condition, or with a key that was seen."""
    found: list[list[dict[str, Any]]] = []
    of: tuple[Any, Any] | None = None
    seen: set[tuple[Any, ...]] = set()
    for record in records:
        who = (record["model"], json.dumps(record["condition"]))
        what = tuple(record.get(name) for name in key)
        if who != of or what in seen:
            found.append([])
            of, seen = who, set()
        seen.add(what)
        found[-1].append(record)
    return found


@dataclass(frozen=True)
class RunRecords:
    """A finished run whose records are as it left them."""

    path: Path
    manifest: dict[str, Any]
    settings: dict[str, dict[str, Any]]  # name: {"value", "from"}
    summary: dict[str, Any]
    sides: list[Side]

    @property
    def verb(self) -> str:
        return str(self.manifest["verb"])

    @property
    def title(self) -> str:
        return self.path.resolve().name

    def has(self, kind: str) -> bool:
        return f"{kind}.jsonl" in self.manifest["files"]

    def records(self, kind: str) -> Iterator[dict[str, Any]]:
        """Every record of a kind; none where the run kept none, or where the manifest does not vouch for the file."""
        if self.has(kind):
            yield from read_jsonl(self.path / f"{kind}.jsonl")

    def lines(self, kind: str) -> int:
        """How many records of a kind there are."""
        return (self.path / f"{kind}.jsonl").read_bytes().count(b"\n") if self.has(kind) else 0

    @cached_property
    def prompts(self) -> dict[str, dict[str, Any]]:
        return {str(record["id"]): record for record in self.records("prompts")}

    @cached_property
    def groups(self) -> dict[str, str]:
        """The group of each prompt by id.

        Prompts of an older run, which name none, share one where they are the same.
        """
        return {
            name: str(record.get("group") or digest([*normal_messages(record["messages"])]))
            for name, record in self.prompts.items()
        }

    def suite_of(self, prompt: str) -> str:
        return str(self.prompts[prompt]["suite"]) if prompt in self.prompts else prompt.split(":")[0]

    @cached_property
    def _verdict_blocks(self) -> list[list[dict[str, Any]]]:
        return blocks(self.records("verdicts"), ("prompt", "judge"))

    def readings(self, side: Side) -> dict[str, dict[str, list[Verdict]]]:
        """The verdicts of a side by suite and judge, each suite's own first; none where only totals are kept."""
        if side.place is None or side.place >= len(self._verdict_blocks):
            return {}
        found: dict[str, dict[str, list[Verdict]]] = {}
        for record in self._verdict_blocks[side.place]:
            of = found.setdefault(self.suite_of(str(record["prompt"])), {})
            of.setdefault(str(record["judge"]), []).append(Verdict(**record))
        return found

    def verdicts(self, side: Side, metric: str = "") -> dict[str, list[Verdict]]:
        """The verdicts of a side by suite: the suite's own judge's, or the first judge's that tells the metric."""
        chosen = {}
        for suite, groups in self.readings(side).items():
            telling = (name for name in groups if any(m.name == metric for m in measures_for(suite, name)))
            chosen[suite] = groups[next(telling, next(iter(groups)))]
        return chosen

    def measure(self, metric: str, suite: str, verdicts: Iterable[Verdict]) -> Measure | None:
        """How a metric reads these verdicts, or None where it cannot be read from them."""
        judge = next((verdict.judge for verdict in verdicts), "")
        return next((m for m in measures_for(suite, judge) if m.name == metric and not (m.mean or m.among)), None)

    def with_role(self, role: str) -> list[Side]:
        return [side for side in self.sides if side.role == role]

    @property
    def candidates(self) -> list[Side]:
        """What would be shipped.

        The repaired models, else those served under a prompt, else the tuned ones, else the base.
        """
        return next((found for role in ROLES[::-1] if (found := self.with_role(role))), [])

    def base_of(self, side: Side) -> Side | None:
        """The untouched model that a side is compared with: under the same prompt where it was measured so."""
        if side.role == "base":
            return None
        bases = self.with_role("base")
        template, seed = side.condition.get("test_template"), side.condition.get("seed")

        def nearness(base: Side) -> tuple[bool, bool]:
            own = base.condition
            return own.get("test_template") == template, own.get("seed") in (seed, None)

        return max(bases, key=nearness, default=None)


# ---- sides ----------------------------------------------------------------------------------------------------------


def _role(condition: Mapping[str, Any]) -> str:
    if condition.get("repair"):
        return "repaired"
    return "base" if condition.get("regime", "none") == "none" else "tuned"


def bare(spec: str) -> str:
    """The names in a defence's or repair's spec, without their options."""
    return re.sub(r":[^+@]*", "", str(spec))


def _described(condition: Mapping[str, Any], model: str, whole: bool = True) -> str:
    """A condition as people name it; options are left to the records, and learning rate and seed too unless `whole`."""
    regime = str(condition.get("regime", "none"))
    if regime == "none":
        under = condition.get("test_template")
        return model if under in (None, "none") else f"{model}, asked under {under}"
    parts = [regime]
    if condition.get("samples") is not None:
        parts[0] += f" {condition['samples']} × {condition.get('epochs', 1):g}"
    if whole and condition.get("lr") is not None and regime != "tune":
        parts.append(f"lr {condition['lr']:.3g}")
    if whole and condition.get("seed") is not None and regime != "tune":
        parts.append(f"seed {condition['seed']}")
    if condition.get("defence"):
        parts.append(f"with {bare(condition['defence'])}")
    if condition.get("repair"):
        parts.append(f"{bare(condition['repair'])} @ {condition.get('strength') or 0:g}")
    return ", ".join(parts)


NAMES = {
    "audit": {"base": "base", "tuned": "checkpoint", BESIDE: "also"},
    "tune": {"base": "before", "tuned": "tuned", "served": "served"},
    "repair": {"base": "base", "tuned": "tuned", "repaired": "repaired"},
}


def _evaluated(verb: str, records: Iterable[dict[str, Any]], others_from: int | None = None) -> list[Side]:
    """The evaluations of a run as sides; from the side `others_from` on they are models that an audit asked beside."""
    sides: list[Side] = []
    for place, block in enumerate(blocks(records, ("metric", "suite", "category"))):
        metrics = [Metric.of(record) for record in block]
        condition, model = block[0]["condition"], str(block[0]["model"])
        same = next(
            (
                s
                for s in sides
                if verb == "audit" and (s.model, s.condition) == (model, condition) and not _overlap(s, metrics)
            ),
            None,
        )
        if same:  # what a probe measured on a model that was evaluated before it
            same.metrics.extend(metrics)
            continue
        role = _role(condition)
        if verb == "audit":  # it measures the checkpoint first, and both untouched
            beside = others_from is not None and len(sides) >= others_from
            role = "tuned" if place == 0 else BESIDE if beside else "base"
        if verb == "tune" and role == "tuned" and any(side.role == "tuned" for side in sides):
            role = "served"
        name = NAMES.get(verb, {}).get(role) or _described(condition, "aligned" if role == "base" else model)
        name = for_page(f"{name}: {model}" if verb == "audit" else name, 160)
        sides.append(Side(role, name, model, condition, metrics, place))
    if verb in ("stress", "demo"):
        return _named_briefly(sides)
    return sorted(sides, key=lambda side: (*ROLES, BESIDE).index(side.role)) if verb == "audit" else sides


def _overlap(side: Side, metrics: Iterable[Metric]) -> bool:
    known = {(m.metric, m.suite, m.category) for m in side.metrics}
    return any((m.metric, m.suite, m.category) in known for m in metrics)


def _named_briefly(sides: list[Side]) -> list[Side]:
    """Attacks named without learning rate and seed, where that still tells them apart."""
    names = [
        for_page(_described(s.condition, "aligned" if s.role == "base" else s.model, whole=False), 160) for s in sides
    ]
    return [replace(s, name=n) if names.count(n) == 1 else s for s, n in zip(sides, names, strict=True)]


def _measured(run: RunRecords) -> list[Side]:
    """The sides of a run that measured models, the metrics of an audit's probes among them."""
    given = run.manifest.get("probes") if run.verb == "audit" else None
    probes = [probe for probe in given if isinstance(probe, dict)] if isinstance(given, list) else []
    names = {str(probe.get("probe")) for probe in probes}
    records = list(run.records("metrics"))
    others_from = 1 + ("base" in run.manifest) if run.manifest.get("also") else None
    sides = _evaluated(run.verb, (record for record in records if record["suite"] not in names), others_from)
    if probes:
        if not any(side.role == "tuned" for side in sides):  # nothing was asked beside the probes
            name = for_page(str((run.manifest.get("model") or {}).get("reference", "")), 160)
            sides.append(Side("tuned", f"checkpoint: {name}", name, Condition().to_dict(), []))
        tuned = next(side for side in sides if side.role == "tuned")
        _of_probes(probes, tuned, (record for record in records if record["suite"] in names))
    return sides


def _of_probes(probes: list[dict[str, Any]], side: Side, records: Iterable[dict[str, Any]]) -> None:
    """The metrics of the probes, which are the checkpoint's, and how many of them found something."""
    side.metrics.extend(Metric.of(record) for record in records)
    if probes:
        found = float(sum(bool(probe.get("found")) for probe in probes))
        side.metrics.append(
            Metric("probe.found", found, None, None, len(probes), 0, "lower", side.model, "probe", None, side.condition)
        )


def _of_cell(cell: Mapping[str, Any]) -> Side:
    metrics = [Metric.of(record) for record in cell["metrics"]]
    condition = dict(cell["condition"])
    name = for_page(f"{cell['regime']}, seed {cell['seed']}, {cell['arm']}", 160)
    facts = {key: cell[key] for key in ("arm", "regime", "seed", "tuning_s", "serving", "certified") if key in cell}
    model = metrics[0].model if metrics else ""
    return Side("repaired" if condition.get("repair") else "tuned", name, model, condition, metrics, None, facts)


def _of_judges(metrics: Iterable[dict[str, Any]]) -> list[Side]:
    """Each judge that was scored against labels as a side; its verdicts are of replies that others gave."""
    found = [[Metric.of(record) for record in block] for block in blocks(metrics, ("metric",))]
    return [Side("tuned", for_page(block[0].model, 160), block[0].model, block[0].condition, block) for block in found]


def _of_scan(summary: Mapping[str, Any], metrics: Iterable[dict[str, Any]]) -> list[Side]:
    """A scan as a side without a model: shares of labels, of levels, of malformed lines, and the risk as 0, 1 or 2."""
    found, rows = summary["summary"], max(int(summary["summary"]["rows"]), 1)
    condition, n = Condition().to_dict(), int(found["rows"])
    metrics_ = [Metric.of(record) for record in metrics]
    counts = {f"scan.{level}": count for level, count in found["rows_by_level"].items()} | {
        "scan.malformed": found["malformed"]
    }
    risk = float(RISKS.index(found["risk"]["level"]))
    for name, value in [*((name, count / rows) for name, count in counts.items()), ("scan.risk", risk)]:
        metrics_.append(
            Metric(name, value if n else None, None, None, n, 0, "lower", "dataset", "scan", None, condition)
        )
    return [Side("tuned", "dataset", "dataset", condition, metrics_, None)]


def open_run(path: Path) -> RunRecords:
    """A run's folder, checked. Raises UsageError or RunError, with a hint, for one that is not whole."""
    manifest = _manifest(path)
    check_files(path, manifest)
    try:
        summary = json.loads((path / "summary.json").read_text(encoding="utf-8", errors="surrogatepass"))
        stored = (
            yaml.safe_load((path / "run.yaml").read_text(encoding="utf-8")) if "run.yaml" in manifest["files"] else {}
        )
        settings = (stored or {}).get("settings") or {}
        run = RunRecords(path, manifest, settings, summary, [])
        if run.verb == "scan":
            sides = _of_scan(summary, run.records("metrics"))
        else:
            sides = _of_judges(run.records("metrics")) if run.verb == "judge" else _measured(run)
        sides += [_of_cell(cell) for cell in run.records("cells") if "metrics" in cell]
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise RunError(
            f"the records in `{path}` cannot be read: {type(error).__name__}: {error}", "run it again with this version"
        ) from error
    return RunRecords(path, manifest, settings, summary, sides)
