"""The turns of a conversation as files write them: contents to text, speakers to roles, tool calls, transcripts.

turn_of({"from": "gpt", "value": "Four."})      -> {"role": "assistant", "content": "Four."}
role_of("Human")                                -> "user"
flat([{"type": "text", "text": "2 + 2?"}])      -> "2 + 2?"
"""

from __future__ import annotations

import json
import re
from typing import Any

from holdfast.core.records import Message

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
# A transcript's speakers, each at the beginning of a line.
SPEAKER = re.compile(r"(?:^|\n)[ \t]*(?:#{2,3}[ \t]*)?(human|user|assistant|system|ai|bot)[ \t]*:", re.IGNORECASE)

PLAIN_NAME = re.compile(r"[^\W\d][^\W\d ]{0,23}")


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


def parts_of(content: list[Any]) -> tuple[list[str], list[str]]:
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
    """Message content as text; multi-part content keeps its text parts.

    NaN is what some writers put for a missing cell.
    """
    if isinstance(content, str):
        return content
    if content is None or content != content:
        return ""
    if isinstance(content, list):
        return "\n".join(parts_of(content)[0])
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


def learns_from(message: Message) -> bool:
    """Whether a model is to learn a turn: one of the assistant that says or calls something, and has not weight 0."""
    return (
        message["role"] == "assistant"
        and message.get("weight") != 0
        and bool(message["content"] or message.get("tool_calls") or message.get("reasoning_content"))
    )
