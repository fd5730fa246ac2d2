"""An OpenAI-compatible chat endpoint: one patient call that adapts to what an endpoint takes, and a model behind it.

    Endpoint("http://127.0.0.1:8000/v1", "my-model").complete([{"role": "user", "content": "hello"}])
        -> Completion(text="Hello.", thought="", status="", why="")

What an endpoint does not take (a temperature, a system role, a name of a parameter) it is not sent twice: its own
complaint tells, and `remark` says what was changed. One reply that fails is that reply's fault; an endpoint that
answers none of them stops the run with its own reason. The key comes from `OPENAI_API_KEY`. A secret in the URL itself
(`user:password@`, `?key=…`) is sealed in all but the call.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from holdfast.core.errors import HoldfastError, UsageError
from holdfast.core.records import Message, digest
from holdfast.core.remarks import remark
from holdfast.core.secrets import HIDDEN, opened, sealed, without_secrets
from holdfast.core.worlds import REAL, World
from holdfast.models.endpoint_errors import Complaint, Manner, asked_wait, error_in, read_complaint
from holdfast.models.endpoint_pace import TOO_MUCH, Pace
from holdfast.models.endpoint_reply import (
    BLOCKED,
    CALLED_TOOL,
    ERROR,
    Completion,
    body_of,
    read_completion,
)
from holdfast.models.endpoint_watch import EndpointDown, EndpointUnreadable, Unasked, Watch, failed

__all__ = [
    "RETRY_STATUS",
    "Completion",
    "Endpoint",
    "EndpointDown",
    "EndpointModel",
    "EndpointUnreadable",
    "endpoint_model",
]

# What servers of open models (vLLM, SGLang, transformers serve) understand: go on with the last message, open no turn.
CONTINUE = {"add_generation_prompt": False, "continue_final_message": True}
COUNTED = ("say these colours in this order and nothing else: red orange yellow green blue violet", "red orange yellow")
REFERENCE = re.compile(r"^openai:(?P<name>.+)@(?P<url>https?://.+)$")
RETRY_STATUS = {408, 409, 425, 429, 500, 502, 503, 504, *range(520, 530)}
# What is wrong with the key, the account, the model or the address: no other question would fare better.
OF_THE_WHOLE = {401, 402, 404, 405, 407}
LONGEST_WAIT_S = 60.0
PROBE: list[Message] = [{"role": "user", "content": "Please say yes."}]
NO_KEY = "none"
CHANGES = 8  # times that one request is changed after a complaint


@dataclass
class _Learnt:
    """How the endpoint wants to be asked; several threads learn it at the same time."""

    manner: Manner = field(default_factory=Manner)
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Again(Exception):
    """A try that failed and may succeed later: why, the endpoint's status, how long it asks to wait."""

    def __init__(self, why: str, status: int = 0, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.status, self.wait_s = status, wait_s


@dataclass(frozen=True)
class Endpoint:
    """The URL, the model, and how often and how long a call is tried."""

    url: str
    model: str
    timeout_s: float = 60.0
    tries: int = 5
    backoff_s: float = 1.0
    workers: int = 8  # calls at a time to begin with
    most_workers: int = 64  # while it answers

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", sealed(self.url))

    @cached_property
    def _client(self) -> httpx.Client:
        """Connections that are kept: to set one up, with its certificates, takes longer than many an answer."""
        return httpx.Client(timeout=self.timeout_s, limits=httpx.Limits(max_connections=self.most_workers))

    @cached_property
    def _pace(self) -> Pace:
        return Pace(self.workers, self.most_workers)

    @cached_property
    def _learnt(self) -> _Learnt:
        return _Learnt()

    def _target(self) -> httpx.URL:
        url = httpx.URL(opened(self.url))
        return url.copy_with(path=f"{url.path.rstrip('/')}/chat/completions")

    # ---- one answer ----

    def chat(self, messages: Sequence[Message], **options: Any) -> str:
        """The text of one completion, whatever its status; see `complete`."""
        return self.complete(messages, **options).text

    def complete(self, messages: Sequence[Message], **options: Any) -> Completion:
        """One completion; what an assistant said last is a beginning, and the text what comes after it.

        A reply that a filter stopped, or that the token limit cut, is a completion with that status. Raises
        EndpointDown when the endpoint cannot be reached or refuses the request, EndpointUnreadable for an answer that
        is no completion.
        """
        return self._complete(messages, self.tries, options)

    def _complete(
        self,
        messages: Sequence[Message],
        tries: int,
        options: dict[str, Any],
        over: Callable[[], bool] = lambda: False,
    ) -> Completion:
        begun = bool(messages) and messages[-1]["role"] == "assistant"
        asked = {"model": self.model, "messages": list(messages), **(CONTINUE if begun else {}), **options}
        last = _Again("never asked")
        unreadable: EndpointUnreadable | None = None
        attempt = 0
        while attempt < tries:
            try:
                with self._pace.turn() as mine:
                    if over():
                        raise Unasked
                    found = self._suited(asked)
                self._pace.answered()
                return found
            except _Again as again:
                last = again
                # While it can be asked less at a time, being asked too much is no failed try of this call.
                slower = last.status in TOO_MUCH and self._pace.too_much(mine)
                attempt += not (slower and last.status == 429)
            except EndpointUnreadable as error:
                if unreadable:  # a gateway may hand out a page for a moment; a wrong URL does so always
                    raise
                unreadable, last = error, _Again(str(error))
                attempt += 1
            if attempt < tries:
                pause: float = self.backoff_s * 2 ** max(attempt - 1, 0) * (0.5 + random.random())
                time.sleep(max(pause, min(last.wait_s, LONGEST_WAIT_S)))
        if unreadable and str(unreadable) == str(last):
            raise unreadable
        wait = f"; it asks to wait {last.wait_s:.0f} s" if last.wait_s > LONGEST_WAIT_S else ""
        raise EndpointDown(
            f"the endpoint {self.url} did not answer after {tries} tries ({last}{wait})",
            "is it running? what was done so far is kept, and the same command resumes it",
            last.status,
        )

    def _suited(self, asked: dict[str, Any]) -> Completion:
        """One try, asked in the manner that the endpoint is known to take; what it complains of is changed at once."""
        with self._learnt.lock:
            manner = self._learnt.manner
        first, complaint = manner, None
        for _ in range(CHANGES):
            found = self._post(asked, manner)
            if isinstance(found, Completion):
                if manner != first:
                    self._learn(manner)
                return found
            complaint = found
            if complaint.blocked:
                reason = complaint.quoted
                said = f": {reason}" if reason else f" (status {complaint.status})"
                return Completion("", status=BLOCKED, why=f"a content filter of the endpoint stopped the prompt{said}")
            other = manner.after(complaint, asked)
            if other is None:
                break
            manner = other
        assert complaint is not None
        raise self._refusal(complaint)

    def _learn(self, manner: Manner) -> None:
        """Remember what made the endpoint answer, and say what that changes."""
        with self._learnt.lock:
            self._learnt.manner = manner
        for sentence in manner.sentences:
            remark(f"the endpoint {self.url} ({self.model}) takes {sentence}")

    def _post(self, asked: dict[str, Any], manner: Manner) -> Completion | Complaint:
        """One call.

        Raises _Again for what may pass, EndpointUnreadable for what is neither completion nor complaint.
        """
        try:
            answer = self._client.post(
                self._target(),
                # In ASCII: half a surrogate pair, which a reply may hold, has no UTF-8.
                content=json.dumps(manner.request(asked)).encode("ascii"),
                headers={"Authorization": f"Bearer {_key()}", "Content-Type": "application/json"},
            )
        except httpx.HTTPError as error:
            why = without_secrets(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
            raise _Again(why if _key() == NO_KEY else why.replace(_key(), HIDDEN)) from None
        except httpx.InvalidURL as error:
            why = f": {error}" if opened(self.url) == self.url else ""  # else it may quote what is sealed
            raise UsageError(f"`{self.url}` is not a URL{why}", "write http://HOST:PORT/v1") from None
        return self._read(answer, asked, manner)

    def _read(self, answer: httpx.Response, asked: dict[str, Any], manner: Manner) -> Completion | Complaint:
        """What an answer is: a completion, or a complaint that another try would not change; else raises _Again."""
        status, body = answer.status_code, body_of(answer)
        if 300 <= status < 400:
            return Complaint(status, f"it has moved to {sealed(answer.headers.get('location', 'another place'))}")
        if status < 300:
            found, failed = read_completion(body), error_in(body)
            if found and found.status == ERROR and found.why != CALLED_TOOL and not failed:
                raise _Again(found.why, status)
            if found and not (failed and (found.status == ERROR or not found.text.strip())):
                return found
            if not failed:
                raise self._unreadable(answer, body)
        complaint = read_complaint(status, body, asked["messages"])
        final = complaint.status in OF_THE_WHOLE or (status >= 400 and status not in RETRY_STATUS)
        if final or complaint.blocked or complaint.spent or manner.after(complaint, asked):
            return complaint
        reason = complaint.quoted
        why = f"status {status}" if status >= 400 else "an error in the place of a completion"
        raise _Again(f"{why}: {reason}" if reason else why, complaint.status, asked_wait(answer.headers))

    def _unreadable(self, answer: httpx.Response, body: Any) -> Exception:
        """What to raise for an answer of status 200 that is neither a completion nor an error."""
        if isinstance(body, dict) and body.get("choices") == []:
            return _Again("a completion without any choice", answer.status_code)
        kind = answer.headers.get("content-type", "an unknown type").split(";")[0]
        return EndpointUnreadable(
            f"the endpoint {self.url} answered {kind[:60]!r}, not a chat completion".replace("'", ""),
            "the URL should end in /v1",
        )

    def _refusal(self, said: Complaint) -> EndpointDown:
        """The error for a complaint that nothing here can meet: the endpoint's own reason, and what to do about it."""
        reason = said.quoted
        return EndpointDown(
            f"the endpoint {self.url} refuses: status {said.status}{f': {reason}' if reason else ''}",
            said.hint(has_key=_key() != NO_KEY),
            said.status,
        )

    # ---- many answers ----

    def chat_all(self, asked: Sequence[Sequence[Message]], **options: Any) -> list[Completion]:
        """Completions in order, several at a time; a reply that failed after all tries has the status `error`.

        Where none is answered, or many in a row are not, one harmless question finds out whether the endpoint answers
        at all. Raises EndpointDown or EndpointUnreadable when it does not, with the endpoint's own reason.
        """
        found: dict[int, Completion | HoldfastError] = {}
        watch = Watch(max(self.workers, 4))
        while left := [i for i in range(len(asked)) if i not in found]:
            now = watch
            found |= watch.ask(
                max(self.workers, self.most_workers),
                left,
                lambda i: self._complete(asked[i], self.tries, options, lambda: now.gave_up),  # noqa: B023
            )
            if watch.fault and (watch.gave_up or not any(isinstance(one, Completion) for one in found.values())):
                if not self._answers(watch.fault, options):
                    raise watch.fault
                watch = Watch(None)  # it does answer: what failed is each question's own
        return [one if isinstance(one := found[i], Completion) else failed(one) for i in range(len(asked))]

    def _answers(self, fault: HoldfastError, options: dict[str, Any]) -> bool:
        """Whether the endpoint answers a harmless question, though it did not answer others; asked once."""
        if isinstance(fault, EndpointDown) and fault.status in OF_THE_WHOLE:
            return False
        try:
            self._complete(PROBE, 1, options)
        except (EndpointDown, EndpointUnreadable):
            return False
        return True


def _key() -> str:
    """The key of the environment, without the line break that reading it from a file leaves."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(
            "OPENAI_API_KEY holds a character that no header can carry",
            "set it again: a key is plain letters and digits",
        )
    return key or NO_KEY


@dataclass
class EndpointModel:
    """A model behind an endpoint: it can be asked, not tuned."""

    reference: str
    endpoint: Endpoint
    world: World = REAL

    @property
    def embedded(self) -> bool:
        """Whether its world brings prompts and rows of its own; for plug-ins of other packages that ask so."""
        return self.world.embedded

    @property
    def name(self) -> str:
        return self.endpoint.model

    @property
    def fingerprint(self) -> str:
        return digest({"endpoint": self.endpoint.url, "model": self.endpoint.model})

    def check_continues(self) -> None:
        """Raise UsageError unless the endpoint goes on with an answer that was begun.

        One harmless question finds out.
        """
        asked, begun = COUNTED
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": begun}]
        hint = (
            "serve the model with vLLM or SGLang, which go on with a last message of the assistant; or use its weights"
        )
        try:
            said = self.endpoint.chat(messages, temperature=0, max_tokens=16)
        except EndpointDown as error:
            raise UsageError(f"the endpoint does not go on with an answer that was begun: {error}", hint) from error
        if not said.strip().lower().startswith("green"):
            raise UsageError(
                f"the endpoint does not go on with an answer that was begun: after “{begun}” it said {said[:60]!r}",
                hint,
            )

    def describe(self) -> dict[str, Any]:
        return {"reference": self.reference, "endpoint": self.endpoint.url, "fingerprint": self.fingerprint}


def endpoint_model(reference: str) -> EndpointModel | None:
    """The endpoint that a reference `openai:NAME@URL` names, or None for any other reference."""
    if not reference.startswith("openai:"):
        return None
    match = REFERENCE.match(reference)
    if not match:
        raise UsageError(f"`{sealed(reference)}` is not an endpoint", "write openai:NAME@http://HOST:PORT/v1")
    return EndpointModel(sealed(reference), Endpoint(match["url"], match["name"]))
