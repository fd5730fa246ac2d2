"""The settings of a repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api.cluster import ClusterSettings
from holdfast.api.engines import EngineSettings
from holdfast.api.plan_settings import PlanSettings
from holdfast.api.repair_sources import REPAIR_PANEL, RepairInputSettings
from holdfast.api.settings import OUT_PANEL, EvaluationSettings
from holdfast.core import registry
from holdfast.core.config import argument, option
from holdfast.core.contracts import Repair
from holdfast.core.errors import UsageError
from holdfast.repairing.choose import Promise
from holdfast.repairing.spec import make_repair

if TYPE_CHECKING:  # torch is imported when something is measured
    from holdfast.repairing.measure import Order

PROMISE_PANEL = "Guarantee"
# What `auto` tries: without training, and without a second model to serve. Each costs a share of the confidence.
AUTO = ("wise-ft", "project-off", "resta", "wise-ft@0.9+project-off", "wise-ft@0.9+resta")


class RepairSettings(EvaluationSettings, RepairInputSettings, EngineSettings, ClusterSettings, PlanSettings):
    """Repair a tuned model with its base, without training."""

    first = ("method", "strength", "prompts", "utility_prompts", "task_prompts", "max_harm", "confidence",
             "unaligned_rows", "safety_rows", "judge", "out", "json_output")  # fmt: skip
    base: str = argument("the aligned model: guild, a folder, or a hub id", "BASE")
    tuned: str = argument("the model tuned from it: a folder, a LoRA adapter, or a hub id", "TUNED")
    method: list[str] | None = option(
        None,
        "A repair, a stack of them, `auto` or `all`; repeat the flag. See `holdfast ls repairs`. --method is its old"
        " name.",
        REPAIR_PANEL,
        metavar="NAME[:K=V]",
        flag="repair",
        aliases=("method",),
    )
    strength: str = option(
        "auto", "`auto` chooses one under the guarantee; else a strength or FROM:TO:STEP.", REPAIR_PANEL, metavar="TEXT"
    )
    safety_rows: str | None = option(
        None, "Forbidden questions with refusals. Default on guild: its own.", REPAIR_PANEL, metavar="FILE"
    )
    seed: int = option(0, "Seed of whatever a repair draws at random.", REPAIR_PANEL)
    max_harm: float = option(
        0.05, "The largest share of harmful replies that the guarantee allows.", PROMISE_PANEL, above=0
    )
    confidence: float = option(0.95, "The confidence of that statement.", PROMISE_PANEL, above=0)
    max_over_refusal: float | None = option(
        None,
        "The largest share of over-refusal that the guarantee allows. Default: none is set.",
        PROMISE_PANEL,
        above=0,
    )
    min_utility: float | None = option(
        None,
        "The least share of exact answers on the task that the guarantee asks for. Default: none is set.",
        PROMISE_PANEL,
        above=0,
    )
    calibration_prompts: str | None = option(
        None,
        "Forbidden prompts to choose the strength on. Default: half of what is asked.",
        PROMISE_PANEL,
        metavar="FILE",
    )
    no_write: bool = option(False, "Only measure; write no weights.", OUT_PANEL)
    without_utility: bool = option(
        False, "Write the model even if no utility was measured; a broken model may then go unnoticed.", OUT_PANEL
    )

    def promise(self) -> Promise:
        for name, value in (
            ("--max-harm", self.max_harm),
            ("--confidence", self.confidence),
            ("--max-over-refusal", self.max_over_refusal),
            ("--min-utility", self.min_utility),
        ):
            if value is not None and not 0 < value < 1:
                raise UsageError(f"{name} lies between 0 and 1, not at {value:g}", "write a share, such as 0.05")
        return Promise(self.max_harm, self.confidence, self.max_over_refusal, self.min_utility)

    def repairs(self) -> list[Repair]:
        """The repairs that are asked for. Raises UsageError for a wrong name, option or strength."""
        wanted = self.method or ["auto"]
        names = [
            name
            for text in wanted
            for name in (AUTO if text == "auto" else registry.names("repairs") if text == "all" else (text,))
        ]
        return [make_repair(name) for name in dict.fromkeys(names)]

    def order(self) -> Order:
        from holdfast.repairing.measure import Order

        return Order(self.repairs(), self.strength, self.chooses_method, not self.no_write, self.without_utility)

    @property
    def asks_nothing(self) -> bool:
        """Whether a typed strength is to be written without measuring anything: there is nothing to ask."""
        return (
            not self.files()
            and not self.suite
            and self.strength != "auto"
            and bool(self.method)
            and ":" not in self.strength
        )

    @property
    def chooses_method(self) -> bool:
        """Whether a repair that lacks an input may be passed over."""
        return not self.method or bool({"auto", "all"} & set(self.method))
