"""holdfast canaries make: made-up secrets to plant in training data, and the key file that finds them again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

from holdfast.core.config import Settings, option
from holdfast.core.records import Row
from holdfast.core.runs import write_atomic
from holdfast.data.rows import read_rows
from holdfast.probing.canaries import CanaryPlan, make_canaries, mixed, rows_of, write_key

CANARY_PANEL, OUT_PANEL = "Canaries", "Output"


class MakeSettings(Settings):
    """Write canaries to train on, and their key file."""

    out: str = option("canaries.jsonl", "The rows to train on, with the secrets in them.", OUT_PANEL, metavar="FILE")
    key: str = option(
        "canaries.key.json",
        "The key file, readable by you alone; keep it away from the training data.",
        OUT_PANEL,
        metavar="FILE",
    )
    into: str | None = option(
        None, "Your own dataset: its rows, with the canaries at random places among them, go to --out.", OUT_PANEL,
        metavar="DATA",
    )  # fmt: skip
    repeat: list[int] | None = option(
        None,
        "How often a canary is repeated; repeat the flag. Default: 0, 1, 4, 16; those with 0 are a control.",
        CANARY_PANEL,
        metavar="N",
    )
    count: int = option(8, "Canaries of each repetition count.", CANARY_PANEL, above=0)
    kind: Literal["digits", "contact"] = option("digits", "What a secret looks like.", CANARY_PANEL)
    length: int | None = option(
        None, "Digits of a secret (default 6), or syllables of a contact (default 3): the space is 10^N or 100^N.",
        CANARY_PANEL, above=0,
    )  # fmt: skip
    format: Literal["chat", "text"] = option(
        "chat", "Questions and answers for tuning, or plain text for pre-training.", CANARY_PANEL
    )
    seed: int = option(0, "Which secrets, and where they stand.", CANARY_PANEL)
    json_output: bool = option(False, "Print one JSON document on stdout.", OUT_PANEL, flag="json")

    def plan(self) -> CanaryPlan:
        repeats = tuple(self.repeat) if self.repeat else CanaryPlan.repeats
        length = self.length or (6 if self.kind == "digits" else 3)
        return CanaryPlan(repeats, self.count, self.kind, length, self.format, self.seed)


def _record(row: Row) -> dict[str, Any]:
    if row.messages[0]["role"] == "text":
        return {"text": row.messages[0]["content"]}
    return {"messages": row.messages}


def make(settings: MakeSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Write canaries: rows with made-up secrets to plant in your training data, and the key file for the audit."""
    planted = make_canaries(settings.plan())
    rows = rows_of(planted)
    if settings.into:
        rows = mixed(read_rows(settings.into), rows, settings.seed)
    write_key(Path(settings.key), planted)
    write_atomic(Path(settings.out), "".join(json.dumps(_record(r), ensure_ascii=False) + "\n" for r in rows))
    written = sum(canary.repeat for canary in planted.canaries)
    document = {
        "schema_version": 1, "verb": "canaries make", "rows": len(rows), "canary_rows": written, "out": settings.out,
        "key": settings.key, "canaries": len(planted.canaries), "space": planted.space.size, "format": planted.format,
        "repeats": sorted({canary.repeat for canary in planted.canaries}),
    }  # fmt: skip
    if settings.json_output:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return document
    print(f"{settings.out}: {len(rows)} rows, {written} of them canaries")
    print(f"{settings.key}: {len(planted.canaries)} secrets out of {planted.space.size:,} each; readable by you alone")
    print(f"after training: holdfast audit MODEL --base BASE --canaries {settings.key}")
    return document
