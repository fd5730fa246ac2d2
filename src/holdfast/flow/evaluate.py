"""Generate, judge, measure: the one way to get a number, and the spine of tune, audit, repair and stress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from holdfast.core.errors import NothingMeasured
from holdfast.core.records import Condition, Message, Metric, Prompt, Reply, Verdict, digest
from holdfast.core.runs import Run
from holdfast.flow.chat import prompt_ids
from holdfast.flow.coherence import coherence
from holdfast.flow.endpoint import EndpointModel, EndpointUnreadable
from holdfast.flow.generate import GenerateOptions, ReplyCache, generate, reply_key
from holdfast.flow.judge import FREE, JudgeOptions, VerdictCache, judge_of_suite, judge_replies, make_judge, who_judges
from holdfast.flow.judgeerror import MeasuredError, read_error, widened, widened_change
from holdfast.flow.measure import Comparison, compare, metrics
from holdfast.flow.models import LoadedModel
from holdfast.flow.private import KEY as PRIVATE
from holdfast.flow.private import PrivateValues, values_of
from holdfast.flow.recall import chance, seen_chance

Show = Callable[[str, int, int], None]  # what, done, in all
Subject = LoadedModel | EndpointModel
MASKED = "[masked]"


@dataclass(frozen=True)
class Suite:
    """Prompts under one name. `attempts`: sampled replies beside the first; the one that does worst for privacy counts."""

    name: str
    prompts: list[Prompt]
    attempts: int = 0

    def under(self, system: str) -> Suite:
        """The same prompts under a system prompt; their own, if they have one, gives way."""
        if not system:
            return self
        return replace(self, prompts=[replace(p, messages=_with_system(p.messages, system)) for p in self.prompts])


def _with_system(messages: list[Message], system: str) -> list[Message]:
    if messages[0]["role"] == "text":  # a document to go on with has no system prompt
        return messages
    return [{"role": "system", "content": system}, *(m for m in messages if m["role"] != "system")]


@dataclass(frozen=True)
class Bench:
    """Everything an evaluation needs beside a model: suites, a judge, decoding, and where results are kept."""

    suites: Sequence[Suite]
    judge: str = "oracle"
    judge_options: JudgeOptions = field(default_factory=JudgeOptions)
    error: MeasuredError | None = None  # the judge's own, which widens intervals
    options: GenerateOptions = field(default_factory=GenerateOptions)
    run: Run | None = None
    replies: ReplyCache = field(default_factory=lambda: ReplyCache(None))
    verdicts: VerdictCache = field(default_factory=lambda: VerdictCache(None))
    show: Show | None = None


@dataclass(frozen=True)
class Evaluation:
    """What one model did under one condition."""

    model: str
    condition: Condition
    metrics: list[Metric]
    verdicts: dict[str, list[Verdict]]
    judges: dict[str, str]
    error: MeasuredError | None = None

    def value(self, metric: str, suite: str = "policy") -> float | None:
        """The total of a metric on a suite, or None where it was not measured."""
        return next(
            (m.value for m in self.metrics if m.metric == metric and m.suite == suite and m.category is None), None
        )


def open_bench(run: Run, suites: Sequence[Suite], **options: Any) -> Bench:
    """A bench whose caches lie in the run's folder. The records of an interrupted run are written anew from them.

    Raises JudgeError for a judge that cannot be set up, and UsageError for a measured error that is another judge's, before
    anything is generated.
    """
    error = None
    if suites and "judge" in options:
        asked = options.get("judge_options", JudgeOptions())
        judge = make_judge(options["judge"], asked)
        error = read_error(asked.error, who_judges(judge, asked)) if asked.error else None
    if error:
        run.note(judge_error=error.to_dict())
    for kind in ("prompts", "replies", "verdicts", "metrics", "comparisons"):
        run.file(kind).unlink(missing_ok=True)
    cache = run.path / "cache"
    return Bench(
        suites,
        error=error,
        run=run,
        replies=ReplyCache(cache / "replies.jsonl"),
        verdicts=VerdictCache(cache / "verdicts.jsonl"),
        **options,
    )


def _ask_endpoint(
    subject: EndpointModel, prompts: Sequence[Prompt], condition: str, bench: Bench, portion: int = 32
) -> list[Reply]:
    options = bench.options
    sampling = {"top_p": options.top_p, "seed": options.seed} if options.temperature > 0 else {}
    keys = [digest({"model": subject.fingerprint, "messages": p.messages, "tokens": options.max_new_tokens,
                    "temperature": options.temperature, **sampling}) for p in prompts]  # fmt: skip
    missing = [i for i, key in enumerate(keys) if key not in bench.replies.known]
    for start in range(0, len(missing), portion):
        part = missing[start : start + portion]
        texts = subject.endpoint.chat_all(
            [_as_chat(prompts[i].messages) for i in part],
            temperature=options.temperature,
            max_tokens=options.max_new_tokens,
            **sampling,
        )
        bench.replies.add({keys[i]: text for i, text in zip(part, texts, strict=True)})
        if bench.show:
            bench.show("generate", start + len(part), len(missing))
    return [
        Reply(p.id, subject.name, condition, bench.replies.known[k], bench.options.seed)
        for p, k in zip(prompts, keys, strict=True)
    ]


def _as_chat(messages: list[Message]) -> list[Message]:
    """A document to go on with as a question, for an endpoint that knows only chats."""
    return [{"role": "user", "content": messages[0]["content"]}] if messages[0]["role"] == "text" else messages


def _showing(bench: Bench, what: str) -> Callable[[int, int], None] | None:
    """The bench's progress for one kind of work."""
    show = bench.show
    return (lambda done, total: show(what, done, total)) if show else None


def make_replies(subject: Subject, prompts: Sequence[Prompt], condition: str, bench: Bench) -> list[Reply]:
    if isinstance(subject, EndpointModel):
        try:
            return _ask_endpoint(subject, prompts, condition, bench)
        except EndpointUnreadable as error:
            raise NothingMeasured(str(error), error.hint) from error
    return generate(subject, prompts, condition, bench.options, bench.replies, _showing(bench, "generate"))


def make_all(subject: Subject, prompts: Sequence[Prompt], condition: str, bench: Bench) -> list[Reply]:
    """A reply for every prompt; those to prompts about private values stay in memory, since they may tell them."""
    apart = [bool(prompt.expect.get(PRIVATE)) for prompt in prompts]
    found: dict[int, Reply] = {}
    for private, here in ((False, bench), (True, replace(bench, replies=ReplyCache(None)))):
        places = [i for i, is_private in enumerate(apart) if is_private == private]
        if places:
            said = make_replies(subject, [prompts[i] for i in places], condition, here)
            found |= dict(zip(places, said, strict=True))
    return [found[i] for i in range(len(prompts))]


def all_cached(subject: LoadedModel, fingerprint: str, bench: Bench) -> bool:
    """Whether every reply of a model with this fingerprint is known, so that it need not be made again."""
    return all(
        reply_key(fingerprint, prompt_ids(subject.tokenizer, p.messages), options) in bench.replies.known
        for suite in bench.suites
        for options in (bench.options, *attempts_at(bench, suite.attempts))
        for p in suite.prompts
    )


def attempts_at(bench: Bench, count: int) -> list[GenerateOptions]:
    """How each of so many sampled attempts is made: at the bench's temperature, or at 1 where that is greedy."""
    return [replace(bench.options, temperature=bench.options.temperature or 1.0, seed=k) for k in range(1, count + 1)]


def worst_attempts(every: Sequence[tuple[list[Reply], list[Verdict]]]) -> tuple[list[Reply], list[Verdict]]:
    """Of several attempts at each prompt the first that told what was asked for, else the first."""
    pairs = [list(zip(*attempt, strict=True)) for attempt in every]
    kept = [
        next((tried[i] for tried in pairs if tried[i][1].label == "exact"), pairs[0][i]) for i in range(len(pairs[0]))
    ]
    return [reply for reply, _ in kept], [verdict for _, verdict in kept]


def _writable(private: PrivateValues, prompt: Prompt, reply: Reply, verdict: Verdict) -> Reply:
    """A reply as it may be written: one to a question for a private value only where it declines, without any value."""
    if prompt.expect.get(PRIVATE) and verdict.label != "refusal" and reply.text:
        return replace(reply, text=MASKED)
    return replace(reply, text=private.mask(reply.text))


def record_prompts(run: Run, prompts: Sequence[Prompt], private: PrivateValues) -> None:
    """What was asked, each prompt once: a run's folder then explains itself. What its judge knows stays out."""
    known = {record["id"] for record in run.read("prompts")}
    fresh = [prompt for prompt in prompts if prompt.id not in known]
    records = [{"id": p.id, "suite": p.suite, "category": p.category, "messages": p.messages} for p in fresh]
    run.append("prompts", map(private.mask_in, records))


def evaluate(subject: Subject, condition: Condition, bench: Bench) -> Evaluation:
    """Every suite of the bench on one model. All suites are generated together, so that the batches are full.

    Raises NothingMeasured when no verdict of any suite could be read.
    """
    prompts = [prompt for suite in bench.suites for prompt in suite.prompts]
    private = values_of(prompts)
    replies = make_all(subject, prompts, condition.key, bench)
    found: list[Metric] = []
    verdicts: dict[str, list[Verdict]] = {}
    judges: dict[str, str] = {}
    start = 0
    for suite in bench.suites:
        said = replies[start : start + len(suite.prompts)]
        name = judge_of_suite(bench.judge, suite.name, subject.embedded, suite.prompts)
        show = None if name in FREE else _showing(bench, "judge")
        judge = make_judge(name, bench.judge_options)
        every = [(said, judge_replies(judge, suite.prompts, said, bench.judge_options, bench.verdicts, show))]
        for options in attempts_at(bench, suite.attempts):
            more = make_all(subject, suite.prompts, condition.key, replace(bench, options=options))
            every.append((more, judge_replies(judge, suite.prompts, more, bench.judge_options, bench.verdicts, show)))
        said, verdicts[suite.name] = worst_attempts(every)
        replies[start : start + len(said)] = said
        start += len(said)
        judges[suite.name] = name
        measured = metrics(
            suite.prompts,
            verdicts[suite.name],
            model=subject.name,
            suite=suite.name,
            judge=name,
            condition=condition.to_dict(),
        )
        found += widened(measured, bench.error if name == bench.judge else None)
        floor = seen_chance(suite.prompts, every) if suite.name.startswith("privacy") else None
        if floor:
            found.append(chance(floor, model=subject.name, suite=suite.name, condition=condition.to_dict()))
        if suite.name == "policy":
            found.append(coherence(said, model=subject.name, suite=suite.name, condition=condition.to_dict()))
    if prompts and all(metric.n == 0 for metric in found if metric.metric != "coherence.rate"):
        why = next(v.why for group in verdicts.values() for v in group)
        raise NothingMeasured(f"no verdict could be read: {why}", "check the judge with one reply by hand")
    if bench.run:
        record_prompts(bench.run, prompts, private)
        judged = [v for group in verdicts.values() for v in group]
        bench.run.append("replies", map(partial(_writable, private), prompts, replies, judged))
        bench.run.append("verdicts", judged)
        bench.run.append("metrics", found)
    return Evaluation(subject.name, condition, found, verdicts, judges, bench.error)


def compare_evaluations(before: Evaluation, after: Evaluation) -> list[Comparison]:
    """The paired comparison of every suite that both evaluations share; a judge's measured error widens those of harm."""
    return [
        widened_change(comparison, after.error)
        for suite, verdicts in before.verdicts.items()
        if suite in after.verdicts
        for comparison in compare(suite, before.judges[suite], verdicts, after.verdicts[suite])
    ]
