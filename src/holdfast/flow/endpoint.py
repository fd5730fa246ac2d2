"""An OpenAI-compatible chat endpoint: one call with retries and back-off, and a model that is reached through it.

    Endpoint("http://127.0.0.1:8000/v1", "my-model").chat([{"role": "user", "content": "hello"}])

The key comes from `OPENAI_API_KEY`. A secret in the URL itself (`user:password@`, `?key=…`) is sealed in all but the call.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from holdfast.core.errors import HoldfastError, UsageError
from holdfast.core.records import Message, digest
from holdfast.core.secrets import opened, sealed, without_secrets

# What servers of open models (vLLM, SGLang, transformers serve) understand: go on with the last message, open no turn.
CONTINUE = {"add_generation_prompt": False, "continue_final_message": True}
COUNTED = ("say these colours in this order and nothing else: red orange yellow green blue violet", "red orange yellow")
REFERENCE = re.compile(r"^openai:(?P<name>.+)@(?P<url>https?://.+)$")
RETRY_STATUS = {408, 409, 429, 500, 502, 503, 504}


class EndpointDown(HoldfastError):
    """The endpoint did not answer, whatever was tried."""


class EndpointUnreadable(HoldfastError):
    """The endpoint answered something that is no chat completion."""


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, whom, and how patiently."""

    url: str
    model: str
    timeout_s: float = 60.0
    tries: int = 5
    backoff_s: float = 1.0
    workers: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", sealed(self.url))

    @cached_property
    def _client(self) -> httpx.Client:
        """Connections that are kept: to set one up, with its certificates, takes longer than many an answer."""
        return httpx.Client(timeout=self.timeout_s, limits=httpx.Limits(max_connections=self.workers))

    def _target(self) -> httpx.URL:
        url = httpx.URL(opened(self.url))
        return url.copy_with(path=f"{url.path.rstrip('/')}/chat/completions")

    def chat(self, messages: Sequence[Message], **options: Any) -> str:
        """The text of one completion; what an assistant said last is a beginning, and the text what comes after it.

        Raises EndpointDown when it cannot be reached or keeps refusing, EndpointUnreadable for an answer that is no
        completion.
        """
        last = ""
        begun = bool(messages) and messages[-1]["role"] == "assistant"
        asked = {"model": self.model, "messages": list(messages), **(CONTINUE if begun else {}), **options}
        for attempt in range(self.tries):
            if attempt:
                time.sleep(self.backoff_s * 2 ** (attempt - 1) * (0.5 + random.random()))
            try:
                answer = self._client.post(
                    self._target(),
                    json=asked,
                    headers={"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}"},
                )
            except httpx.HTTPError as error:
                last = without_secrets(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
                continue
            except httpx.InvalidURL as error:
                why = f": {error}" if opened(self.url) == self.url else ""  # else it may quote what is sealed
                raise UsageError(f"`{self.url}` is not a URL{why}", "write http://HOST:PORT/v1") from None
            if answer.status_code in RETRY_STATUS:
                last = f"status {answer.status_code}"
                wait = answer.headers.get("retry-after", "")
                if wait.isdigit():
                    time.sleep(min(float(wait), 60.0))
                continue
            return self._read(answer)
        raise EndpointDown(
            f"the endpoint {self.url} did not answer after {self.tries} tries ({last})",
            "is it running? what was done so far is kept, and the same command takes it up",
        )

    def _read(self, answer: httpx.Response) -> str:
        if answer.status_code >= 400:
            raise EndpointDown(
                f"the endpoint {self.url} refuses: status {answer.status_code}",
                "check the model's name and OPENAI_API_KEY",
            )
        try:
            content = answer.json()["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            kind = answer.headers.get("content-type", "an unknown type").split(";")[0]
            raise EndpointUnreadable(
                f"the endpoint {self.url} answered {kind}, not a chat completion", "the URL should end in /v1"
            ) from error
        return content or ""

    def chat_all(self, asked: Sequence[Sequence[Message]], **options: Any) -> list[str]:
        """Completions in order, several at a time."""
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(lambda messages: self.chat(messages, **options), asked))


@dataclass
class EndpointModel:
    """A model behind an endpoint: it can be asked, not tuned."""

    reference: str
    endpoint: Endpoint
    embedded: bool = False

    @property
    def name(self) -> str:
        return self.endpoint.model

    @property
    def fingerprint(self) -> str:
        return digest({"endpoint": self.endpoint.url, "model": self.endpoint.model})

    def check_continues(self) -> None:
        """Raise UsageError unless the endpoint goes on with an answer that was begun; one harmless question finds out."""
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
