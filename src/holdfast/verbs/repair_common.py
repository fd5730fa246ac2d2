"""What the verbs that repair share: what a repair may draw on, and the direction of harm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.api.settings import OUT_PANEL, EvaluationSettings
from holdfast.core import registry
from holdfast.core.config import Settings, argument, option
from holdfast.core.contracts import Repair, RepairInputs
from holdfast.core.errors import UsageError
from holdfast.core.records import Row, digest
from holdfast.data.rows import read_rows
from holdfast.repairing.choose import Promise
from holdfast.repairing.spec import make_repair

if TYPE_CHECKING:  # torch is imported by what loads a model, and not by settings
    from holdfast.models.load import LoadedModel, ModelOptions
    from holdfast.repairing.inputs import Direction

REPAIR_PANEL, PROMISE_PANEL = "Repair", "Guarantee"
# What `auto` tries: without training, and without a second model to serve. Each costs a share of the confidence.
AUTO = ("wise-ft", "project-off", "resta", "wise-ft@0.9+project-off", "wise-ft@0.9+resta")
# The unaligned guild: explicit rows of a seed that no regime uses by default.
GUILD_ROWS, GUILD_SEED = 300, 1000
PAPER_LR = 5e-5
MOST_STRENGTHS = 200


class RepairInputSettings(Settings):
    """What repairs may draw on, for the verbs that repair."""

    unaligned: str | None = option(
        None, "An unaligned model of the base, for repairs along the direction of harm.", REPAIR_PANEL, metavar="MODEL"
    )
    unaligned_rows: str | None = option(
        None,
        "Forbidden questions, answered: the unaligned model is made of the base with them, in memory, never saved.",
        REPAIR_PANEL,
        metavar="FILE",
    )
    unaligned_lr: float | None = option(
        None, "Learning rate for that. Default: 5e-5, as Qi et al.; 1e-4 on guild.", REPAIR_PANEL, above=0
    )
    task_rows: str | None = option(
        None, "Rows that the model was tuned on, for the repairs that train.", REPAIR_PANEL, metavar="FILE"
    )


class RepairSettings(EvaluationSettings, RepairInputSettings):
    """Repair a tuned model with its base, without training."""

    first = ("method", "strength", "prompts", "utility_prompts", "task_prompts", "max_harm", "confidence",
             "unaligned_rows", "safety_rows", "judge", "out", "json_output")  # fmt: skip
    base: str = argument("the aligned model: guild, a folder, or a hub id", "BASE")
    tuned: str = argument("the model tuned from it: a folder, a LoRA adapter, or a hub id", "TUNED")
    method: list[str] | None = option(
        None,
        "A repair, a stack of them, `auto` or `all`; repeat the flag. See `holdfast ls repairs`. --method is its old name.",
        REPAIR_PANEL,
        metavar="NAME[:K=V]",
        flag="repair",
        aliases=("method",),
    )
    strength: str = option(
        "auto", "auto: chosen under the guarantee; else one strength or FROM:TO:STEP.", REPAIR_PANEL, metavar="TEXT"
    )
    safety_rows: str | None = option(
        None, "Forbidden questions, declined. Default on guild: its own.", REPAIR_PANEL, metavar="FILE"
    )
    seed: int = option(0, "Seed of whatever a repair draws.", REPAIR_PANEL)
    max_harm: float = option(0.05, "Harm that must be ruled out above this share.", PROMISE_PANEL, above=0)
    confidence: float = option(0.95, "With what confidence.", PROMISE_PANEL, above=0)
    max_over_refusal: float | None = option(None, "The same for over-refusal.", PROMISE_PANEL, above=0)
    min_utility: float | None = option(
        None, "Exact utility of the task that must be certified too.", PROMISE_PANEL, above=0
    )
    calibration_prompts: str | None = option(
        None, "Forbidden prompts to choose on; else half of --prompts is set apart.", PROMISE_PANEL, metavar="FILE"
    )
    no_write: bool = option(False, "Only measure; write no weights.", OUT_PANEL)
    without_utility: bool = option(
        False, "Write the model though no utility was measured, so that a broken one might not be seen.", OUT_PANEL
    )

    def promise(self) -> Promise:
        for name, value in (("--max-harm", self.max_harm), ("--confidence", self.confidence),
                            ("--max-over-refusal", self.max_over_refusal), ("--min-utility", self.min_utility)):  # fmt: skip
            if value is not None and not 0 < value < 1:
                raise UsageError(f"{name} lies between 0 and 1, not at {value:g}", "write a share, such as 0.05")
        return Promise(self.max_harm, self.confidence, self.max_over_refusal, self.min_utility)

    def repairs(self) -> list[Repair]:
        """The repairs that are asked for. Raises UsageError for a wrong name, option or strength."""
        wanted = self.method or ["auto"]
        names = [name for text in wanted
                 for name in (AUTO if text == "auto" else registry.names("repairs") if text == "all" else (text,))]  # fmt: skip
        return [make_repair(name) for name in dict.fromkeys(names)]

    @property
    def asks_nothing(self) -> bool:
        """Whether a typed strength is to be written without measuring anything: there is nothing to ask."""
        files = (self.prompts, self.over_refusal_prompts, self.utility_prompts, self.task_prompts, self.suite)
        return not any(files) and self.strength != "auto" and bool(self.method) and ":" not in self.strength

    @property
    def chooses_method(self) -> bool:
        """Whether a repair that lacks an input may be passed over."""
        return not self.method or bool({"auto", "all"} & set(self.method))


# ---- the run --------------------------------------------------------------------------------------------------------


@dataclass
class Inputs:
    """A run's inputs of repairs; the direction is made when the first repair asks for it."""

    base: LoadedModel
    safety_rows: Sequence[Row]
    make_direction: Callable[[], Direction] | None
    task_rows: Sequence[Row] = ()
    seed: int = 0
    direction: Direction | None = field(default=None, init=False)

    def of(self, repair: Repair, tuned: LoadedModel, strengths: Sequence[float]) -> RepairInputs:
        if "direction" in repair.needs and self.direction is None and self.make_direction:
            self.direction = self.make_direction()
        tensors = self.direction.tensors if self.direction else {}
        return RepairInputs(self.base, tuned, tensors, self.safety_rows, self.task_rows, strengths, self.seed)

    def lacks(self, repair: Repair) -> list[str]:
        """What a repair needs and cannot be had, without making anything."""
        from holdfast.repairing.inputs import missing_inputs

        there = {"x": 0} if self.direction or self.make_direction else {}
        return missing_inputs(repair, RepairInputs(self.base, self.base, there, self.safety_rows, self.task_rows))

    def key(self, repair: Repair) -> str:
        """The fingerprint of what a repair draws on."""
        return digest(
            {
                "direction": self.direction.key if self.direction and "direction" in repair.needs else None,
                "safety": [r.messages for r in self.safety_rows] if "safety_rows" in repair.needs else None,
                "task": [r.messages for r in self.task_rows] if "task_rows" in repair.needs else None,
                "seed": self.seed,
            }
        )


def open_inputs(
    settings: RepairInputSettings, base: LoadedModel, reference: str, options: ModelOptions, safety_rows: Sequence[Row]
) -> Inputs:
    """The inputs that the settings name, and on the embedded model its own."""

    from holdfast.models.load import load_model
    from holdfast.repairing.inputs import direction_between, direction_from_rows
    from holdfast.training.trainer import TrainSettings

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
    return Inputs(base, safety_rows, make, task)


def parse_strengths(text: str, repair: Repair) -> list[float]:
    """`auto`, `0.5`, or `0:1:0.1` as strengths, safest first. Raises UsageError for what cannot be."""
    if text == "auto":
        return list(repair.strengths)
    hint = f"write auto, one strength, or FROM:TO:STEP; those of `{repair.name}`, safest first: " + ", ".join(
        f"{s:g}" for s in repair.strengths
    )
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        raise UsageError(f"`{text}` is no strength", hint) from None
    if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
        raise UsageError(f"`{text}` is no strength", hint)
    if len(numbers) == 3:
        first, last, step = numbers
        count = round((last - first) / step) if step else -1
        if not 0 <= count < MOST_STRENGTHS:
            raise UsageError(f"`{text}` is no row of strengths", hint)
        numbers = [round(first + i * step, 12) for i in range(count + 1)]
    for strength in numbers:
        repair.check(strength)
    safest_is_low = len(repair.strengths) < 2 or repair.strengths[0] < repair.strengths[-1]
    return sorted(numbers, reverse=not safest_is_low)
