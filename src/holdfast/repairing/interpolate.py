"""An interpolation on disk, streamed from two folders: no model is loaded, and torch is not imported.

stream_interpolation(make_repair("wise-ft"), "base", "tuned", {0.5: Path("out")})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.core.contracts import Repair
from holdfast.core.errors import ModelError
from holdfast.core.progress import Show
from holdfast.core.runs import write_atomic
from holdfast.models.adapter import check_fit, scale_adapter, warn_of_other_base
from holdfast.models.checkpoint import Pair, open_pair
from holdfast.models.files import ADAPTER, locate
from holdfast.repairing.merge import Finish, card_section, interpolation, mergekit_yaml, update_card, write_repaired


def reading(strength: float) -> str:
    """Both readings of an interpolation's α."""
    return f"{100 * strength:.0f} % tuned, {100 * (1 - strength):.0f} % base"


def finisher(
    repair: Repair, names: tuple[str, str], facts: Mapping[float, Mapping[str, Any]], pair: Pair | None
) -> Finish:
    """What adds the card to a result, and mergekit's recipe where it can express it; names are base and tuned."""

    def finish(strength: float, place: Path) -> None:
        more = {"reading": reading(strength)} if repair.linear else {}
        update_card(place, card_section(repair.spec, strength, *names, {**more, **facts.get(strength, {})}))
        if repair.linear and pair is not None and pair.same_shapes:
            write_atomic(place / "mergekit.yaml", mergekit_yaml(*names, strength, pair.dtype))

    return finish


def stream_interpolation(
    repair: Repair, base: str, tuned: str, targets: Mapping[float, Path], show: Show | None = None
) -> None:
    """Write interpolations of two folders at every strength without loading a model; an adapter is scaled.

    Raises ModelError for folders that do not belong together, RunError when the disk is full.
    """
    folders = [locate(reference) for reference in (base, tuned)]
    if folders[0] is None or folders[1] is None:
        raise ModelError(
            f"`{base if folders[0] is None else tuned}` is not on this disk", "download it first, or add --prompts"
        )
    facts = {strength: {"measured": "no"} for strength in targets}
    if (folders[1] / ADAPTER).exists():
        check_fit(folders[1], folders[0])
        warn_of_other_base(folders[1], folders[0])
        scale_adapter(folders[1], targets, finisher(repair, (base, tuned), facts, None))
        return
    pair = open_pair(folders[0], folders[1])
    finish = finisher(repair, (base, tuned), facts, pair)
    write_repaired(pair, targets, interpolation(), show, elementwise=True, neutral=repair.neutral, finish=finish)
