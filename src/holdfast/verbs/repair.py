"""holdfast repair BASE TUNED: safety back without training, at a strength that is chosen under a guarantee.

Every strength is measured on a calibration split; what is chosen there is reported on a test split that the choice never
saw. Nothing is written when no strength can be certified.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.core.contracts import Repair
from holdfast.core.errors import UsageError
from holdfast.core.progress import Progress
from holdfast.core.runs import Run
from holdfast.models.files import locate
from holdfast.repairing.interpolation import stream_interpolation
from holdfast.repairing.result_card import reading
from holdfast.reporting import terminal
from holdfast.verbs.repair_common import RepairSettings, parse_strengths


def repair(settings: RepairSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Give a tuned model its base's safety back without training, at a strength chosen under a guarantee."""
    promise, asked = settings.promise(), settings.repairs()
    for reference in (settings.base, settings.tuned):
        if reference.startswith("openai:"):
            raise UsageError(f"`{reference}` is an endpoint, and a repair needs weights", "name two model folders")
    for one in asked:
        parse_strengths(settings.strength, one)
    if settings.asks_nothing and len(asked) == 1 and asked[0].linear:
        folders = [locate(reference) for reference in (settings.base, settings.tuned)]
        if all(folders) and not any(map(holds_guild, folders)):
            return interpolate_only(settings, origins, asked[0])
    from holdfast.verbs.choosing_common import measured

    return measured(settings, origins, promise)


def holds_guild(folder: Path | None) -> bool:
    """Whether a folder is the embedded model's or one tuned from it, which has prompts of its own."""
    return (
        folder is not None
        and (folder / "tokenizer.json").exists()
        and "<asst>" in (folder / "tokenizer.json").read_text(encoding="utf-8")
    )


def interpolate_only(settings: RepairSettings, origins: dict[str, str], repair: Repair) -> dict[str, Any]:
    """Write an interpolation at a typed strength, streamed from the two folders; no model is loaded and nothing measured."""
    run = Run.open("repair", settings.tuned, settings.record(), origins, settings.out)
    (strength,), where = parse_strengths(settings.strength, repair), run.path / "model"
    with Progress() as progress:
        progress.say(f"{repair.spec} at {strength:g}: {reading(strength)}")
        stream_interpolation(
            repair,
            settings.base,
            settings.tuned,
            {strength: where},
            lambda done, total: progress.step("write", done, total),
        )
    document = terminal.json_document("repair", run.path, [], certified=False, method=repair.spec, strength=strength,
                                    model=str(where), measured=False)  # fmt: skip
    terminal.save_summary(run.path, document)
    run.finish(f"# {settings.tuned} interpolated with {settings.base}\n\n{reading(strength)}. Nothing was measured.\n")
    if settings.json_output:
        terminal.print_json(document)
        return document
    out = terminal.console()
    out.print(f"{repair.spec} at {strength:g} ({reading(strength)}); nothing was measured", markup=False)
    out.print("hint: add --prompts FILE to have the strength chosen under a guarantee", style="dim", markup=False)
    out.print(f"model: {where}\nrun: {run.path}", markup=False)
    return document
