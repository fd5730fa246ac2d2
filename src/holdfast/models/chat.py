"""Messages to token ids and a loss mask: the only place that touches a chat template.

Loss falls on assistant turns only. Most published templates have no generation markers, so a turn's tokens are found by
rendering the conversation up to it and up to its end: what the second has more is the turn.
"""

from __future__ import annotations

import builtins
import copy
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta

from holdfast.core.errors import DataError, ModelError, UsageError
from holdfast.core.records import Message, Row

IGNORE = -100
WORDS = "which word ?"  # a question that every tokenizer and template can write
TemplateArguments = tuple[
    tuple[str, Any], ...
]  # names and values that a chat template is given, such as enable_thinking
# What every template is given anyway.
_STANDING = frozenset(
    (
        "messages",
        "tools",
        "documents",
        "add_generation_prompt",
        "continue_final_message",
        "raise_exception",
        "strftime_now",
    )
)
_ARGUMENTS = "holdfast_template_arguments"  # where a tokenizer keeps them; a copy of it keeps them too
_SETTING = re.compile(r"\A[A-Za-z_]\w*\Z")
_GENERATION = re.compile(r"\{%[-+]?\s*(?:end)?generation\s*[-+]?%\}")


@dataclass(frozen=True)
class Encoded:
    """A training example: ids, and labels that are IGNORE wherever there is no loss."""

    input_ids: list[int]
    labels: list[int]


def template_argument(text: str) -> tuple[str, Any]:
    """NAME=VALUE as a name and a value: JSON where it is (true, 3, "x"), in any case, else the text.

    Raises UsageError for a text without a name, and for a name that the template is given anyway.
    """
    name, equals, value = text.partition("=")
    if not equals or not _SETTING.match(name):
        raise UsageError(f"`{text}` is no argument of a template", "write NAME=VALUE, such as enable_thinking=false")
    if name in _STANDING or name in ("tokenize", "chat_template", "return_dict", "conversation"):
        raise UsageError(f"a chat template is given `{name}` by itself", "name an argument of the model's own template")
    plain = {"true": True, "false": False, "none": None, "null": None}
    if value.strip().lower() in plain:
        return name, plain[value.strip().lower()]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def template_names(tokenizer: Any) -> list[str]:
    """The arguments that a tokenizer's chat template reads, beside those that every template is given."""
    template = _GENERATION.sub("", str(getattr(tokenizer, "chat_template", "") or ""))
    try:
        environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])
        named = meta.find_undeclared_variables(environment.parse(template))
    except jinja2.TemplateError:
        named = set(re.findall(r"\b[a-z]\w*_\w+\b", template))
    # A name that the template sets itself is an argument only where it asks whether it was given.
    own = set(re.findall(r"{%-?\s*set\s+(\w+)", template)) - set(
        re.findall(r"(\w+)\s+is\s+(?:not\s+)?defined", template)
    )
    named -= own | _STANDING | set(dir(builtins)) | {"namespace"}
    return sorted(name for name in named if not name.endswith("_token"))


def give_arguments(tokenizer: Any, model: str, arguments: TemplateArguments) -> None:
    """Give a tokenizer's chat template these arguments wherever it is used from now on.

    Raises UsageError for one that the template does not read, since it would change nothing.
    """
    known = template_names(tokenizer)
    for name, _ in arguments:
        if name not in known:
            hint = f"it reads: {', '.join(known)}" if known else "it reads no arguments: leave --template-arg out"
            raise UsageError(f"the chat template of `{model}` reads no argument `{name}`", hint)
    setattr(tokenizer, _ARGUMENTS, dict(arguments))


def given_arguments(tokenizer: Any) -> dict[str, Any]:
    return dict(getattr(tokenizer, _ARGUMENTS, {}))


def require_template(
    tokenizer: Any, model: str, template_file: str | None = None, arguments: TemplateArguments = ()
) -> None:
    """See to it that the tokenizer has a chat template, and give it its arguments.

    Raises ModelError with a hint when there is none, and UsageError for an argument that it does not read.
    """
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
    hint = "name another with --chat-template FILE"
    if arguments:
        give_arguments(tokenizer, model, arguments)
    try:
        text = render(tokenizer, [{"role": "user", "content": WORDS}], reply=True)
    except Exception as error:  # a template is code: it fails as it likes
        raise ModelError(
            f"the chat template of `{model}` cannot render a question: {error or repr(error)}", hint
        ) from error
    if WORDS not in text:
        raise ModelError(f"the chat template of `{model}` leaves the user's words out: it writes {text[:60]!r}", hint)


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

    `variables` are whatever else the template may know: a guard's policy, say. What the tokenizer was given is among
    them.
    """
    variables = given_arguments(tokenizer) | variables

    def apply(turns: list[Message]) -> str:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=reply, **variables))

    begins = bool(messages) and messages[0]["role"] == "system" and len(messages) > 1
    try:
        text = apply(messages)
    except jinja2.TemplateError:
        if begins:
            return apply(fold_system(messages))
        raise
    # Some templates pass over the role without a word; the model would never see the prompt that it is measured under.
    if begins and (words := str(messages[0]["content"]).strip()) and words not in text:
        folded = apply(fold_system(messages))
        return folded if words in folded else text
    return text


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
            return str(
                tokenizer.apply_chat_template(
                    turns, tokenize=False, continue_final_message=True, **given_arguments(tokenizer)
                )
            )
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

    Those are the assistant's, but for turns of weight 0; `tools` is what the template gets beside the messages. A
    template may rewrite earlier turns (some drop past reasoning); those are left out, the last turn always counts.
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
    """A row as ids and labels, cut to max_length. Raises DataError when the template refuses the row.

    A row whose `meta` says `cut` ends where its last reply does: that the turn is over is not learnt of it.
    """
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
    if row.meta.get("cut"):
        begin, end = spans[-1]
        said = str(row.messages[last]["content"]).strip()
        spans[-1] = begin, text.rindex(said, begin, end) + len(said)
    ids, labels = [], []
    position = 0
    for start, end in spans:
        before = encode_text(tokenizer, text[position:start])
        turn = encode_text(tokenizer, text[start:end])
        ids += before + turn
        labels += [IGNORE] * len(before) + turn
        position = end
    return Encoded(ids[:max_length], labels[:max_length])
