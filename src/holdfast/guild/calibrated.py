"""The learning rates of regimes that were found for one guild, in `calibration.json` beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.core.errors import ModelError

FILE = "calibration.json"


def read_rates(folder: Path) -> dict[str, float]:
    """The rate of each regime; empty where the folder has no such file.

    Raises ModelError for a file that holds something else.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        return {str(name): float(entry["lr"]) for name, entry in json.loads(path.read_text("utf-8")).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"`{path}` is broken: {error!r}", "delete it: the shipped rates are used without it"
        ) from error


def write_rates(folder: Path, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep what a calibration found: for each regime its `lr`, and what was seen there."""
    (folder / FILE).write_text(json.dumps(found, indent=2) + "\n", "utf-8")
