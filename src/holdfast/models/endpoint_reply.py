"""What an endpoint answered, read into one shape: the reply, reasoning that is given apart, and why there is none.

    read_completion({"choices": [{"finish_reason": "length", "message": {"content": None, "reasoning": "…"}}]})
        -> Completion(text="", thought="…", status="truncated", why="…")

Servers write the same thing in many ways: content as text or as parts, a refusal in a field of its own, reasoning under
four names, a filter that stopped the reply as a finish reason or as a result beside empty content, a stream of events
where one document was asked for. All of them are known here, and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

BLOCKED, TRUNCATED, ERROR = "blocked", "truncated", "error"
CALLED_TOOL = "the model called a tool and said nothing"

# Finish reasons, in lower case with _ between words. OpenAI and Azure say content_filter, Gemini SAFETY and its like,
# Bedrock guardrail_intervened, Zhipu sensitive, Cohere ERROR_TOXIC, Anthropic refusal: what stopped is a filter, not
# the model.
_FILTER = re.compile(
    r"content_?(filter|policy|moderation)|safety|prohibited|blocklist|spii|recitation|guardrail|moderat|sensitive|toxic"
    r"|policy_violation|^(refusal|blocked|filtered)$"
)
_LENGTH = re.compile(
    r"^(length|token_limit|(max|model)_(\w+_)?(tokens?|length)|model_context_window_exceeded|context_length_exceeded)$"
)
_FAILED = re.compile(r"^(error|failed|abort(ed)?|cancel+ed|network_error|insufficient_system_resource)$")
_REASONING = (
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_details",
    "thinking_blocks",
    "reasoning_text",
    "thoughts",
)
_THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking", "thought")


@dataclass(frozen=True)
class Completion:
    """One answer of an endpoint.

    text: the reply, without reasoning where the endpoint gives that apart; what there is of it when it was cut or
    blocked.
    status: "" for a whole reply; "truncated" by the token limit, which with an empty text means that there is no reply
    at all; "blocked" by a filter before the endpoint; "error". why: for a person, when status is not "".
    """

    text: str
    thought: str = ""
    status: str = ""
    why: str = ""


def sound(text: str) -> str:
    """Text that can be written as UTF-8: half a surrogate pair, as a cut emoji leaves it, becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def reply_in(value: Any) -> dict[str, Any] | None:
    """The first choice of an answer as {"message", "finish_reason", …}, whichever API wrote it; None without one."""
    if not isinstance(value, Mapping):
        return None
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    if value.get("type") == "message" and "content" in value:  # Anthropic's
        return {"message": {"content": value["content"]}, "finish_reason": value.get("stop_reason")}
    candidates = value.get("candidates")  # Gemini's
    if isinstance(candidates, list) and candidates and isinstance(candidates[0], dict):
        content = candidates[0].get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        return {"message": {"content": parts or ""}, "finish_reason": candidates[0].get("finishReason")}
    return None


def read_completion(value: Any) -> Completion | None:
    """The completion in a parsed body; None where there is none: an error, another document, a list of no choices."""
    choice = reply_in(value)
    if choice is None:
        if isinstance(value, Mapping) and _prompt_filtered(value):
            return Completion("", status=BLOCKED, why="a content filter of the endpoint stopped the prompt")
        return None
    message = next((m for name in ("message", "delta", "text") if (m := choice.get(name)) is not None), None)
    if isinstance(message, str):
        message = {"content": message}
    if message is None and any(_FILTER.search(word) for word in finish_of(choice)):
        message = {}  # Azure leaves it out where the filter stopped it
    if not isinstance(message, Mapping):
        return None
    content = message.get("content", choice.get("text"))
    if not isinstance(content, (str, list, Mapping, type(None))):
        return None
    text, aside, declined = _content(content)
    refusal = message.get("refusal")
    declined = declined or (refusal if isinstance(refusal, str) else "")
    told = (_reasoning(message.get(name)) for name in _REASONING)
    thought = next((one for one in told if one.strip()), "") or aside
    if declined.strip():
        text = f"{text}\n\n{declined}" if text.strip() else declined
    status, why = _ending(choice, message, text, thought)
    if declined.strip():
        status, why = "", ""  # a model that declines in the field for that has given its reply
    elif not status and not text.strip() and _prompt_filtered(value):
        status, why = BLOCKED, "a content filter of the endpoint stopped the prompt"
    return Completion(sound(text), sound(thought), status, why)


def _ending(choice: Mapping[str, Any], message: Mapping[str, Any], text: str, thought: str) -> tuple[str, str]:
    """How a reply ended, and why it is not whole."""
    finish = finish_of(choice)
    empty = not text.strip()
    if any(_FILTER.search(word) for word in finish) or (empty and not thought and _filtered(choice)):
        return BLOCKED, "a content filter of the endpoint stopped the reply"
    if any(_FAILED.match(word) for word in finish):
        return ERROR, "the endpoint broke the reply off with an error"
    cut = any(_LENGTH.match(word) for word in finish)
    if empty and not cut and (message.get("tool_calls") or message.get("function_call")):
        return ERROR, CALLED_TOOL
    if empty and thought.strip():
        return TRUNCATED, "the token limit cut it off in its reasoning" if cut else "reasoning and no reply"
    if cut:
        return TRUNCATED, "the token limit cut it off" + (" before any reply" if empty else "")
    return "", ""


def finish_of(choice: Mapping[str, Any]) -> list[str]:
    """The reasons that a choice gives for its end, in lower case with _ between words."""
    details = choice.get("finish_details")
    given = [choice.get(name) for name in ("finish_reason", "native_finish_reason", "stop_reason", "finishReason")]
    given.append(details.get("type") if isinstance(details, Mapping) else None)
    return [re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_") for word in given if isinstance(word, str)]


def _content(content: Any) -> tuple[str, str, str]:
    """The text, the reasoning and the refusal in a message's content, be it text or parts."""
    if content is None or isinstance(content, str):
        return content or "", "", ""
    texts, thoughts, refusals = [], [], []
    for part in [content] if isinstance(content, Mapping) else content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping):
            kind = str(part.get("type", "text"))
            if kind in _THOUGHT_PARTS or part.get("thought") is True:
                thoughts.append(_reasoning(part))
            elif kind == "refusal":
                refusals.append(_reasoning(part.get("refusal")))
            elif kind in ("text", "output_text"):
                texts.append(_reasoning(part.get("text")))
    return "".join(texts), "\n".join(thoughts), "\n".join(refusals)


def _reasoning(value: Any, depth: int = 0) -> str:
    """The text in a field that holds text, a part, or parts of parts."""
    if isinstance(value, str):
        return value
    if depth > 4:
        return ""
    if isinstance(value, list):
        return "".join(_reasoning(one, depth + 1) for one in value)
    if isinstance(value, Mapping):
        names = ("thinking", "text", "summary", "reasoning", "content", "value")
        return next((told for name in names if (told := _reasoning(value.get(name), depth + 1))), "")
    return ""


def _filtered(value: Any, depth: int = 0) -> bool:
    """Whether a filter's results say that something was filtered (Azure's shape, at any depth)."""
    if depth > 6:
        return False
    if isinstance(value, Mapping):
        return value.get("filtered") is True or any(_filtered(one, depth + 1) for one in value.values())
    return isinstance(value, list) and any(_filtered(one, depth + 1) for one in value)


def _prompt_filtered(value: Mapping[str, Any]) -> bool:
    feedback = value.get("promptFeedback") or value.get("prompt_feedback")
    named = isinstance(feedback, Mapping) and (feedback.get("blockReason") or feedback.get("block_reason"))
    return bool(named) or any(
        _filtered(value.get(name)) for name in ("prompt_filter_results", "prompt_annotations", "content_filter_results")
    )


# ---- a stream of events ---------------------------------------------------------------------------------------------


def is_stream(text: str) -> bool:
    """Whether a body is a stream of server-sent events."""
    return bool(re.match(r"\s*(data|event|id|retry)?:", text))


def read_stream(text: str) -> Any:
    """The one document that a stream of chat completion chunks adds up to; what is said of its end is kept.

    An error in the stream is given as the document. A stream that breaks off has the finish reason `error`.
    """
    message: dict[str, Any] = {}
    choice: dict[str, Any] = {"message": message}
    whole, any_choice = False, False
    for chunk in _events(text):
        if chunk == "[DONE]":
            whole = True
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error"):
            return chunk
        choices = chunk.get("choices")
        told = [c for c in choices if isinstance(c, dict) and not c.get("index")] if isinstance(choices, list) else []
        first = told[0] if told else None
        if first is None:
            choice.update({k: v for k, v in chunk.items() if k == "prompt_filter_results"})
            continue
        any_choice = True
        part = first.get("delta") or first.get("message") or {"content": first.get("text")}
        if isinstance(part, dict):
            _add(message, part, replace="message" in first and not first.get("delta"))
        choice.update({k: v for k, v in first.items() if v and k not in ("delta", "message", "text", "index")})
    if not any_choice:
        return {**choice, "choices": []}
    if not whole and not choice.get("finish_reason"):
        choice["finish_reason"] = "error"
    return {"choices": [choice]}


def _events(text: str) -> Iterable[Any]:
    """The data of each event: a parsed document, or a bare word."""
    for line in re.split(r"[\r\n]+", text):  # not splitlines: a text in JSON may hold U+2028 as it is
        if line.startswith("data:"):
            said = line[5:].strip()
            try:
                yield json.loads(said)
            except (ValueError, RecursionError):
                yield said


def _add(message: dict[str, Any], part: Mapping[str, Any], replace: bool) -> None:
    """Add what one chunk says to the message; `replace` for a chunk that holds the whole message."""
    for name, value in part.items():
        had = message.get(name)
        if value is None:
            continue
        same = (isinstance(had, str) and isinstance(value, str)) or (isinstance(had, list) and isinstance(value, list))
        if same and not replace and name != "role":
            message[name] = had + value
        else:
            message[name] = value


def body_of(answer: httpx.Response) -> Any:
    """The body of an answer: parsed, put together from a stream, or as text."""
    try:
        return answer.json()
    except (ValueError, RecursionError):
        text = answer.text
        return read_stream(text) if is_stream(text) else text
