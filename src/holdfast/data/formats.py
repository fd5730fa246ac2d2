"""A record to a row: the one place that knows which columns and roles mean what, for `scan` and `tune` alike.

    row = to_row({"prompt": "2 + 2?", "completion": "4"}, "train.jsonl", 7)     # a Row, or a sentence on what is wrong
    why = untrainable(row)                                                      # why `tune` refuses it, or ""

Formats, told apart record by record: `messages`, ShareGPT `conversations`, Alpaca `instruction/input/output`, prompt and
completion under several names, `text`; read but not trained on: preference pairs, KTO rows, questions without an answer.
A column that holds null counts as absent, since parquet fills what a row lacks with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from holdfast.core.records import Message, Row

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
ROLES = {
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "model": "assistant", "ai": "assistant", "bot": "assistant", "chatbot": "assistant",
    "function_call": "assistant", "tool_call": "assistant",
    "system": "system", "developer": "system",
    "tool": "tool", "observation": "tool", "function": "tool", "tool_response": "tool", "tool_result": "tool",
    "function_response": "tool", "ipython": "tool",
}  # fmt: skip
KEPT = ("name", "tool_call_id", "reasoning_content")  # keys of a turn that a chat template may show, beside its calls
UNWEIGHTED = ("train", "training", "loss")  # keys by which other trainers leave a turn out of the loss
PREFERENCE, KTO, QUESTION, TEXT = "preference", "kto", "question", "text"
# A transcript's speakers, each at the beginning of a line.
SPEAKER = re.compile(r"(?:^|\n)[ \t]*(?:#{2,3}[ \t]*)?(human|user|assistant|system|ai|bot)[ \t]*:", re.IGNORECASE)

PLAIN_NAME = re.compile(r"[^\W\d][^\W\d ]{0,23}")

Columns = tuple[str, ...]
Read = tuple[str, list[Message], Columns]  # format, messages, the columns that they come from


# ---- contents -------------------------------------------------------------------------------------------------------


def pruned(value: Any) -> Any:
    """A JSON value without the keys that hold null."""
    if isinstance(value, dict):
        return {key: pruned(part) for key, part in value.items() if part is not None}
    return [pruned(part) for part in value] if isinstance(value, list) else value


def from_text(value: Any) -> Any:
    """What a text that is a JSON object or array holds; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _parts(content: list[Any]) -> tuple[list[str], list[str]]:
    """The texts of multi-part content, and the types of the parts that are none."""
    texts, others = [], []
    for part in content:
        if not isinstance(part, dict):
            texts.append(flat(part))
        elif isinstance(part.get("text"), str) or part.get("type") in ("text", "input_text", "output_text"):
            texts.append(str(part.get("text") or ""))
        else:
            others.append(str(part.get("type", "unknown"))[:40])
    return texts, others


def flat(content: Any) -> str:
    """Message content as text; multi-part content keeps its text parts. NaN is what some writers put for a missing cell."""
    if isinstance(content, str):
        return content
    if content is None or content != content:
        return ""
    if isinstance(content, list):
        return "\n".join(_parts(content)[0])
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    if isinstance(content, bytes):
        return content.decode("utf-8")
    return json.dumps(content, ensure_ascii=False, default=str)


def role_of(name: Any) -> str:
    """The role that a name of a speaker means; its case does not matter. Raises ValueError for a name that is none."""
    role = ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        if name is None:
            raise ValueError("a turn without a role")
        role = ROLES.get(str(name).strip().lower())
        if role is None:
            # Only what looks like a role is quoted: anything may stand here, a private value too.
            raise ValueError(f"unknown role `{name}`" if PLAIN_NAME.fullmatch(str(name)) else "unknown role")
    return role


def calls_of(value: Any) -> list[dict[str, Any]]:
    """Tool calls with their arguments parsed, where they are JSON in a text, and without null keys."""
    value = from_text(value)
    value = [value] if isinstance(value, dict) else value
    if not isinstance(value, list) or not all(isinstance(call, dict) for call in value):
        raise ValueError("`tool_calls` is no list of objects")
    calls = []
    for call in value:
        inner = call["function"] if isinstance(call.get("function"), dict) else call
        if isinstance(inner.get("arguments"), str):
            parsed = from_text(inner["arguments"])
            inner = {**inner, "arguments": parsed if isinstance(parsed, dict) else inner["arguments"]}
        calls.append(pruned({**call, "function": inner} if "function" in call else inner))
    return calls


def tools_of(value: Any) -> list[Any]:
    """The tools that a row declares: a list, or JSON in a text; without null keys."""
    value = from_text(value)
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise ValueError("`tools` is no list")
    return [pruned(tool) for tool in value]


def _weight(turn: dict[str, Any]) -> int:
    """0 for a turn without loss: `weight: 0` as OpenAI has it, or a key of UNWEIGHTED that is false."""
    weight = turn.get("weight")
    if weight is not None and weight != "":
        known = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0}
        if str(weight).strip().lower() not in known:
            raise ValueError(f"the weight {str(weight)[:20]} is neither 0 nor 1")
        return known[str(weight).strip().lower()]
    return 0 if any(turn.get(key) is False for key in UNWEIGHTED) else 1


def turn_of(turn: Any) -> Message:
    """One turn of any list of turns. Raises ValueError for what is none."""
    if not isinstance(turn, dict):
        raise ValueError(f"a turn that is a JSON {type(turn).__name__}, not an object")
    if len(turn) == 2 and isinstance(content := turn.get("content"), str) and "role" in turn:
        return {"role": role_of(turn["role"]), "content": content}
    role = role_of(next((turn[key] for key in ("role", "from", "speaker") if turn.get(key) is not None), None))
    said = next((turn[key] for key in ("content", "value", "text") if turn.get(key) is not None), None)
    calls = turn.get("tool_calls") or turn.get("function_call")
    if said is None and not calls and not any(key in turn for key in ("content", "value", "text")):
        raise ValueError(f"a turn of the role `{role}` without content")
    message: Message = {"role": role, "content": flat(said)}
    if calls:
        found = calls_of(calls)
        message["tool_calls"] = (
            found if turn.get("tool_calls") else [{"type": "function", "function": c} for c in found]
        )
    message.update({key: turn[key] for key in KEPT if turn.get(key) is not None})
    if role == "assistant" and not _weight(turn):
        message["weight"] = 0
    return message


def said_in(message: Message) -> str:
    """All that a template may show of a message, in one text: reasoning, content, and its calls."""
    parts = [str(message.get("reasoning_content") or ""), message["content"]]
    if message.get("tool_calls"):
        parts.append(json.dumps(message["tool_calls"], ensure_ascii=False, default=str))
    return "\n".join(part for part in parts if part)


def transcript(text: str) -> list[Message] | None:
    """The turns of a text that writes its speakers out (`Human: … Assistant: …`); None when it is no such text."""
    marks = list(SPEAKER.finditer(text))
    if not marks or text[: marks[0].start()].strip() or not any(m[1].lower() != "system" for m in marks):
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    turns = [
        {"role": role_of(m[1]), "content": text[m.end() : end].strip()} for m, end in zip(marks, ends, strict=True)
    ]
    return turns if any(turn["role"] == "assistant" for turn in turns) else None


# ---- formats --------------------------------------------------------------------------------------------------------


def turns_in(value: Any) -> list[Any] | None:
    """A column of turns: a list, the same as JSON in a text, or parallel lists of roles and contents."""
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        value = from_text(value)
        return value if isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value) else None
    if not (isinstance(value, dict) and value and all(isinstance(part, list) for part in value.values())):
        return None
    if len({len(part) for part in value.values()}) > 1:
        raise ValueError("columns of turns that differ in length")
    return [dict(zip(value, turn, strict=True)) for turn in zip(*value.values(), strict=True)]


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
    """A record's format, messages and columns, and the text of a rejected answer. Raises ValueError for a broken row."""
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
                found += _parts(content)[1] if isinstance(content, list) else []
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


def learns_from(message: Message) -> bool:
    """Whether a model is to learn a turn: one of the assistant that says or calls something, and has not weight 0."""
    return (
        message["role"] == "assistant"
        and message.get("weight") != 0
        and bool(message["content"] or message.get("tool_calls") or message.get("reasoning_content"))
    )


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
    "a preference": "write the answers to train on as `completion`, or as `messages`; `holdfast scan` reads both answers",
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
