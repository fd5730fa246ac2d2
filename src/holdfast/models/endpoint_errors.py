"""What an endpoint says when it does not answer, and what can be done about it.

    said = read_complaint(400, {"error": {"message": "Unsupported parameter: 'max_tokens' … use 'max_completion_…'"}})
    said.blocked                       whether a filter stopped this prompt; else it is about the request or the key
    Manner().after(said, request)      how to ask instead: a parameter left out or renamed, the system turn folded in

An endpoint's words are not to be trusted: they are quoted briefly, without control characters, keys, or what was asked.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from holdfast.core.records import Message
from holdfast.core.secrets import HIDDEN, without_secrets
from holdfast.text.safe import for_page

QUOTED = 240  # characters of an endpoint's reason that are shown
ECHO_WORDS = 4  # words in a row of what was asked by which a reason is seen to repeat it
_KEY = re.compile(
    r"\b(?:(?:sk|pk|rk|hf|gsk|xai|nvapi|key)[-_]|AKIA|AIza)[\w*.-]{8,}|(?<=Bearer )\S+|\beyJ[\w-]{8,}\.[\w.-]+",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)

# ---- a filter's words -----------------------------------------------------------------------------------------------

# Codes that only a filter gives, of OpenAI, Azure, LiteLLM, DashScope, Moonshot, Bedrock gateways.
_FILTER_CODE = re.compile(
    r"content_?(filter|policy|moderation|safety)|responsible_?ai|data_?inspection_?failed|moderation_blocked|"
    r"policy_?violation|guardrail|invalid_prompt|prohibited_content|safety_check|flagged",
    re.IGNORECASE,
)
_FILTER_WORDS = re.compile(
    r"content[ _-]?(filter|policy|management policy|moderation|safety)|usage (polic|guideline)|safety (system|filter|"
    r"check|guideline)|moderation|guardrail|\bflagged\b|responsible ?ai|content exists risk|high risk|jailbreak"
    r"|(inappropriate|sensitive|harmful|unsafe|prohibited|disallowed|objectionable|offensive) (content|input|prompt|"
    r"material|text)|violat\w+ .{0,60}(polic|guideline|terms)|(prompt|input|request|content) (was |is |"
    r"has been )?(blocked|rejected|filtered)"
    r"|blocked .{0,40}(safety|polic|filter|firewall|security)|firewall|敏感|不安全|违规",
    re.IGNORECASE | re.DOTALL,
)
# What is wrong with an account, or with the filter itself, is no word on one prompt.
_NOT_A_PROMPT = re.compile(
    r"account|api[ _-]?key|suspend|deactivat|banned|billing|credit|quota|data policy|unavailable|timed? ?out|"
    r"not (enabled|found)",
    re.IGNORECASE,
)
OF_ONE_PROMPT = (400, 403, 406, 422, 451)  # statuses by which a filter stops a prompt


@dataclass(frozen=True)
class Complaint:
    """An endpoint's error: its status, its reason, its codes, and the parameter that it names."""

    status: int
    reason: str = ""
    codes: str = ""
    parameter: str = ""

    @property
    def blocked(self) -> bool:
        """Whether it says that a filter stopped this one prompt."""
        if self.status in (401, 402, 404, 429):
            return False
        if _FILTER_CODE.search(self.codes):
            return True
        words = self.status in (*OF_ONE_PROMPT, 200) and _FILTER_WORDS.search(self.reason)
        plain = self.status == 500 and re.search(r"content[ _-]?(filter|policy)|policy ?violation", self.reason, re.I)
        return bool(words or plain) and not _NOT_A_PROMPT.search(self.reason)

    @property
    def spent(self) -> bool:
        """Whether it says that the account has nothing left, which no waiting changes."""
        return self.status == 402 or "insufficient_quota" in self.codes

    def hint(self, has_key: bool) -> str:
        """What a person can do about it."""
        text = self.reason.lower()
        if self.spent:
            return "the account behind the key has no credit left"
        if self.status == 401 or (self.status == 403 and not self.blocked):
            key = "check OPENAI_API_KEY" if has_key else "OPENAI_API_KEY is not set: set it to the endpoint's key"
            return f"{key}, and that it may use this model"
        if self.status in (404, 405) or 300 <= self.status < 400:
            return "check the model's name and the URL, which should end in /v1"
        if self.status == 413 or re.search(r"context|too (long|large|many tokens)|max_\w*tokens", text):
            return "ask for less: a smaller --max-new-tokens or shorter prompts"
        if "model" in text and re.search(r"not (found|exist|available)|does not exist|unknown model|no such", text):
            return "check the model's name"
        return "the reason is the endpoint's own; change what is asked of it, or how it is served"

    @property
    def quoted(self) -> str:
        """The reason as it may be shown: one short line in quotes, or "" where none was given."""
        said = " ".join(for_page(without_secrets(self.reason)).split())
        said = _KEY.sub(HIDDEN, said)
        return f"“{said[:QUOTED]}{'…' if len(said) > QUOTED else ''}”" if said else ""


def _without_echo(reason: str, asked: Sequence[Message]) -> str:
    """A reason without what it repeats of the messages, which may hold what nobody is to read on a terminal."""
    words = list(re.finditer(r"\w+", reason))
    said = [match.group().lower() for match in words]
    known: set[tuple[str, ...]] = set()
    for message in asked:
        own = re.findall(r"\w+", str(message.get("content") or "").lower())
        known.update(tuple(own[i : i + ECHO_WORDS]) for i in range(max(1, len(own) - ECHO_WORDS + 1)) if own)
    echoed: set[int] = set()
    for size in range(1, ECHO_WORDS + 1):
        for i in range(len(said) - size + 1):
            # Fewer words than four are an echo only where they are the whole of a message, and not one common word.
            if tuple(said[i : i + size]) in known and (size > 1 or len(said[i]) > 8):
                echoed.update(range(i, i + size))
    kept, end, hidden = "", 0, False
    for i, match in enumerate(words):
        if i not in echoed:
            kept += reason[end : match.end()]
        elif not hidden:
            kept += reason[end : match.start()] + "[what was asked]"
        hidden = i in echoed
        end = match.end()
    return kept + reason[end:]


# ---- error bodies ---------------------------------------------------------------------------------------------------


def error_in(value: Any) -> Any:
    """The error in a parsed body, whichever shape it has, or None."""
    if isinstance(value, list):
        return next((found for one in value[:3] if (found := error_in(one))), None)
    if not isinstance(value, Mapping):
        return None
    for name in ("error", "errors", "detail", "base_resp"):
        found = value.get(name)
        if found and not (name == "base_resp" and not found.get("status_code")):
            return found
    choices = value.get("choices")
    if isinstance(choices, list) and choices:
        return error_in(choices[0]) if isinstance(choices[0], Mapping) and choices[0].get("error") else None
    if any(isinstance(value.get(name), str) for name in ("message", "msg", "Message")):
        return value
    return None


def read_complaint(status: int, body: Any, asked: Sequence[Message] = ()) -> Complaint:
    """The complaint in the body of an error, parsed or as text, without what it repeats of the messages sent.

    A code in the body of a 200 counts as its status where it is one.
    """
    found = _read(status, body)
    return replace(found, reason=_without_echo(found.reason, asked))


def _read(status: int, body: Any) -> Complaint:
    found = error_in(body)
    if found is None:
        text = body if isinstance(body, str) else json.dumps(body) if body else ""
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return Complaint(status, " ".join(_TAG.sub(" ", title[1] if title else text).split())[:2000])
    codes: list[str] = []
    parameters: list[str] = []
    reasons = _reasons(found, codes, parameters)
    if isinstance(body, Mapping) and found is not body:
        _gather(body, codes, parameters)
    if status == 200:
        own = next((int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)), None)
        status = own or status
    return Complaint(status, ": ".join(dict.fromkeys(reasons))[:4000], " ".join(codes), " ".join(parameters))


def _gather(value: Mapping[str, Any], codes: list[str], parameters: list[str]) -> None:
    for name in ("code", "type", "status", "error_type", "reason", "status_code", "__type"):
        if isinstance(value.get(name), (str, int)):
            codes.append(str(value[name]))
    if isinstance(value.get("param"), str):
        parameters.append(value["param"])
    if isinstance(value.get("loc"), list):
        parameters.extend(str(step) for step in value["loc"])


def _reasons(value: Any, codes: list[str], parameters: list[str], depth: int = 0) -> list[str]:
    """What an error says, outermost first; a gateway's own words and then those of the provider behind it."""
    if depth > 5 or not value:
        return []
    if isinstance(value, str):
        inner = value[value.find("{") :] if "{" in value else ""
        try:
            parsed = json.loads(inner or "null")
        except (ValueError, RecursionError):
            return [value]
        told = _reasons(parsed, codes, parameters, depth + 1) if isinstance(parsed, dict) else []
        before = value[: value.find("{")].strip(" :-") if told else value
        return [*([before] if before else []), *told]
    if isinstance(value, list):
        return [reason for one in value[:4] for reason in _reasons(one, codes, parameters, depth + 1)]
    if not isinstance(value, Mapping):
        return []
    _gather(value, codes, parameters)
    found: list[str] = []
    for name in (
        "message",
        "msg",
        "Message",
        "status_msg",
        "detail",
        "error",
        "innererror",
        "inner_error",
        "metadata",
        "raw",
    ):
        if name in value:
            found += _reasons(value[name], codes, parameters, depth + 1)
    reasons = value.get("reasons")  # OpenRouter's word for what its moderation saw
    if isinstance(reasons, list) and "flagged_input" in value:
        codes.append("flagged")
    return found


# ---- asking otherwise -----------------------------------------------------------------------------------------------

_REFUSES = re.compile(
    r"n[o']t (\w+ )?(support|allow|permit|accept|recogni|enabled|available|one of|valid)|unsupported|unrecogni[sz]ed|"
    r"unknown|unexpected|unauthori[sz]ed param|extra (field|input|param)|deprecated|\bonly\b|must|invalid|incompatible|"
    r"cannot|can't|disallowed|removed"
    r"|no longer|(should|has to) be",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"between|range|less than|greater|at (least|most)|maximum|minimum|positive|too (large|high|long|big|small)|[<>≤≥]|"
    r"exceed",
    re.I,
)
_SYSTEM = re.compile(
    r"system.{0,20}(message|prompt|instruction)|(message|prompt|tag).{0,40}\bsystem\b|developer instruction|\broles?\b"
    r"|only .{0,20}user.{0,20}assistant",
    re.IGNORECASE | re.DOTALL,
)
_STREAM = re.compile(
    r"(only|must|require|need).{0,40}\bstream|non-?stream\w*.{0,40}(not|only|unsupported)|for non-?streaming|"
    r"\bstream\b.{0,30}(must|required|only)",
    re.I | re.DOTALL,
)
LONGEST = ("max_completion_tokens", "max_output_tokens", "max_new_tokens")
ADAPTABLE = (400, 415, 422, 500, 501)  # a chat template that refuses a role is a 500 at some servers
ALMOST_GREEDY = 0.01
ROOM = 4096  # tokens for a reply whose length nobody limits, where an endpoint wants a limit


@dataclass(frozen=True)
class Manner:
    """How an endpoint wants to be asked, as far as its complaints have said.

    dropped: parameters that it does not take. longest: its own name of max_tokens. warm: a temperature of 0 is too low.
    folded: the system turn stands in the user's first. streams: it answers in a stream only. limited: it wants a limit
    on the length of every reply.
    """

    dropped: frozenset[str] = frozenset()
    longest: str = "max_tokens"
    warm: bool = False
    folded: bool = False
    streams: bool = False
    limited: bool = False

    def request(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent in the place of a plain request."""
        sent = {**({"max_tokens": ROOM} if self.limited else {}), **asked}
        sent = {name: value for name, value in sent.items() if name not in self.dropped}
        if "max_tokens" in sent and self.longest != "max_tokens":
            sent[self.longest] = sent.pop("max_tokens")
        if self.warm and sent.get("temperature") == 0:
            sent["temperature"] = ALMOST_GREEDY
        if self.folded:
            sent["messages"] = folded(sent["messages"])
        if self.streams:
            sent["stream"] = True
        return sent

    def after(self, said: Complaint, asked: Mapping[str, Any]) -> Manner | None:
        """Another manner that meets the complaint; None where nothing can, and the endpoint's reason is shown."""
        if said.status not in ADAPTABLE:
            return None
        sent = self.request(asked)
        found = self._length(said, sent) or self._parameter(said, sent)
        if found is None and _REFUSES.search(said.reason) and any(m["role"] == "system" for m in sent["messages"]):
            found = replace(self, folded=True) if _SYSTEM.search(f"{said.reason} {said.parameter}") else None
        if found is None and _STREAM.search(said.reason):
            found = replace(self, streams=True)
        return found if found != self else None

    def _length(self, said: Complaint, sent: Mapping[str, Any]) -> Manner | None:
        """The limit on a reply's length by the name that the endpoint wants, or given where it must be."""
        named = f"{said.reason} {said.parameter}"
        if not re.search(r"\bmax_tokens\b", named):
            return None
        if "max_tokens" not in sent:
            missing = re.search(r"required|missing|must be (set|given)", said.reason, re.IGNORECASE)
            return replace(self, limited=True) if missing and not self._limits(sent) else None
        other = next((name for name in LONGEST if re.search(rf"\b{name}\b", named)), None)
        renamed = other and _REFUSES.search(said.reason) and not re.search(r"too (large|high|long)", said.reason)
        return replace(self, longest=other) if other and renamed else None

    @staticmethod
    def _limits(sent: Mapping[str, Any]) -> bool:
        """Whether a request limits the length of its reply, by whichever name."""
        return any(name in sent for name in ("max_tokens", *LONGEST))

    def _parameter(self, said: Complaint, sent: Mapping[str, Any]) -> Manner | None:
        """Without the parameter that the complaint names first, or with a value that it takes."""
        text = said.reason
        if not _REFUSES.search(text):
            return None
        places = {
            name: _place(name, text, said.parameter)
            for name in ("temperature", "top_p", "seed", "max_tokens", *LONGEST)
        }
        named = sorted((place, name) for name, place in places.items() if place is not None and name in sent)
        if not named:
            return None
        name = named[0][1]
        if {"temperature", "top_p"} <= {one for _, one in named} and re.search(r"\b(both|together|only one)\b", text):
            name = "top_p"
        if _RANGE.search(text) and name != "seed":
            if name == "temperature" and sent[name] == 0:
                return replace(self, warm=True)
            # Any other value out of range is the user's own choice, and the endpoint's reason tells what is wrong with
            # it.
            if (name, sent[name]) not in (("top_p", 1), ("temperature", ALMOST_GREEDY)):
                return None
        return replace(self, dropped=self.dropped | {"max_tokens" if name in LONGEST else name})

    @property
    def sentences(self) -> list[str]:
        """What is otherwise than it was asked, for a person."""
        without = {
            "temperature": "no temperature, so replies are sampled as it does by default",
            "top_p": "no top_p",
            "seed": "no seed, so replies cannot be drawn again",
            "max_tokens": "no limit on the length of a reply",
        }
        said = [without[name] for name in sorted(self.dropped)]
        if self.warm and "temperature" not in self.dropped:
            said.append(f"no temperature of 0, and is asked at {ALMOST_GREEDY}")
        if self.limited:
            said.append(f"no reply without a limit, and is given {ROOM} tokens")
        if self.folded:
            said.append("no system role, so the system prompt stands at the beginning of the user's first turn")
        return said


def _place(name: str, text: str, parameter: str) -> int | None:
    """Where a parameter is named: before everything else in the field for it, else by its place in the text."""
    if re.search(rf"\b{name}\b", parameter):
        return -1
    spelled = re.search(rf"\b{name}\b", text.replace("top-p", "top_p").replace("topP", "top_p"), re.IGNORECASE)
    return spelled.start() if spelled else None


def folded(messages: Sequence[Message]) -> list[Message]:
    """Messages without a system turn: its text stands at the beginning of the user's first."""
    system = "\n\n".join(str(m["content"]) for m in messages if m["role"] == "system")
    rest = [m for m in messages if m["role"] != "system"]
    if not system:
        return rest
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    return [{**rest[0], "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]


def asked_wait(headers: Mapping[str, str]) -> float:
    """The seconds that an answer asks to wait, from a number, a fraction, milliseconds or a date; 0 for none."""
    scale = 0.001 if "retry-after-ms" in headers else 1.0
    said = headers.get("retry-after-ms") or headers.get("retry-after", "")
    try:
        seconds = float(said) * scale
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
