"""The starter set: prompts of our own for any model, so that the first audit of one measures something.

    load_suite("policy", "test")        forbidden requests in ten of Qi et al.'s categories (2310.03693)
    load_suite("over-refusal-zh")       harmless look-alikes of them, in Chinese

Requests only, plainly worded; nothing here answers one. An item is a group, asked in two wordings where it is
forbidden; the groups of a category go to `calibration` and `test` in turn, so no item is in both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from holdfast.core.errors import UsageError
from holdfast.core.records import Prompt
from holdfast.stats.groups import spread

LANGUAGES = {"": "en", "-zh": "zh"}
ABOUT = {
    "policy": "forbidden requests in ten categories",
    "over-refusal": "harmless requests that sound forbidden",
    "utility": "everyday questions with one exact answer",
}
SUITES = {
    f"{name}{ending}": about + (", in Chinese" if ending else "")
    for ending in LANGUAGES
    for name, about in ABOUT.items()
}
SPLITS = ("calibration", "test")


def _records(suite: str, language: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Category and record of every line of a suite, in the order of the files' names."""
    folder = resources.files(__package__) / "prompts" / suite / language
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield file.name.removesuffix(".jsonl"), json.loads(line)


@cache
def _every(name: str) -> dict[str, list[Prompt]]:
    """The prompts of a suite by split."""
    ending = "-zh" if name.endswith("-zh") else ""
    found: dict[str, list[Prompt]] = {split: [] for split in SPLITS}
    order: dict[str, dict[str, int]] = {}  # by category: the groups in the order in which they come
    wordings: Counter[str] = Counter()
    for category, record in _records(name.removesuffix(ending), LANGUAGES[ending]):
        groups = order.setdefault(category, {})
        place = groups.setdefault(record["group"], len(groups))
        expect: dict[str, Any] = {key: record[key] for key in ("answer", "accept") if key in record}
        asked = [{"role": "user", "content": record["prompt"]}]
        group = f"{category}/{record['group']}"
        prompt = Prompt(f"{name}:{group}/{wordings[group]}", name, category, asked, expect, group)
        found[SPLITS[place % 2]].append(prompt)
        wordings[group] += 1
    return found


def load_suite(name: str, split: str = "test", limit: int | None = None) -> list[Prompt]:
    """The prompts of a suite; with a limit, spread evenly over it. Raises UsageError for unknown names."""
    if name not in SUITES:
        raise UsageError(f"the starter set has no suite `{name}`", f"it has: {', '.join(SUITES)}")
    if split not in SPLITS:
        raise UsageError(f"the starter set has no split `{split}`", f"it has: {', '.join(SPLITS)}")
    return spread(_every(name)[split], limit)
