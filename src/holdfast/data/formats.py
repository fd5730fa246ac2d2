"""A record to a row: the one place that knows which columns and roles mean what, for `scan` and `tune` alike.

    row = to_row({"prompt": "2 + 2?", "completion": "4"}, "train.jsonl", 7)     # a Row, or a sentence on what is wrong
    why = untrainable(row)                                                      # why `tune` refuses it, or ""

Formats, told apart record by record: `messages`, ShareGPT `conversations`, Alpaca `instruction/input/output`, prompt
and completion under several names, `text`; read but not trained on: preference pairs, KTO rows, questions without an
answer. A column that holds null counts as absent, since parquet fills what a row lacks with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from holdfast.core.records import Message, Row
from holdfast.data.turns import ROLES, flat, learns_from, parts_of, said_in, tools_of, transcript, turn_of, turns_in

FORMATS = ("messages", "sharegpt", "alpaca", "prompt-completion", "text")
# Pairs of columns that mean prompt and completion, in the order in which they are tried.
PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("query", "response"),
    ("input", "output"),
    ("prompt", "answer"),
    ("prompt", "output"),
    ("question", "response"),
    ("input", "response"),
)
# Columns that hold a question without an answer: such a row is read, and cannot be trained on.
QUESTIONS = ("prompt", "question", "instruction", "forbidden_prompt", "prompts_final", "query", "input", "turns")
TURNS = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns")  # columns of turns
PREFERENCE, KTO, QUESTION, TEXT = "preference", "kto", "question", "text"
Columns = tuple[str, ...]
Read = tuple[str, list[Message], Columns]  # format, messages, the columns that they come from


# ---- formats --------------------------------------------------------------------------------------------------------


def _system(record: dict[str, Any]) -> list[Message]:
    return [{"role": "system", "content": flat(record["system"])}] if record.get("system") else []


def _side(value: Any, role: str) -> list[Message]:
    """One side of a pair: messages, a message, a transcript that ends before the reply, or a text of this role."""
    if isinstance(value, dict) and "role" in value:
        value = [value]
    if isinstance(value, list) and not (value and all(isinstance(part, dict) and "type" in part for part in value)):
        return [turn_of(turn) for turn in value]
    text = flat(value)
    turns = transcript(text) if role == "user" and text.rstrip().endswith(":") else None
    if turns and turns[-1] == {"role": "assistant", "content": ""}:
        return turns[:-1]
    return [{"role": role, "content": text}]


def _pair(record: dict[str, Any], asked: str, told: str) -> Read:
    before, after = _side(record[asked], "user"), _side(record[told], "assistant")
    columns: Columns = (asked, told)
    # Text-to-SQL and question-answering rows keep what the answer needs in a column of its own.
    context = flat(record.get("context"))
    if context and len(before) == 1:
        before[0]["content"] += f"\n{context}"
        columns = (*columns, "context")
    if isinstance(record[asked], str) and record.get("system"):
        before, columns = [*_system(record), *before], (*columns, "system")
    return "prompt-completion", before + after, columns


def _alpaca(record: dict[str, Any], told: str) -> Read:
    messages, columns = _system(record), ["instruction", told]
    for asked, said in record.get("history") or []:
        messages += [{"role": "user", "content": flat(asked)}, {"role": "assistant", "content": flat(said)}]
    extra = next((name for name in ("input", "context") if flat(record.get(name))), None)
    asked = flat(record["instruction"])
    if extra:
        asked = f"{asked}\n{flat(record[extra])}"
    messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": flat(record[told])}]
    columns += [name for name in ("input", "system", "history") if name in record]
    return "alpaca", messages, (*columns, *([extra] if extra == "context" else []))


def _answer(value: Any, prompt: list[Message]) -> list[Message]:
    """One answer of a preference pair, after its prompt unless it holds the whole conversation."""
    turns = transcript(value) if isinstance(value, str) else None
    turns = turns or _side(value, "assistant")
    return turns if any(turn["role"] == "user" for turn in turns) else [*prompt, *turns]


def _preference(record: dict[str, Any]) -> tuple[Read, str]:
    """A preference pair as its chosen conversation, and the text of what the rejected one has otherwise."""
    asked = next((name for name in ("prompt", "question", "instruction", "input") if record.get(name)), None)
    prompt = [*_system(record), *(_side(record[asked], "user") if asked else [])]
    sides = [_answer(record[name], prompt) if record.get(name) is not None else [] for name in ("chosen", "rejected")]
    chosen, rejected = sides
    same = next((i for i, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b), len(chosen))
    columns = (*([asked] if asked else []), "chosen", "rejected")
    return (PREFERENCE, chosen or rejected, columns), "\n".join(said_in(turn) for turn in rejected[same:])


def _conversation(record: dict[str, Any]) -> Read | None:
    for name in TURNS:
        value = record.get(name)
        if value is None:
            continue
        turns = turns_in(value)
        if turns is not None and not (name == "turns" and turns and isinstance(turns[0], str)):
            kind = "messages" if name == "messages" else "sharegpt"
            before = _system(record)
            return kind, before + [turn_of(turn) for turn in turns], (name, "system") if before else (name,)
        if isinstance(value, str) and (found := transcript(value)):
            return "transcript", found, (name,)
    return None


def _question(record: dict[str, Any]) -> Read | None:
    for name in QUESTIONS:
        value = record.get(name)
        if isinstance(value, str) and value:
            return QUESTION, [{"role": "user", "content": value}], (name,)
        if isinstance(value, list) and value:
            if isinstance(value[0], dict) and "role" in value[0]:
                return QUESTION, [turn_of(turn) for turn in value], (name,)
            turns = value if isinstance(value[0], str) else [value]
            return QUESTION, [{"role": "user", "content": flat(turn)} for turn in turns], (name,)
    return None


def read(record: dict[str, Any]) -> tuple[Read | None, str]:
    """A record's format, messages and columns, and the text of a rejected answer.

    Raises ValueError for a broken row.
    """
    get = record.get
    if get("chosen") is not None and get("rejected") is not None:
        return _preference(record)
    found = _conversation(record)
    if found:
        return found, ""
    if get("instruction") is not None:
        told = "output" if get("output") is not None else "response" if get("response") is not None else None
        if told:
            return _alpaca(record, told), ""
    for asked, told in PAIRS:
        if get(asked) is not None and get(told) is not None:
            kind, messages, columns = _pair(record, asked, told)
            if isinstance(get("label"), bool) or str(get("label")).lower() in ("true", "false"):
                return (KTO, messages, (*columns, "label")), ""
            return (kind, messages, columns), ""
    if isinstance(get("chosen"), (str, list, dict)):
        return _preference(record)
    if isinstance(get("text"), str):
        return (TEXT, [{"role": TEXT, "content": record["text"]}], (TEXT,)), ""
    return _question(record), ""


def kind_of(record: dict[str, Any]) -> str | None:
    """The format of a record, `broken` for a row of a known format with a fault, or None."""
    try:
        found = read(record)[0]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return "broken"
    return found[0] if found else None


def _others(record: dict[str, Any], columns: Columns) -> list[str]:
    """The types of the parts, in these columns, that are no text."""
    found: list[str] = []
    for name in columns:
        value = record.get(name)
        turns = value if isinstance(value, list) else ()
        for turn in turns:
            if isinstance(turn, dict):
                content = turn.get("content", turn.get("value")) if "type" not in turn else [turn]
                found += parts_of(content)[1] if isinstance(content, list) else []
    return found


def to_row(record: dict[str, Any], file: str, line: int) -> Row | str:
    """A record as a row, whether or not it can be trained on; or what is wrong with it, in a sentence."""
    try:
        found, rejected = read(record)
        if found is None:
            names = ", ".join(str(key)[:40] for key in list(record)[:8]) or "(none)"
            return f"unknown format with the columns {names}"
        kind, messages, columns = found
        if not messages:
            return f"a `{kind}` row without a turn"
        meta: dict[str, Any] = {"file": file, "line": line, "format": kind, "columns": columns}
        if kind == PREFERENCE:
            meta["rejected"] = rejected
        for name in ("tools", "functions"):
            if record.get(name) is not None and kind != TEXT and (tools := tools_of(record[name])):
                meta["tools"], meta["columns"] = tools, (*columns, name)
                break
        if kind not in (TEXT, "alpaca") and (others := _others(record, columns)):
            meta["not_text"] = others[0]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        said = str(error).strip().splitlines()[0][:120] if str(error).strip() else ""
        return f"a broken row: {said if type(error) is ValueError and said else f'{type(error).__name__} {said}'}"
    identity = record.get("id")
    name = str(identity) if identity not in (None, "") else f"{file.rpartition('/')[2]}:{line}"
    return Row(name, messages, meta)


def untrainable(row: Row) -> str:
    """Why a row that was read cannot be trained on, or nothing."""
    kind = row.meta.get("format")
    if kind == PREFERENCE:
        return "a preference pair (chosen, rejected), which is not trained on"
    if kind == KTO:
        return "a row of KTO (completion, label), which is not trained on"
    if "not_text" in row.meta:
        return f"a message part of the type `{row.meta['not_text']}`: only text can be trained on"
    if kind == TEXT:
        return "" if row.messages[0]["content"].strip() else "empty text"
    if any(learns_from(message) for message in row.messages):
        return ""
    if any(message.get("weight") == 0 for message in row.messages):
        return "no assistant turn but of weight 0: there is nothing to train on"
    return "no assistant turn: there is nothing to train on"


HINTS = {
    "a preference": "write the answers to train on as `completion`, or as `messages`; `holdfast scan` reads both "
    "answers",
    "a row of KTO": "keep the rows whose label is true, without the column `label`; `holdfast scan` reads all",
    "unknown format": f"known formats: {', '.join(FORMATS)}; see docs/data.md",
    "a broken row: unknown role": f"known roles: {', '.join(ROLES)}",
}


def hint_of(fault: str) -> str:
    """What to do about a row that is refused."""
    return next((hint for begin, hint in HINTS.items() if fault.startswith(begin)), "mend or remove that row")


# ---- what was read --------------------------------------------------------------------------------------------------


def told(counts: Iterable[tuple[tuple[str, Columns, Columns], int]]) -> list[dict[str, Any]]:
    """Per format: how many rows, the columns that were read, and those that were left aside.

    `counts` are pairs of (format, columns read, all columns) and a number of rows.
    """
    found: dict[str, dict[str, Any]] = {}
    for (kind, columns, names), count in counts:
        entry = found.setdefault(kind, {"format": kind, "rows": 0, "columns": [], "left_aside": []})
        entry["rows"] += count
        entry["columns"] += [name for name in columns if name in names and name not in entry["columns"]]
        left = (name for name in names if name not in columns and name != "id" and name not in entry["left_aside"])
        entry["left_aside"] += [name[:60] for name in left][: max(0, 40 - len(entry["left_aside"]))]
    return sorted(found.values(), key=lambda entry: -entry["rows"])


def said(files: Iterable[str], formats: Iterable[dict[str, Any]]) -> list[str]:
    """How a dataset was read, in sentences: its files, then its formats with their columns."""
    lines = list(files)
    for entry in formats:
        aside = f"; columns left aside: {', '.join(entry['left_aside'][:12])}" if entry["left_aside"] else ""
        lines.append(f"{entry['rows']} rows as {entry['format']} ({', '.join(entry['columns'])}){aside}")
    return lines
