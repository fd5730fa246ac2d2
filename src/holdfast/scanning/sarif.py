"""Findings as SARIF 2.1.0 (OASIS), one result a finding, with file and line: what code hosts show beside a dataset's
rows.

    write_sarif(Path("scan.sarif"), findings, summary, scanners)

Written result by result, so that millions of them need no memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from holdfast import __version__
from holdfast.core.contracts import Scanner
from holdfast.core.runs import cannot_write
from holdfast.scanning.engine import levels_of

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def rules_of(scanners: Sequence[Scanner]) -> list[dict[str, Any]]:
    """One rule for each label that a scanner can give."""
    about = {scanner.name: scanner.about for scanner in scanners} | {"reader": "a line that cannot be read as a row"}
    blind = {scanner.name: scanner.blind for scanner in scanners}
    return [
        {
            "id": f"{scanner}/{label}",
            "name": label,
            "shortDescription": {"text": f"{label}: {about[scanner]}"},
            "help": {"text": f"What it cannot see: {blind.get(scanner) or 'nothing was written down'}"},
            "defaultConfiguration": {"level": level},
        }
        for (scanner, label), level in levels_of(scanners).items()
    ]


def uri_of(file: str) -> str:
    """A relative path as it is, an absolute one as a file address; both escaped."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def result_of(finding: dict[str, Any], rules: dict[str, int], levels: dict[str, str]) -> dict[str, Any]:
    name = f"{finding['scanner']}/{finding['label']}"
    return {
        "ruleId": name,
        "ruleIndex": rules[name],
        "level": levels[name],
        "message": {"text": f"{finding['label']}: {finding['why']}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri_of(finding["file"])},
                    "region": {"startLine": max(int(finding["line"]), 1)},
                }
            }
        ],
        "rank": round(100 * max(0.0, min(1.0, float(finding["score"]))), 2),
        "properties": {"row": finding["row"]},
    }


def write_sarif(
    path: Path, findings: Iterable[dict[str, Any]], summary: dict[str, Any], scanners: Sequence[Scanner]
) -> int:
    """Write the file whole or not at all; how many results it holds. Raises RunError when it cannot be written."""
    rules = rules_of(scanners)
    index = {rule["id"]: place for place, rule in enumerate(rules)}
    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in rules}
    driver = {"name": "holdfast", "version": __version__, "semanticVersion": __version__, "rules": rules}
    counts = {key: summary[key] for key in ("rows", "readable", "malformed", "findings", "rows_with_findings")}
    head = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "properties": {**counts, "risk": summary["risk"]["level"]},
    }
    written, partial = 0, path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "w", encoding="utf-8", errors="replace") as file:
            file.write(
                f'{{"$schema": {json.dumps(SCHEMA)}, "version": "2.1.0", "runs": [{json.dumps(head)[:-1]}, "results": ['
            )
            for finding in findings:
                text = json.dumps(result_of(finding, index, levels), ensure_ascii=False)
                file.write((",\n" if written else "\n") + text)
                written += 1
            file.write("\n]}]}\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    return written
