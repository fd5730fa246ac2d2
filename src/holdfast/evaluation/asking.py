"""How questions are put to a model in memory or behind an endpoint, and where its replies are kept.

asked = prepare(subject, prompts, options)      what the model reads, and the key of each reply
answers(what, asked, cache)                     the replies; those that the cache knows are not made again
docket = open_docket(what, asked)               the cache of a real model: it judges and masks replies as they come
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.core.errors import NothingMeasured
from holdfast.core.records import Condition, Message, Prompt, Reply, digest
from holdfast.evaluation.bench import Bench, Measurement, Subject
from holdfast.judging.redaction import Docket
from holdfast.models.endpoint import Completion, EndpointModel, EndpointUnreadable
from holdfast.models.generate import FORM, Cache, GenerateOptions, ReplyCache, asked_ids, complete, reply_key, reply_of
from holdfast.models.load import LoadedModel
from holdfast.text.private_mask import KEY as PRIVATE
from holdfast.text.thought import TRUNCATED, Parts, Said, as_said, settled, split

PORTION = 32  # questions to an endpoint at a time


@dataclass(frozen=True)
class Asked:
    """The questions of an evaluation as a model reads them; `keys` name what decides each reply."""

    prompts: Sequence[Prompt]
    keys: list[str]
    ids: list[list[int]] | None = None  # None for an endpoint


def prepare(subject: Subject, prompts: Sequence[Prompt], options: GenerateOptions) -> Asked:
    """What the model reads of each question. Raises ModelError when one leaves the model no room to answer."""
    if isinstance(subject, EndpointModel):
        own = {
            "form": FORM, "model": subject.fingerprint, "tokens": options.max_new_tokens,
            "temperature": options.temperature, **_sampling(options),
        }  # fmt: skip
        return Asked(prompts, [digest({**own, "messages": prompt.messages}) for prompt in prompts])
    ids = asked_ids(subject, prompts, options)
    return Asked(prompts, [reply_key(subject, row, options) for row in ids], ids)


def _sampling(options: GenerateOptions) -> dict[str, Any]:
    sampling = {"top_p": options.top_p, "seed": options.seed} if options.temperature > 0 else {}
    return sampling | ({"chat_template_kwargs": dict(options.template_args)} if options.template_args else {})


def answers(what: Measurement, asked: Asked, cache: Cache) -> list[Reply]:
    """A reply to every question, in order; new ones are given to the cache, batch by batch."""
    subject, options = what.subject, what.bench.options
    if isinstance(subject, EndpointModel):
        said = _ask_endpoint(subject, asked, what.bench, cache)
    else:
        assert asked.ids is not None  # of a model in memory
        said = complete(subject, asked.ids, options, cache, what.showing("generate"))
    key = what.condition.key
    return [reply_of(p, subject.name, key, one, options.seed) for p, one in zip(asked.prompts, said, strict=True)]


def _ask_endpoint(subject: EndpointModel, asked: Asked, bench: Bench, cache: Cache) -> list[Said]:
    options = bench.options
    missing = [i for i, key in enumerate(asked.keys) if key not in cache.known]
    for start in range(0, len(missing), PORTION):
        part = missing[start : start + PORTION]
        try:
            found = subject.endpoint.chat_all(
                [_as_chat(asked.prompts[i].messages) for i in part],
                temperature=options.temperature,
                max_tokens=options.max_new_tokens,
                **_sampling(options),
            )
        except EndpointUnreadable as error:
            raise NothingMeasured(str(error), error.hint) from error
        cache.add({asked.keys[i]: _said(one, options) for i, one in zip(part, found, strict=True)})
        if bench.show:
            bench.show("generate", start + len(part), len(missing))
    return [as_said(cache.known[key]) for key in asked.keys]


def _said(completion: Completion, options: GenerateOptions) -> Said:
    """What an endpoint gave; a thought that it left in the text is told from the answer.

    An answer that the limit cut is judged as far as it goes, as one of a model in memory is.
    """
    cut = completion.status == TRUNCATED
    parts = split(completion.text)
    thought = "\n\n".join(part for part in (completion.thought.strip(), parts.thought) if part)
    if completion.status and not cut:
        return Said(parts.answer, thought, completion.status, completion.why)
    if cut and not completion.text.strip():
        return Said("", thought, TRUNCATED, f"{completion.why}; raise --max-new-tokens", cut=True)
    return settled(Parts(thought, parts.answer, parts.cut), cut, options.max_new_tokens)


def _as_chat(messages: list[Message]) -> list[Message]:
    """A document to go on with as a question, for an endpoint that knows only chats."""
    return [{"role": "user", "content": messages[0]["content"]}] if messages[0]["role"] == "text" else messages


def by_privacy(prompts: Sequence[Prompt]) -> dict[bool, list[int]]:
    """The places of prompts that are not about private values, and of those that are; only keys that have places."""
    private = [bool(prompt.expect.get(PRIVATE)) for prompt in prompts]
    return {kind: places for kind in (False, True) if (places := [i for i, p in enumerate(private) if p == kind])}


def open_docket(what: Measurement, asked: Asked) -> Docket:
    """Where replies of a model go that must be judged before they are written."""
    by_key: dict[str, list[Prompt]] = {}
    for prompt, key in zip(asked.prompts, asked.keys, strict=True):
        by_key.setdefault(key, []).append(prompt)
    bench, subject = what.bench, what.subject
    return Docket(bench.screen, bench.replies, bench.verdicts, what.judge, subject.world.harmless,
                  (subject.name, what.condition.key), by_key, what.beside)  # fmt: skip


def make_replies(subject: Subject, prompts: Sequence[Prompt], condition: Condition, bench: Bench) -> list[Reply]:
    """A reply for every prompt, whole. What a real model says is not written here, but by `evaluate`, masked.

    Replies to prompts about private values stay in memory whoever gives them, since they may tell them.
    """
    what = Measurement(subject, condition, bench, {})
    found: dict[int, Reply] = {}
    for private, places in by_privacy(prompts).items():
        written = (subject.world.harmless or bench.screen.show) and not private
        cache = ReplyCache(None) if private else bench.replies if written else bench.replies.in_memory()
        asked = prepare(subject, [prompts[i] for i in places], bench.options)
        found |= dict(zip(places, answers(what, asked, cache), strict=True))
    return [found[i] for i in range(len(prompts))]


def attempts_at(bench: Bench, count: int) -> list[GenerateOptions]:
    """How each of so many sampled attempts is made: at the bench's temperature, or at 1 where that is greedy."""
    return [replace(bench.options, temperature=bench.options.temperature or 1.0, seed=k) for k in range(1, count + 1)]


def all_cached(subject: LoadedModel, fingerprint: str, bench: Bench) -> bool:
    """Whether every reply of a model with this fingerprint is known, so that it need not be made again."""
    named = replace(subject, fingerprint=fingerprint)
    prompts = [prompt for suite in bench.suites for prompt in suite.prompts]
    waits = bench.screen.waits(subject.world.harmless)
    if True in by_privacy(prompts) or (waits and any(suite.attempts for suite in bench.suites)):
        return False
    asked = prepare(named, prompts, bench.options)
    known = open_docket(Measurement.of(named, Condition(), bench), asked).known if waits else bench.replies.known
    return all(key in known for key in asked.keys) and all(
        key in bench.replies.known
        for suite in bench.suites
        for options in attempts_at(bench, suite.attempts)
        for key in prepare(named, suite.prompts, options).keys
    )
