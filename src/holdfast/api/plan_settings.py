"""Settings of a plan: what a command would do, and what that would take, before it does it."""

from __future__ import annotations

from holdfast.core.config import Settings, option

PLAN_PANEL = "Plan"


class PlanSettings(Settings):
    """A plan before the spend, for every verb that takes long."""

    dry_run: bool = option(
        False,
        "Count what would be loaded, trained, asked and judged, measure a few steps, say what all would take, and "
        "stop. No run is opened.",
        PLAN_PANEL,
    )
    price_per_hour: float | None = option(
        None, "With --dry-run: what this machine costs an hour, in any currency.", PLAN_PANEL, metavar="X", above=0
    )
    price_per_verdict: float | None = option(
        None, "With --dry-run: what a verdict of the judge `llm` costs.", PLAN_PANEL, metavar="X", above=0
    )
