"""Published lists of prompts by name: where they are, and what their columns mean. None of them is in this package.

    --prompts harmbench=harmbench_behaviors.csv      your own copy
    --prompts strongreject                           from the hub, through `datasets`
    --over-refusal-prompts xstest                    the harmless half of a list that has both

Each gives prompts with their categories, and groups where the list says which prompts belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.core.errors import DataError, UsageError
from holdfast.core.records import Prompt
from holdfast.data.rows import read_records
from holdfast.stats.groups import spread


@dataclass(frozen=True)
class PublicSet:
    """Where a list is published, and its columns: of each kind the first that a record has."""

    hub: str
    paper: str
    question: tuple[str, ...]
    category: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    identity: tuple[str, ...] = ("id",)
    config: str | None = None
    split: str = "train"
    harmless_split: str | None = None  # where harmless prompts are apart
    label: tuple[str, ...] = ()  # the column that tells harmless from forbidden prompts
    harmless: tuple[str, ...] = ()  # its values, or how they begin, for harmless prompts
    forbidden: tuple[str, ...] = ()
    only: tuple[tuple[str, str], ...] = ()  # columns that must have this value where they are there


SETS: dict[str, PublicSet] = {
    "advbench": PublicSet("walledai/AdvBench", "2307.15043", ("goal", "prompt")),
    "harmbench": PublicSet(
        "walledai/HarmBench", "2402.04249", ("Behavior", "prompt"), ("SemanticCategory", "category"),
        identity=("BehaviorID", "id"), config="standard",
    ),
    "strongreject": PublicSet(
        "walledai/StrongREJECT", "2402.10260", ("forbidden_prompt", "prompt"), ("category",),
    ),
    "xstest": PublicSet(
        "walledai/XSTest", "2308.01263", ("prompt",), ("type",), split="test", identity=("id_v2", "id"),
        label=("label", "type"), harmless=("safe",), forbidden=("unsafe", "contrast"),
    ),
    "sorry-bench": PublicSet(
        "sorry-bench/sorry-bench-202503", "2406.14598", ("turns", "question"), ("category",),
        identity=("question_id", "id"), only=(("prompt_style", "base"),),
    ),
    "jailbreakbench": PublicSet(
        "JailbreakBench/JBB-Behaviors", "2404.01318", ("Goal", "goal"), ("Category", "category"),
        identity=("Behavior", "Index"), config="behaviors", split="harmful", harmless_split="benign",
    ),
    "do-not-answer": PublicSet(
        "LibrAI/do-not-answer", "2308.13387", ("question",), ("types_of_harm", "risk_area"), ("specific_harms",),
    ),
    "hex-phi": PublicSet(
        "LLM-Tuning-Safety/HEx-PHI", "2310.03693", ("prompt", "instruction", "question", "text"), ("category",),
    ),
}  # fmt: skip


def named(source: str) -> tuple[str, str | None] | None:
    """Name and file of `NAME=FILE`, or name and None of a bare NAME; None for what names no public list.

    A file or folder that is there is meant as such. Raises UsageError for NAME=FILE with an unknown name.
    """
    if Path(source).exists():
        return None
    name, equals, file = source.partition("=")
    if name.lower() in SETS:
        return name.lower(), file or None
    if equals and Path(file).exists():
        raise UsageError(f"no public list is called `{name}`", f"known: {', '.join(SETS)}; or name the file alone")
    return None


def _first(record: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    for column in columns:
        value = record.get(column)
        if isinstance(value, list) and value:  # the turns of a conversation: the first asks
            value = value[0].get("content") if isinstance(value[0], dict) else value[0]
        if value not in (None, ""):
            return str(value)
    return ""


def _is_harmless(known: PublicSet, record: Mapping[str, Any]) -> bool | None:
    """What a record's label says of its prompt; None where the list has no labels."""
    told = [str(record[column]).strip().lower() for column in known.label if record.get(column) not in (None, "")]
    if not told:
        return None
    if any(value.startswith(known.forbidden) for value in told):
        return False
    return told[0].startswith(known.harmless) or known.label[0] not in record


def _records(name: str, known: PublicSet, file: str | None, harmless: bool) -> list[dict[str, Any]]:
    if file:
        return [dict(record) for _, record in read_records(file)]
    if harmless and not (known.harmless_split or known.label):
        raise UsageError(f"`{name}` has forbidden prompts only", "name xstest or jailbreakbench, or a file of your own")
    import datasets

    part = (known.harmless_split or known.split) if harmless else known.split
    try:
        return [dict(record) for record in datasets.load_dataset(known.hub, known.config, split=part)]
    except Exception as error:  # a hub answers as it likes: gated, offline, gone
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"cannot load `{name}` from the hub ({known.hub}): {said[0]}",
            f"log in where it is gated (hf auth login), or name your own copy: {name}=FILE",
        ) from error


def load_set(name: str, file: str | None, suite: str, limit: int | None = None) -> list[Prompt]:
    """The prompts of a public list for a suite: its harmless ones for `over-refusal`, else its forbidden ones.

    Raises UsageError for a name that is not known, DataError where the list cannot be read or has no such prompt.
    """
    if name not in SETS:
        raise UsageError(f"no public list is called `{name}`", f"known: {', '.join(SETS)}")
    known, harmless, prompts = SETS[name], suite.startswith("over-refusal"), []
    seen: set[str] = set()
    for index, record in enumerate(_records(name, known, file, harmless)):
        told = _is_harmless(known, record)
        if any(str(record.get(column, value)) != value for column, value in known.only):
            continue
        if told is not None and told != harmless:
            continue
        asked = _first(record, known.question)
        if not asked:
            raise DataError(
                f"`{file or known.hub}` row {index}: no prompt among the columns {', '.join(map(str, record))}",
                f"`{name}` has its prompts in: {', '.join(known.question)}",
            )
        own = _first(record, known.identity) or str(index)
        own = f"{own}#{index}" if own in seen else own
        seen.add(own)
        category, group = _first(record, known.category) or name, _first(record, known.group)
        messages = [{"role": "user", "content": asked}]
        prompts.append(Prompt(f"{suite}:{name}/{own}", suite, category, messages, {}, group))
    if not prompts:
        kind = "harmless" if harmless else "forbidden"
        raise DataError(f"`{file or known.hub}` has no {kind} prompt of `{name}`", "check the file and the name")
    return spread(prompts, limit)
