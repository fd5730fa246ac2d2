"""A model's safety card: a section in README.md with results in its metadata, and safety_audit.json.

    write_card(run, decision, Path("model"))     twice changes nothing

The metadata are Hugging Face's `model-index`; results that others put there stay. A card is written only where the run
measured these very weights.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from holdfast import __version__
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.records import Metric, digest
from holdfast.core.runs import write_atomic
from holdfast.data.folders import HUB_ID
from holdfast.evaluation.run_reader import RunRecords, Side
from holdfast.gating.exit_code import Decision
from holdfast.models.card import put_section, read_front, with_front
from holdfast.models.files import fingerprint, weight_files
from holdfast.reporting.blind_spots import cannot_see
from holdfast.reporting.markdown import table_markdown
from holdfast.reporting.page import leading
from holdfast.reporting.tables import comparisons, totals_table
from holdfast.reporting.terminal import SCHEMA_VERSION
from holdfast.reporting.verdict import verdict_of
from holdfast.text.safe import for_markdown

BEGIN, END = "<!-- holdfast-audit: begin -->", "<!-- holdfast-audit: end -->"
SECTION = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}\n?", re.DOTALL)
TAGS = ["holdfast"]
DATASET = "holdfast"  # how our results in a model-index are told from others'
FILE = "safety_audit.json"


# ---- whose card it is -----------------------------------------------------------------------------------------------


def folder_print(run: RunRecords, folder: Path) -> str:
    """The fingerprint of a folder's weights, as `audit` makes it; an adapter's includes its base's."""
    own = fingerprint(weight_files(folder))
    if not (folder / "adapter_config.json").exists():
        return own
    return digest({"base": (run.manifest.get("base") or {}).get("fingerprint"), "adapter": own})


def check_same(run: RunRecords, folder: Path) -> str:
    """The folder's fingerprint. Raises UsageError or ModelError unless the run measured the weights in this folder."""
    if run.verb not in ("audit", "tune", "repair"):
        raise UsageError(
            f"a run of `{run.verb}` has no model to write a card for", "name a run of audit, tune or repair"
        )
    if not folder.is_dir():
        raise UsageError(f"there is no model folder `{folder}`", "name the folder that holds the weights")
    found = folder_print(run, folder)
    written = run.summary.get("model")
    if run.verb == "audit" and found == (run.manifest.get("model") or {}).get("fingerprint"):
        return found
    if (
        written
        and run.verb != "audit"
        and folder.resolve() in (Path(str(written)).resolve(), (run.path / "model").resolve())
    ):
        return found
    hint = f"name {written}" if written and run.verb != "audit" else f"audit this folder: holdfast audit {folder}"
    raise ModelError(f"the run in `{run.path}` measured other weights than those in `{folder}`", hint)


# ---- what it says ---------------------------------------------------------------------------------------------------


def short_name(reference: Any) -> str:
    """A hub id as it is, a folder by its last part: cards are published."""
    text = str(reference)
    return text if HUB_ID.match(text) and not Path(text).exists() else Path(text).name or text


def result_entries(side: Side) -> list[dict[str, Any]]:
    """The totals as results of a model-index, one entry a suite."""
    suites: dict[str, list[Metric]] = {}
    for m in side.metrics:
        if m.category is None and m.value is not None:
            suites.setdefault(m.suite, []).append(m)
    return [
        {
            "task": {"type": "text-generation", "name": "Safety audit"},
            "dataset": {"type": f"{DATASET}-{suite}", "name": f"holdfast {suite}"},
            "metrics": [{"type": m.metric, "value": round(float(m.value or 0), 6), "name": _named(m)} for m in found],
        }
        for suite, found in suites.items()
    ]


def _named(m: Metric) -> str:
    interval = f", 95 % interval {m.low:.4f} to {m.high:.4f}" if m.low is not None and m.high is not None else ""
    return f"{m.metric}, n {m.n}{interval}"


def model_index(known: Any, side: Side, name: str) -> list[dict[str, Any]]:
    """A model-index with our results in place of earlier ones of ours, and everybody else's as they are."""
    entries = [dict(entry) for entry in known if isinstance(entry, dict)] if isinstance(known, list) else []
    if not entries:
        entries = [{"name": name, "results": []}]
    first = entries[0]
    others = [
        r
        for r in first.get("results") or ()
        if not str((r.get("dataset") or {}).get("type", "")).startswith(f"{DATASET}-")
    ]
    entries[0] = {**first, "results": [*others, *result_entries(side)]}
    return entries


def section(run: RunRecords, side: Side, decision: Decision) -> str:
    """The card's section, without a path of this machine and without a reply."""
    base = run.base_of(side)
    table = totals_table([*([base] if base else []), side])
    parts = [
        BEGIN,
        "## Safety audit",
        "",
        f"**{for_markdown(verdict_of(run, decision).sentence)}**",
        "",
        (
            f"Measured with holdfast {__version__}, judge `{for_markdown(str(run.manifest.get('judge', '')))}`."
            f" {decision.sentence} Policy: {for_markdown(decision.policy)}."
        ),
        "",
        table_markdown(table),
        "What this does not tell:",
        "",
        *(f"- {for_markdown(point)}" for point in cannot_see(run)),
        "",
        f"Everything by category, with the flips and the gate's rules: `{FILE}`.",
        END,
        "",
    ]
    return "\n".join(parts)


def audit_document(run: RunRecords, side: Side, decision: Decision, weights: str) -> dict[str, Any]:
    """safety_audit.json: what was measured on which weights, and how that was decided. It depends on the run alone."""
    base = run.base_of(side)
    models = {
        key: {"name": short_name(facts["reference"]), **{k: facts.get(k) for k in ("fingerprint", "chat_template")}}
        for key in ("model", "base", "tuned")
        if isinstance(facts := run.manifest.get(key), dict) and "reference" in facts
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "holdfast", "version": __version__},
        "run": {
            "name": run.title,
            "verb": run.verb,
            "started": run.manifest.get("started"),
            "files": run.manifest["files"],
        },
        "weights": weights,
        "models": models,
        "judge": run.manifest.get("judge"),
        "condition": side.condition,
        "verdict": verdict_of(run, decision).sentence,
        "gate": decision.to_dict(),
        "metrics": [m.to_dict() for m in side.metrics],
        "base_metrics": [m.to_dict() for m in base.metrics] if base else [],
        "comparisons": [c.to_dict() for c in comparisons(run, base, side)] if base else [],
        "blind_spots": cannot_see(run),
    }


def _write_changed(path: Path, text: str) -> bool:
    if path.exists() and path.read_bytes() == text.encode("utf-8", "surrogatepass"):
        return False
    write_atomic(path, text)
    return True


def write_card(run: RunRecords, decision: Decision, folder: Path) -> list[Path]:
    """Write or bring up to date the card and the audit of a model folder; which files changed.

    Raises ModelError when the run measured other weights, RunError when a file cannot be written.
    """
    weights = check_same(run, folder)
    side = leading(run)
    if side is None:
        raise UsageError(f"the run in `{run.path}` measured no model", "run it with at least one suite")
    path = folder / "README.md"
    text = put_section(path.read_text(encoding="utf-8") if path.exists() else "", SECTION, section(run, side, decision))
    known = read_front(text)
    if known is None:
        raise UsageError(f"the front matter of `{path}` is no YAML mapping", "mend the lines between the two ---")
    index = model_index(known.get("model-index"), side, folder.resolve().name)
    base = (run.manifest.get("base") or {}).get("reference")
    new = {
        "base_model": (
            [base] if base and HUB_ID.match(str(base)) and "/" in str(base) and not Path(str(base)).exists() else []
        )
    }
    text = with_front(text, new, TAGS, {"model-index": index})
    document = (
        json.dumps(audit_document(run, side, decision, weights), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )
    return [file for file, content in ((path, text), (folder / FILE, document)) if _write_changed(file, content)]
