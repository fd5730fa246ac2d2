"""Prompts from a user's file: the policy, utility and other suites of a real model.

    load_suite("policy", "prompts.jsonl")

A row gives its question as `prompt`, `question`, `instruction`, `forbidden_prompt`, `prompts_final` or `messages`; a
`category` (or `harm_area`), an `id` and an expected `answer` are kept where they are there.
"""

from __future__ import annotations

from typing import Any

from holdfast.core.errors import DataError
from holdfast.core.records import Message, Prompt
from holdfast.flow.data import read_records

QUESTIONS = ("prompt", "question", "instruction", "forbidden_prompt", "prompts_final", "text")
CATEGORIES = ("category", "harm_area", "harm_category", "type")


def _messages(record: dict[str, Any]) -> list[Message] | None:
    if isinstance(record.get("messages"), list):
        turns = [{"role": str(m["role"]), "content": str(m.get("content") or "")} for m in record["messages"]]
        while turns and turns[-1]["role"] == "assistant":
            turns.pop()
        return turns or None
    for key in QUESTIONS:
        if isinstance(record.get(key), str) and record[key].strip():
            extra = record.get("context") or record.get("input") or ""
            return [{"role": "user", "content": f"{record[key]}\n{extra}" if extra else record[key]}]
    return None


def load_suite(suite: str, source: str, limit: int | None = None) -> list[Prompt]:
    """The prompts in a file; with a limit, spread evenly over it. Raises DataError with file and line."""
    prompts = []
    for index, (line, record) in enumerate(read_records(source)):
        messages = _messages(record)
        if messages is None:
            raise DataError(
                f"{source} line {line}: no prompt among the columns {', '.join(map(str, record))}",
                f"name the column one of: {', '.join(QUESTIONS)}, messages",
            )
        category = next((str(record[key]) for key in CATEGORIES if record.get(key)), suite)
        expect = {"answer": str(record["answer"])} if record.get("answer") is not None else {}
        prompts.append(Prompt(f"{suite}:{record.get('id', index)}", suite, category, messages, expect))
    if not prompts:
        raise DataError(f"`{source}` has no prompts", "name a file with at least one row")
    if limit is not None and limit < len(prompts):
        prompts = [prompts[i * len(prompts) // limit] for i in range(limit)]
    return prompts
