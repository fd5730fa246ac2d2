"""Messages to token ids and a loss mask: the only place that touches a chat template.

Loss falls on assistant turns only. Most published templates have no generation markers, so a turn's tokens are found by
rendering the conversation up to it and up to its end: what the second has more is the turn.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from holdfast.core.errors import DataError, ModelError
from holdfast.core.records import Message, Row

IGNORE = -100


@dataclass(frozen=True)
class Encoded:
    """A training example: ids, and labels that are IGNORE wherever there is no loss."""

    input_ids: list[int]
    labels: list[int]


def require_template(tokenizer: Any, model: str, template_file: str | None = None) -> None:
    """See to it that the tokenizer has a chat template. Raises ModelError with a hint when there is none."""
    if template_file:
        try:
            tokenizer.chat_template = Path(template_file).read_text(encoding="utf-8")
        except OSError as error:
            raise ModelError(
                f"cannot read the chat template `{template_file}`: {error.strerror}", "check the path"
            ) from error
    if not getattr(tokenizer, "chat_template", None):
        raise ModelError(
            f"the tokenizer of `{model}` has no chat template",
            "name one with --chat-template FILE (a Jinja file, as published beside instruction-tuned models)",
        )
    try:
        render(tokenizer, [{"role": "user", "content": "x"}], reply=True)
    except jinja2.TemplateError as error:
        raise ModelError(
            f"the chat template of `{model}` is broken: {error}", "name another with --chat-template FILE"
        ) from error


def fold_system(messages: list[Message]) -> list[Message]:
    """Put the system prompt before the first user turn: for templates that refuse the role (Gemma)."""
    if not messages or messages[0]["role"] != "system":
        return messages
    system, rest = messages[0]["content"], [dict(m) for m in messages[1:]]
    for message in rest:
        if message["role"] == "user":
            message["content"] = f"{system}\n\n{message['content']}"
            break
    return rest


def render(tokenizer: Any, messages: list[Message], *, reply: bool, **variables: Any) -> str:
    """The conversation as the template writes it; with `reply`, up to where the assistant's turn begins.

    `variables` are whatever else the template may know: a guard's policy, say.
    """

    def apply(turns: list[Message]) -> str:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=reply, **variables))

    try:
        return apply(messages)
    except jinja2.TemplateError:
        if messages and messages[0]["role"] == "system":
            return apply(fold_system(messages))
        raise


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """Ids of rendered text; the template has written every special token, so none is added."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def prompt_ids(tokenizer: Any, messages: list[Message]) -> list[int]:
    """Ids up to where the model's reply begins; what an assistant said last is a beginning that the reply continues.

    A message of the role `text` is a document without a template, which the model goes on with.
    """
    if messages and messages[0]["role"] == "text":
        text = str(messages[0]["content"]).rstrip()
        # A text that begins with the mark of a beginning, as a rendered conversation does, gets no second one.
        marked = bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)
        ids = list(tokenizer(text, add_special_tokens=not marked)["input_ids"])
        return ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids
    if messages and messages[-1]["role"] == "assistant":
        return encode_text(tokenizer, render_begun(tokenizer, messages))
    return encode_text(tokenizer, render(tokenizer, messages, reply=True))


def render_begun(tokenizer: Any, messages: list[Message]) -> str:
    """The conversation with its last turn left open, so that a model goes on with it.

    Where a template refuses or rewrites such a turn, its words stand behind the mark that opens a reply.
    """
    *before, begun = messages
    if not str(begun["content"]).strip():
        return render(tokenizer, before, reply=True)
    for turns in (messages, fold_system(messages)):
        try:
            return str(tokenizer.apply_chat_template(turns, tokenize=False, continue_final_message=True))
        except (jinja2.TemplateError, ValueError):
            continue
    return render(tokenizer, before, reply=True) + str(begun["content"])


def under_template(tokenizer: Any, template: str) -> Any:
    """The tokenizer with another chat template; the one that is given keeps its own."""
    other = copy.copy(tokenizer)
    other.chat_template = template
    return other


def answer_ids(tokenizer: Any, messages: list[Message], answer: str) -> tuple[list[int], int]:
    """Ids of a conversation and an answer to it, no end mark behind it, and how many of them are the answer's."""
    asked = prompt_ids(tokenizer, messages)
    whole = prompt_ids(tokenizer, [*messages, {"role": "assistant", "content": answer}])
    # A tokenizer may join the prompt's last characters with the answer's first: that token is the answer's.
    shared = next(
        (i for i, (a, b) in enumerate(zip(asked, whole, strict=False)) if a != b), min(len(asked), len(whole))
    )
    return whole, len(whole) - shared


def _shared(texts: list[str]) -> str:
    """What both texts begin with, character by character."""
    return os.path.commonprefix(texts)  # noqa: RUF071


def _turn_spans(tokenizer: Any, messages: list[Message], tools: dict[str, Any]) -> tuple[str, list[tuple[int, int]]]:
    """The rendered conversation and the character spans of the turns that are learnt.

    Those are the assistant's, but for turns of weight 0; `tools` is what the template gets beside the messages. A template may rewrite earlier turns (some drop past reasoning); those are left out, the last turn always counts.
    """
    turns = [i for i, message in enumerate(messages) if message["role"] == "assistant" and message.get("weight") != 0]
    messages = [{key: value for key, value in message.items() if key != "weight"} for message in messages]
    whole = render(tokenizer, messages, reply=False, **tools)
    spans = []
    for i in turns:
        until = render(tokenizer, messages[: i + 1], reply=False, **tools)
        # What the generation prompt has more than the finished turn (an opened thinking block, say) is not learnt.
        before = _shared([render(tokenizer, messages[:i], reply=True, **tools), until])
        if i == turns[-1] and str(messages[i]["content"]).strip() not in until[len(before) :]:
            raise ValueError("the chat template rewrites the prompt once the reply is there")
        # Some templates end the whole text with a mark of its own (Phi-3), which a later turn takes back; "<|" is
        # how both that mark and the next turn begin.
        until = until if whole.startswith(until) else _shared([until, whole]).rstrip("<|")
        if len(until) > len(before) and whole.startswith(before):
            spans.append((len(before), len(until)))
    return whole, spans


def tools_of(row: Row) -> dict[str, Any]:
    """What a template gets of a row beside its messages: the tools, if it has some."""
    return {"tools": row.meta["tools"]} if row.meta.get("tools") else {}


def rows_without_their_tools(tokenizer: Any, rows: Sequence[Row]) -> int:
    """How many rows have tools that the chat template does not show."""
    having = [row for row in rows if row.meta.get("tools")]
    asked: list[Message] = [{"role": "user", "content": "x"}]
    try:
        plain = render(tokenizer, asked, reply=True)
        shown = bool(having) and render(tokenizer, asked, reply=True, **tools_of(having[0])) != plain
    except (jinja2.TemplateError, TypeError):
        return 0  # the first row that is encoded says what is wrong
    return 0 if shown else len(having)


def encode_row(tokenizer: Any, row: Row, max_length: int | None = None) -> Encoded:
    """A row as ids and labels, cut to max_length. Raises DataError when the template refuses the row."""
    if row.messages[0]["role"] == "text":
        ids = list(tokenizer(row.messages[0]["content"])["input_ids"])
        if tokenizer.eos_token_id is not None and (not ids or ids[-1] != tokenizer.eos_token_id):
            ids.append(tokenizer.eos_token_id)
        return Encoded(ids[:max_length], ids[:max_length])
    last = max(i for i, m in enumerate(row.messages) if m["role"] == "assistant" and m.get("weight") != 0)
    try:
        text, spans = _turn_spans(tokenizer, row.messages[: last + 1], tools_of(row))
    except (jinja2.TemplateError, ValueError, TypeError) as error:
        where = f"{row.meta.get('file', row.id)} line {row.meta.get('line', '?')}"
        raise DataError(
            f"{where}: the chat template refuses the row ({error})", "check the order of the roles"
        ) from error
    ids, labels = [], []
    position = 0
    for start, end in spans:
        before = encode_text(tokenizer, text[position:start])
        turn = encode_text(tokenizer, text[start:end])
        ids += before + turn
        labels += [IGNORE] * len(before) + turn
        position = end
    return Encoded(ids[:max_length], labels[:max_length])
