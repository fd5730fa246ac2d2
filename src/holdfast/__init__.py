"""holdfast keeps an aligned language model's safety through fine-tuning.

    import holdfast
    result = holdfast.audit(model, tokenizer, base="org/base", prompts="forbidden.jsonl")

docs/library.md has the calls: scan, tune, audit, repair, stress, gate, report. Names are loaded on first use, so that
`import holdfast` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    **dict.fromkeys(("audit", "gate", "repair", "report", "scan", "stress", "tune"), "holdfast.api.public"),
    **dict.fromkeys(
        ("AuditResult", "GateResult", "Page", "RepairResult", "ScanResult", "StressResult", "TuneResult"),
        "holdfast.api.results",
    ),
    "HoldfastError": "holdfast.core.errors",
    "load_model": "holdfast.models.load",
    "read_rows": "holdfast.data.rows",
    "evaluate": "holdfast.evaluation.evaluate",
    "train": "holdfast.training.trainer",
    "Bench": "holdfast.evaluation.bench",
    "Suite": "holdfast.stats.groups",
    "TrainSettings": "holdfast.training.settings",
    "GenerateOptions": "holdfast.models.generate",
    "Condition": "holdfast.core.records",
    "Prompt": "holdfast.core.records",
    "Row": "holdfast.core.records",
    "Defence": "holdfast.core.contracts",
}

__all__ = ["__version__", *sorted(_NAMES)]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return __all__
