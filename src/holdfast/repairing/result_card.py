"""What is written beside a repaired model: a section of its card, and mergekit's recipe for an interpolation. No torch.

update_card(Path("out"), card_section("wise-ft", 0.6, "org/base", "org/tuned", {"refusals": "12 of 40"}))
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from holdfast.core.contracts import Repair
from holdfast.core.runs import write_atomic
from holdfast.data.folders import HUB_ID
from holdfast.models.card import put_section, with_front
from holdfast.models.checkpoint import Pair
from holdfast.models.output_folders import Finish

BEGIN, END = "<!-- holdfast: begin", "<!-- holdfast: end -->"
SECTION = re.compile(rf"{re.escape(BEGIN)}[^\n]*-->.*?{re.escape(END)}\n?", re.DOTALL)
TAGS = ["holdfast", "merge"]


def mergekit_yaml(base_ref: str, tuned_ref: str, alpha: float, dtype: str) -> str:
    """A mergekit configuration of an interpolation with one strength; `dtype` is the tuned model's, in torch's words.

    mergekit takes the configuration and the tokenizer from the first model, so that is the tuned one.
    """
    weights = {tuned_ref: float(alpha), base_ref: round(1.0 - alpha, 12)}
    models = [{"model": reference, "parameters": {"weight": weight}} for reference, weight in weights.items()]
    recipe = {"merge_method": "linear", "models": models, "parameters": {"normalize": False}}
    return yaml.safe_dump(recipe | {"dtype": "float32", "out_dtype": dtype}, sort_keys=False)


def card_section(method: str, strength: float | str, base: str, tuned: str, facts: Mapping[str, Any]) -> str:
    """A model card's section on a repair: what was repaired, how, and `facts` as rows of a table.

    Folders are named by their last part only, since cards are published. The section's first line keeps the hub ids for
    `update_card`.
    """
    hub = [reference for reference in (base, tuned) if HUB_ID.match(reference) and not Path(reference).exists()]
    shown = [reference if reference in hub else Path(reference).name or reference for reference in (base, tuned)]
    rows = {"method": method, "strength": strength, "base": shown[0], "tuned model": shown[1], **facts}
    table = "".join(f"| {_cell(key)} | {_cell(value)} |\n" for key, value in rows.items())
    return (
        f"{BEGIN}; base_model: {', '.join(hub)} -->\n## Safety repair\n\n"
        f"holdfast drew this fine-tuned model back towards its aligned base.\n\n| | |\n|---|---|\n{table}{END}\n"
    )


def _cell(value: Any) -> str:
    """One cell of a table: no line breaks, no bars, and nothing that could end the section."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def update_card(folder: Path, section: str) -> None:
    """Put a section of `card_section` into a folder's README.md, in place of an earlier one, and tag the front matter.

    Everything else stays as it is; `base_model` is added when there is none, and the tags that are missing. A second
    call changes nothing. Raises RunError when the file cannot be written.
    """
    path = folder / "README.md"
    text = put_section(path.read_text(encoding="utf-8") if path.exists() else "", SECTION, section)
    named = re.match(rf"{re.escape(BEGIN)}; base_model: (.*) -->", section)
    base = [name for name in named[1].split(", ") if name] if named else []
    write_atomic(path, with_front(text, {"base_model": base}, TAGS))


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
