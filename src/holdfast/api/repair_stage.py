"""What a repair works with: its two models, the split that it chooses on, and the one that it reports on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from holdfast.api.repair_settings import RepairSettings
from holdfast.api.repair_sources import open_sources
from holdfast.api.suites import open_suites, read_prompts
from holdfast.core.contracts import Repair
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Row
from holdfast.core.worlds import World
from holdfast.data.rows import read_rows
from holdfast.models.adapter import base_of_adapter
from holdfast.models.files import ADAPTER, locate
from holdfast.stats.groups import Suite, halves, overlap

if TYPE_CHECKING:  # torch is imported when something is measured
    from holdfast.repairing.measure import Subject

GUILD_SUITES = ("policy", "over-refusal", "utility", "utility-task")


def open_splits(settings: RepairSettings, world: World, tell: Callable[[str], None]) -> tuple[list[Suite], list[Suite]]:
    """The suites to choose on and those to report on. Raises UsageError when they share a group of prompts."""
    brought = settings.calibration_prompts or settings.records
    if not settings.files() and (world.embedded or not brought):
        own = {"split": "calibration", "records": None, "attempts": 0}  # private data are asked for in the report alone
        sides = [settings.model_copy(update=own), settings.model_copy(update={"split": "test"})]
        choosing, reporting = (open_suites(side, world, GUILD_SUITES) for side in sides)
        return choosing, reporting
    every = open_suites(settings, world, tell=tell)
    private = [suite for suite in every if suite.name.startswith("privacy")]
    suites = [suite for suite in every if suite not in private]
    parted = {suite.name: halves(suite.prompts) for suite in suites}
    if settings.calibration_prompts:
        given = read_prompts("policy", settings.calibration_prompts, settings.limit)
        policy = next((suite for suite in suites if suite.name == "policy"), Suite("policy", []))
        parted["policy"] = Suite.of("policy", given).under(settings.system).prompts, policy.prompts
        shared = overlap(*parted["policy"])
        if shared:
            raise UsageError(
                f"{len(shared)} prompts of `{settings.prompts}` are in `{settings.calibration_prompts}` too, or nearly"
                " the same as prompts there, or share an item, a template or a source with them",
                "a choice must be reported on prompts that it never saw: take them out of one of the files",
            )
    choosing, reporting = ([Suite(name, s[side]) for name, s in parted.items() if s[side]] for side in (0, 1))
    return choosing, [*reporting, *private]


def why_hf(settings: RepairSettings, repairs: Sequence[Repair]) -> str:
    """Why the strengths cannot be made by an engine: only an adapter, scaled, is a matter of its folder alone."""
    if other := [one.spec for one in repairs if not one.linear]:
        return f"the repair {other[0]} works on weights or at decoding"
    folder = locate(settings.tuned)
    if folder is None or not (folder / ADAPTER).exists():
        return "the strengths of whole weights are made in memory"
    own, given = locate(base_of_adapter(folder)), locate(settings.base)
    same = own.samefile(given) if own and given else base_of_adapter(folder) == settings.base
    return "" if same else f"the adapter lies on another base than `{settings.base}`"


def load_subject(settings: RepairSettings, repairs: Sequence[Repair], progress: Progress) -> Subject:
    """The two models, and what repairs may draw on. Raises ModelError for two that are no pair."""
    from holdfast.models.served import open_loaded
    from holdfast.repairing.measure import Subject
    from holdfast.repairing.sweep import check_pair

    progress.say(f"loading {settings.base} and {settings.tuned}")
    names = [settings.base, settings.tuned]
    options = settings.engine_for(settings.model_options(), names, lambda: why_hf(settings, repairs), progress.warn)
    base, tuned = open_loaded(settings.base, options), open_loaded(settings.tuned, options)
    if base.fingerprint == tuned.fingerprint:
        raise ModelError(
            f"`{settings.base}` and `{settings.tuned}` are the same weights", "name the tuned model second"
        )
    check_pair(base, tuned)
    safety: Sequence[Row] = ()
    if settings.safety_rows:
        safety = read_rows(settings.safety_rows)
    else:
        safety = base.world.rows("safety", seed=settings.seed) or ()
    sources = open_sources(settings, base, settings.base, options, safety)
    sources.seed = settings.seed
    return Subject(base, tuned, sources)
