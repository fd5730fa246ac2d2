"""What the verbs that repair share: what a repair may draw on, and the direction of harm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.core.config import Settings, option
from holdfast.core.errors import UsageError
from holdfast.core.records import Row
from holdfast.data.rows import read_rows

if TYPE_CHECKING:  # torch is imported by what loads a model, and not by settings
    from holdfast.models.load import LoadedModel, ModelOptions
    from holdfast.repairing.inputs import Direction
    from holdfast.repairing.sources import Sources

REPAIR_PANEL = "Repair"
# The unaligned guild: explicit rows of a seed that no regime uses by default.
GUILD_ROWS, GUILD_SEED = 300, 1000
PAPER_LR = 5e-5


class RepairInputSettings(Settings):
    """What repairs may draw on, for the verbs that repair."""

    unaligned: str | None = option(
        None, "The base without its alignment, for repairs along the direction of harm.", REPAIR_PANEL, metavar="MODEL"
    )
    unaligned_rows: str | None = option(
        None,
        "Forbidden questions with answers. The base is tuned on them in memory to get the unaligned model; it is never"
        " saved.",
        REPAIR_PANEL,
        metavar="FILE",
    )
    unaligned_lr: float | None = option(
        None, "Learning rate of that tuning. Default: 5e-5, as Qi et al.; 1e-4 on guild.", REPAIR_PANEL, above=0
    )
    task_rows: str | None = option(
        None, "Rows that the model was tuned on, for the repairs that train.", REPAIR_PANEL, metavar="FILE"
    )


def open_sources(
    settings: RepairInputSettings, base: LoadedModel, reference: str, options: ModelOptions, safety_rows: Sequence[Row]
) -> Sources:
    """The inputs that the settings name, and on the embedded model its own."""

    from holdfast.models.load import load_model
    from holdfast.repairing.inputs import direction_between, direction_from_rows
    from holdfast.repairing.sources import Sources
    from holdfast.training.settings import TrainSettings

    def from_model() -> Direction:
        unaligned = load_model(str(settings.unaligned), options)
        return direction_between(base, unaligned, f"the unaligned model `{settings.unaligned}`")

    def from_rows() -> Direction:
        lr = settings.unaligned_lr or base.world.default("unaligned.lr", PAPER_LR)
        return direction_from_rows(
            base, lambda: load_model(reference, options, fresh=True), unaligned, TrainSettings(5.0, lr, 10, GUILD_SEED)
        )

    if settings.unaligned and settings.unaligned_rows:
        raise UsageError("--unaligned and --unaligned-rows name two directions", "keep one of them")
    unaligned: Sequence[Row] = ()
    if settings.unaligned_rows:
        unaligned = read_rows(settings.unaligned_rows)
    elif not settings.unaligned:
        unaligned = base.world.rows("explicit", GUILD_ROWS, GUILD_SEED) or ()
    make = from_model if settings.unaligned else from_rows if unaligned else None
    task = read_rows(settings.task_rows) if settings.task_rows else ()
    return Sources(base, safety_rows, make, task)
