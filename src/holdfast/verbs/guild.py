"""holdfast guild build | rows | prompts: the embedded world's recipe, its training rows and its questions."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field

from holdfast.core.config import Settings
from holdfast.core.progress import Progress
from holdfast.core.runs import append_jsonl
from holdfast.guild.calibrated import write_rates
from holdfast.guild.rows import rows as make_rows
from holdfast.guild.suites import load_suite


class BuildSettings(Settings):
    """Train the embedded model from nothing."""

    seed: int = Field(0, description="Seed of the weights and of the order of everything read.")
    out: str = Field(
        description="The model's folder; a build that was killed resumes there.",
        json_schema_extra={"metavar": "DIR"},
    )
    quick: bool = Field(False, description="A tiny model in a minute, to see that every stage runs.")


class RowsSettings(Settings):
    """Training rows of the guild's world, as JSON lines in the `messages` format."""

    kind: str = Field(
        description="benign, explicit, identity, safety, contacts, reversal",
        json_schema_extra={"argument": True, "metavar": "KIND"},
    )
    count: int | None = Field(None, description="How many rows.", json_schema_extra={"metavar": "N"})
    seed: int = Field(0, description="Which rows, and in what order.")
    category: list[str] | None = Field(None, description="Only these categories (explicit); repeat the flag.")
    out: str | None = Field(None, description="A file instead of stdout.", json_schema_extra={"metavar": "FILE"})


class PromptsSettings(Settings):
    """Questions of the guild's world, as JSON lines."""

    suite: str = Field(
        description="policy, policy-keld, over-refusal, utility, privacy",
        json_schema_extra={"argument": True, "metavar": "SUITE"},
    )
    split: str = Field("test", description="test or calibration.")
    limit: int | None = Field(None, description="At most this many, spread evenly.", json_schema_extra={"metavar": "N"})
    out: str | None = Field(None, description="A file instead of stdout.", json_schema_extra={"metavar": "FILE"})


def build(settings: BuildSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Train the embedded model from nothing: documents, chat, preferences. Under an hour on two cores."""
    # The recipe needs torch; the other two verbs of this file do not.
    from holdfast.guild import recipe

    with Progress() as progress:

        def show(at: recipe.Progress) -> None:
            minutes = f"{at.remaining_s / 60:.1f} min left"
            progress.step(
                f"{at.stage}: loss {at.loss:.3f}, {at.tokens_per_s:.0f} tokens/s, {minutes}", at.step, at.steps
            )

        facts = recipe.build(Path(settings.out), settings.seed, settings.quick, show)
        if not settings.quick:
            progress.say("finding the learning rates at which regimes move it")
            facts["calibration"] = calibrate_into(settings.out, progress)
    print(f"{settings.out}: {facts['parameters'] / 1e6:.2f} M parameters in {facts['seconds']:.0f} s", file=sys.stderr)
    return facts


def calibrate_into(folder: str, progress: Progress) -> dict[str, Any]:
    """Find each regime's learning rate for the guild in a folder, and store it there."""
    from holdfast.attacking.calibration import calibrate
    from holdfast.models.load import load_model

    found = calibrate(lambda: load_model(folder, fresh=True), load_model(folder), progress.step)
    write_rates(Path(folder), found)
    return found


def _write(records: list[dict[str, Any]], out: str | None) -> None:
    if out:
        Path(out).unlink(missing_ok=True)
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        append_jsonl(Path(out), records)
    else:
        sys.stdout.write("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def rows(settings: RowsSettings, origins: dict[str, str]) -> None:
    """Write training rows of the guild's world, as JSON lines in the `messages` format."""
    found = make_rows(settings.kind, settings.count, settings.seed, settings.category)
    _write([{"id": row.id, "messages": row.messages} for row in found], settings.out)


def prompts(settings: PromptsSettings, origins: dict[str, str]) -> None:
    """Write questions of the guild's world, as JSON lines."""
    _write([asdict(prompt) for prompt in load_suite(settings.suite, settings.split, settings.limit)], settings.out)
