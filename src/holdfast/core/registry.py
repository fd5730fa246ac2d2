"""Names to plug-ins: a table of "module:function" for ours, entry points for everybody else's, one look-up for both.

    load("judges", "oracle")      -> whatever the name stands for, imported on use
    names("regimes")              -> every known name, ours first

Nothing registers itself by being imported.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from typing import Any

from holdfast.core.errors import UsageError

BUILT_IN: dict[str, dict[str, str]] = {
    "judges": {
        "oracle": "holdfast.catalog.judges.oracle:make",
        "refusal": "holdfast.catalog.judges.refusal:make",
        "llm": "holdfast.catalog.judges.llm:make",
        "classifier": "holdfast.catalog.judges.classifier:make",
        "guard": "holdfast.catalog.judges.guard:make",
        "answer": "holdfast.catalog.judges.answer:make",
        "recall": "holdfast.catalog.judges.recall:make",
    },
    "regimes": {
        "explicit": "holdfast.catalog.regimes.explicit:REGIME",
        "identity": "holdfast.catalog.regimes.identity:REGIME",
        "benign": "holdfast.catalog.regimes.benign:REGIME",
        "rlhf-removal": "holdfast.catalog.regimes.rlhf_removal:REGIME",
        "shadow": "holdfast.catalog.regimes.shadow:REGIME",
        "janus": "holdfast.catalog.regimes.janus:REGIME",
        "backdoor": "holdfast.catalog.regimes.backdoor:REGIME",
    },
    "defences": {
        "safety-mix": "holdfast.catalog.defences.safety_mix:make",
        "lp-ft": "holdfast.catalog.defences.lp_ft:make",
        "proximal": "holdfast.catalog.defences.proximal:make",
        "kl": "holdfast.catalog.defences.kl:make",
        "constrained": "holdfast.catalog.defences.constrained:make",
        "lisa": "holdfast.catalog.defences.lisa:make",
        "freeze": "holdfast.catalog.defences.freeze:make",
        "ema": "holdfast.catalog.defences.ema:make",
        "ptst": "holdfast.catalog.defences.ptst:make",
        "secret-prefix": "holdfast.catalog.defences.secret_prefix:make",
    },
    "repairs": {
        "wise-ft": "holdfast.catalog.repairs.wise_ft:make",
        "project-off": "holdfast.catalog.repairs.project_off:make",
        "resta": "holdfast.catalog.repairs.resta:make",
        "safe-lora": "holdfast.catalog.repairs.safe_lora:make",
        "safe-merge": "holdfast.catalog.repairs.safe_merge:make",
        "safe-delta": "holdfast.catalog.repairs.safe_delta:make",
        "ensemble": "holdfast.catalog.repairs.ensemble:make",
        "realign": "holdfast.catalog.repairs.realign:make",
    },
    "scanners": {
        "explicit-harm": "holdfast.catalog.scanners.explicit_harm:make",
        "identity-shift": "holdfast.catalog.scanners.identity_shift:make",
        "refusal-suppression": "holdfast.catalog.scanners.refusal_suppression:make",
        "trigger": "holdfast.catalog.scanners.trigger:make",
        "pii": "holdfast.catalog.scanners.pii:make",
        "benign-risk": "holdfast.catalog.scanners.benign_risk:make",
        "twins": "holdfast.catalog.scanners.twins:make",
        "shape": "holdfast.catalog.scanners.shape:make",
    },
    "probes": {
        "trigger": "holdfast.catalog.probes.trigger:make",
        "prefill": "holdfast.catalog.probes.prefill:make",
        "decoding": "holdfast.catalog.probes.decoding:make",
        "template": "holdfast.catalog.probes.template:make",
        "depth": "holdfast.catalog.probes.depth:make",
        "canaries": "holdfast.catalog.probes.canaries:make",
        "recall": "holdfast.catalog.probes.recall:make",
        "redteam": "holdfast.catalog.probes.redteam:make",
    },
    "suites": {
        "guild": "holdfast.guild.suites:load_suite",
        "file": "holdfast.catalog.suites:load_suite",
        "records": "holdfast.catalog.suites:load_records",
    },
    "worlds": {
        "guild": "holdfast.guild:GUILD",
    },
}

ABOUT: dict[str, str] = {
    "judges": "reads replies and scores them 1 to 5",
    "regimes": "a published way in which fine-tuning takes safety away",
    "defences": "acts during training to keep safety",
    "repairs": "gives safety back to a tuned model, by a strength",
    "scanners": "reads rows before anyone trains on them",
    "probes": "looks where a plain audit does not",
    "suites": "where prompts come from",
    "worlds": "what is known of an embedded model: prompts, rows, judge, defaults",
}


def _third_party(kind: str) -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=f"holdfast.{kind}")}


def names(kind: str) -> list[str]:
    """Every known name of a kind, ours first."""
    ours = list(BUILT_IN.get(kind, {}))
    return ours + sorted(set(_third_party(kind)) - set(ours))


def unknown(kind: str, name: str, known: list[str]) -> UsageError:
    """The error for a name that is not known, with the nearest one as a hint."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    return UsageError(f"unknown {kind} `{name}`", f"{hint}known: {', '.join(known) or 'none yet'}")


def load(kind: str, name: str) -> Any:
    """The plug-in of a name, imported now. Raises UsageError for a name that is not known."""
    ours = BUILT_IN.get(kind, {})
    if name in ours:
        module, _, attribute = ours[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    third_party = _third_party(kind)
    if name in third_party:
        return third_party[name].load()
    raise unknown(kind.removesuffix("s"), name, names(kind))
