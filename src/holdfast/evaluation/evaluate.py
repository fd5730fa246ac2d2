"""Generate, judge, measure: the one way to get a number, and the spine of tune, audit, repair and stress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from holdfast.core.contracts import Judge
from holdfast.core.errors import NothingMeasured
from holdfast.core.progress import ShowPart
from holdfast.core.records import Condition, Message, Metric, Prompt, Reply, Verdict, digest
from holdfast.core.runs import Run
from holdfast.judging.judge import (
    FREE,
    JudgeOptions,
    Reading,
    VerdictCache,
    judge_of_suite,
    judges_beside,
    make_judge,
    who_judges,
)
from holdfast.judging.redaction import HARMLESS, Docket, Screen, guarded
from holdfast.models.endpoint import Completion, EndpointModel, EndpointUnreadable
from holdfast.models.generate import FORM, Cache, GenerateOptions, ReplyCache, asked_ids, complete, reply_key, reply_of
from holdfast.models.load import LoadedModel
from holdfast.stats.comparison import Comparison, compare
from holdfast.stats.groups import Count
from holdfast.stats.groups import Suite as Suite
from holdfast.stats.guarantee import Limit, count
from holdfast.stats.judge_error import MeasuredError, read_error, widened, widened_change
from holdfast.stats.metrics import BESIDE, NOT_REFUSED, measures_for, metrics, unfinished
from holdfast.text.coherence import alike, coherence, incoherent, question
from holdfast.text.private import KEY as PRIVATE
from holdfast.text.private import PrivateValues
from holdfast.text.private_match import chance, seen_chance
from holdfast.text.thought import BLOCKED, TRUNCATED, Parts, Said, as_said, settled, split

Subject = LoadedModel | EndpointModel
PORTION = 32  # questions to an endpoint at a time
# What to do where not one reply was a whole answer.
TO_DO = {
    TRUNCATED: "raise --max-new-tokens, or have the model answer at once, such as with --template-arg enable_thinking=false",
    BLOCKED: "ask the model where no filter stands before it",
}


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
    show: ShowPart | None = None
    screen: Screen = field(default_factory=Screen)


@dataclass(frozen=True)
class Evaluation:
    """What one model did under one condition."""

    model: str
    condition: Condition
    metrics: list[Metric]
    verdicts: dict[str, list[Verdict]]
    judges: dict[str, str]
    error: MeasuredError | None = None
    beside: dict[str, dict[str, list[Verdict]]] = field(default_factory=dict)  # by suite and by who else read it
    groups: dict[str, str] = field(default_factory=dict)  # prompt id: the group that it belongs to

    def value(self, metric: str, suite: str = "policy") -> float | None:
        """The total of a metric on a suite, or None where it was not measured."""
        return next(
            (m.value for m in self.metrics if m.metric == metric and m.suite == suite and m.category is None), None
        )

    def count(self, limit: Limit) -> Count:
        """How often a limit's outcome was seen."""
        known = {m.name: m for m in (*measures_for(limit.suite, self.judges[limit.suite]), NOT_REFUSED)}
        return count(known[limit.metric], self.verdicts[limit.suite], limit.at_most, self.groups)


def open_bench(run: Run, suites: Sequence[Suite], show_replies: bool = False, **options: Any) -> Bench:
    """A bench whose caches lie in the run's folder. The records of an interrupted run are written anew from them.

    show_replies: whether what a real model said may be written in clear; see `judging.redaction`. Raises JudgeError for a judge
    that cannot be set up, and UsageError for a measured error that is another judge's, before anything is generated.
    """
    error = None
    if suites and "judge" in options:
        asked = options.get("judge_options", JudgeOptions())
        judge = make_judge(options["judge"], asked)
        error = read_error(asked.error, who_judges(judge, asked)) if asked.error else None
    if error:
        run.note(judge_error=error.to_dict())
    if suites:
        run.note(evidence={suite.name: suite.evidence for suite in suites})
    for kind in ("prompts", "replies", "verdicts", "metrics", "comparisons"):
        run.file(kind).unlink(missing_ok=True)
    if run.manifest.pop("unfinished", None):
        run.save_manifest()
    caches = run.path / "cache"
    screen = Screen(show_replies)
    screen.learn(prompt for suite in suites for prompt in suite.prompts)
    return Bench(
        suites,
        error=error,
        run=run,
        screen=screen,
        replies=ReplyCache(caches / "replies.jsonl", in_clear=show_replies),
        verdicts=VerdictCache(caches / "verdicts.jsonl"),
        **options,
    )


@dataclass(frozen=True)
class Asked:
    """The questions of an evaluation as a model reads them; `keys` name what decides each reply."""

    prompts: Sequence[Prompt]
    keys: list[str]
    ids: list[list[int]] | None = None  # None for an endpoint


def _sampling(options: GenerateOptions) -> dict[str, Any]:
    sampling = {"top_p": options.top_p, "seed": options.seed} if options.temperature > 0 else {}
    return sampling | ({"chat_template_kwargs": dict(options.template_args)} if options.template_args else {})


def ask(subject: Subject, prompts: Sequence[Prompt], options: GenerateOptions) -> Asked:
    """Prepare questions. Raises ModelError when one leaves the model no room to answer."""
    if isinstance(subject, EndpointModel):
        return Asked(prompts, [digest({"form": FORM, "model": subject.fingerprint, "messages": p.messages, "tokens": options.max_new_tokens,
                                       "temperature": options.temperature, **_sampling(options)}) for p in prompts])  # fmt: skip
    ids = asked_ids(subject, prompts, options)
    return Asked(prompts, [reply_key(subject.fingerprint, row, options) for row in ids], ids)


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


def _showing(bench: Bench, what: str) -> Callable[[int, int], None] | None:
    """The bench's progress for one kind of work."""
    show = bench.show
    return (lambda done, total: show(what, done, total)) if show else None


def _replies(subject: Subject, asked: Asked, condition: str, bench: Bench, cache: Cache) -> list[Reply]:
    if isinstance(subject, EndpointModel):
        said = _ask_endpoint(subject, asked, bench, cache)
    else:
        assert asked.ids is not None  # of a model in memory
        said = complete(subject, asked.ids, bench.options, cache, _showing(bench, "generate"))
    seed = bench.options.seed
    return [reply_of(p, subject.name, condition, one, seed) for p, one in zip(asked.prompts, said, strict=True)]


def make_replies(subject: Subject, prompts: Sequence[Prompt], condition: str, bench: Bench) -> list[Reply]:
    """A reply for every prompt, whole. What a real model says is not written here, but by `evaluate`, masked.

    Replies to prompts about private values stay in memory whoever gives them, since they may tell them.
    """
    found: dict[int, Reply] = {}
    for private, places in apart(prompts).items():
        written = (subject.embedded or bench.screen.show) and not private
        cache = ReplyCache(None) if private else bench.replies if written else bench.replies.in_memory()
        asked = ask(subject, [prompts[i] for i in places], bench.options)
        found |= dict(zip(places, _replies(subject, asked, condition, bench, cache), strict=True))
    return [found[i] for i in range(len(prompts))]


def apart(prompts: Sequence[Prompt]) -> dict[bool, list[int]]:
    """The places of prompts that are not about private values, and of those that are; those there are."""
    private = [bool(prompt.expect.get(PRIVATE)) for prompt in prompts]
    return {kind: places for kind in (False, True) if (places := [i for i, p in enumerate(private) if p == kind])}


@dataclass(frozen=True)
class Readers:
    """Who reads the replies of a bench's suites: `names` of each suite's own judge; each judge is made once."""

    subject: Subject
    bench: Bench
    names: dict[str, str]
    made: dict[str, Judge] = field(default_factory=dict)

    def named(self, name: str) -> Judge:
        if name not in self.made:
            self.made[name] = make_judge(name, self.bench.judge_options)
        return self.made[name]

    def judge(self, suite: str) -> Judge:
        """The suite's own judge."""
        embedded = self.subject.embedded
        return self.named(self.names.get(suite) or judge_of_suite(self.bench.judge, suite, embedded))

    def beside(self, suite: str) -> list[Reading]:
        """Who reads beside it: whether it declines where that judge does not tell, and what was thought."""
        prompts = next((one.prompts for one in self.bench.suites if one.name == suite), [])
        name = self.names.get(suite) or judge_of_suite(self.bench.judge, suite, self.subject.embedded)
        found = judges_beside(name, suite, self.subject.embedded, prompts)
        return [Reading(self.named(other), of) for other, of in found]


def readers(subject: Subject, bench: Bench) -> Readers:
    return Readers(
        subject, bench, {s.name: judge_of_suite(bench.judge, s.name, subject.embedded, s.prompts) for s in bench.suites}
    )


def open_docket(subject: Subject, asked: Asked, condition: str, bench: Bench) -> Docket:
    by_key: dict[str, list[Prompt]] = {}
    for prompt, key in zip(asked.prompts, asked.keys, strict=True):
        by_key.setdefault(key, []).append(prompt)
    who = readers(subject, bench)
    return Docket(bench.screen, bench.replies, bench.verdicts, who.judge, bench.judge_options,
                  subject.embedded, (subject.name, condition), by_key, who.beside)  # fmt: skip


def all_cached(subject: LoadedModel, fingerprint: str, bench: Bench) -> bool:
    """Whether every reply of a model with this fingerprint is known, so that it need not be made again."""
    named = replace(subject, fingerprint=fingerprint)
    prompts = [prompt for suite in bench.suites for prompt in suite.prompts]
    waits = bench.screen.waits(subject.embedded)
    if True in apart(prompts) or (waits and any(suite.attempts for suite in bench.suites)):
        return False
    asked = ask(named, prompts, bench.options)
    known = open_docket(named, asked, "", bench).known if waits else bench.replies.known
    return all(key in known for key in asked.keys) and all(
        key in bench.replies.known
        for suite in bench.suites
        for options in attempts_at(bench, suite.attempts)
        for key in ask(named, suite.prompts, options).keys
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


def record_prompts(run: Run, prompts: Sequence[Prompt], private: PrivateValues) -> None:
    """What was asked, each prompt once: a run's folder then explains itself. What its judge knows stays out."""
    known = {record["id"] for record in run.read("prompts")}
    fresh = [prompt for prompt in prompts if prompt.id not in known]
    records = [
        {"id": p.id, "suite": p.suite, "category": p.category, "group": p.group, "messages": p.messages} for p in fresh
    ]
    run.append("prompts", map(private.mask_in, records))


@dataclass(frozen=True)
class Heard:
    """What came of a suite: replies and verdicts as they may be written and shown, and which whole replies are language."""

    replies: list[Reply]
    verdicts: list[Verdict]
    sound: list[bool]
    chance: Metric | None = None
    beside: dict[str, list[Verdict]] = field(default_factory=dict)  # by who else read it


def hear(subject: Subject, condition: Condition, bench: Bench) -> dict[str, Heard]:
    """Ask every suite of the bench, and judge: as replies come where they are masked, else suite by suite.

    All suites are asked together, so that the batches are full. Replies to prompts about private values stay in memory.
    """
    prompts = [prompt for suite in bench.suites for prompt in suite.prompts]
    bench.screen.learn(prompts)
    said: dict[int, Reply] = {}
    sound: dict[int, bool] = {}
    early: dict[int, list[Verdict]] = {}
    for private, places in apart(prompts).items():
        asked = ask(subject, [prompts[i] for i in places], bench.options)
        waits = bench.screen.waits(subject.embedded) and not private
        docket = open_docket(subject, asked, condition.key, bench) if waits else None
        cache = docket or (ReplyCache(None) if private else bench.replies)
        said |= dict(zip(places, _replies(subject, asked, condition.key, bench, cache), strict=True))
        for i, key in zip(places, asked.keys, strict=True):
            sound[i] = docket.sound(key) if docket else not incoherent(said[i].text, question(prompts[i].messages))
            if docket and (found := docket.every(prompts[i], key)):
                early[i] = found
    heard, start = {}, 0
    for suite in bench.suites:
        here = range(start, start + len(suite.prompts))
        start += len(suite.prompts)
        first = [said[i] for i in here], [early.get(i, []) for i in here]
        heard[suite.name] = _hear_suite(subject, condition, bench, suite, first)
        heard[suite.name].sound.extend(sound[i] for i in here if not said[i].status)
    return heard


def _hear_suite(
    subject: Subject,
    condition: Condition,
    bench: Bench,
    suite: Suite,
    first: tuple[list[Reply], list[list[Verdict]]],
) -> Heard:
    """Judge what was not judged yet, make further attempts, and mask what is not to be written."""
    who, embedded = readers(subject, bench), subject.embedded
    own = Reading(who.judge(suite.name))
    replies, early = first
    every = [(replies, _judged(own, bench, suite.prompts, replies, early, embedded))]
    for options in attempts_at(bench, suite.attempts):
        more = make_replies(subject, suite.prompts, condition.key, replace(bench, options=options))
        every.append((more, _judged(own, bench, suite.prompts, more, [[]] * len(more), embedded)))
    floor = seen_chance(suite.prompts, every) if suite.name.startswith("privacy") else None
    replies, verdicts = worst_attempts(every)
    metric = None
    if floor:
        metric = chance(floor, model=subject.name, suite=suite.name, condition=condition.to_dict())
    readings = [own, *who.beside(suite.name)]
    found: list[list[Verdict]] = [[verdict] for verdict in verdicts]
    for reading in readings[1:]:
        places = [i for i, reply in enumerate(replies) if reading.reads(reply)]
        asked, said = [suite.prompts[i] for i in places], [replies[i] for i in places]
        judged = _judged(reading, bench, asked, said, [early[i] for i in places], embedded)
        for i, verdict in zip(places, judged, strict=True):
            found[i].append(verdict)
    pairs = [
        bench.screen.shown(p, r, v, readings, embedded) for p, r, v in zip(suite.prompts, replies, found, strict=True)
    ]
    beside = {one.name: [v for _, vs in pairs for v in vs[1:] if v.judge == one.name] for one in readings[1:]}
    return Heard(
        [reply for reply, _ in pairs], [vs[0] for _, vs in pairs], [], metric, {k: v for k, v in beside.items() if v}
    )


def _judged(
    reading: Reading,
    bench: Bench,
    prompts: Sequence[Prompt],
    replies: Sequence[Reply],
    early: Sequence[Sequence[Verdict]],
    embedded: bool,
) -> list[Verdict]:
    """Verdicts in order, those that were given early among them; those on replies that may not be written stay in memory."""
    judge = reading.judge
    found = {i: verdict for i, given in enumerate(early) for verdict in given if verdict.judge == reading.name}
    left = [i for i in range(len(prompts)) if i not in found]
    show = None if judge.name in FREE else _showing(bench, "judge")
    for private, places in apart([prompts[i] for i in left]).items():
        here = [left[i] for i in places]
        written = bench.screen.show or (embedded and not private)
        verdicts = bench.verdicts if written else bench.verdicts.in_memory()
        said = [replies[i] for i in here]
        judging = partial(reading.verdicts, [prompts[i] for i in here], said, bench.judge_options, verdicts, show)
        new = judging() if written else guarded(judging, judge, said)
        found |= dict(zip(here, new, strict=True))
    return [found[i] for i in range(len(prompts))]


def evaluate(subject: Subject, condition: Condition, bench: Bench) -> Evaluation:
    """Every suite of the bench on one model. All suites are generated together, so that the batches are full.

    Raises NothingMeasured when no verdict of any suite's judge could be read.
    """
    heard = hear(subject, condition, bench)
    verdicts = {name: one.verdicts for name, one in heard.items()}
    judges = readers(subject, bench).names
    found, own = _measured(subject, condition, bench, heard)
    replies = [reply for one in heard.values() for reply in one.replies]
    lacking = unfinished(replies, subject.name, condition.to_dict(), bench.options.max_new_tokens)
    prompts = [prompt for suite in bench.suites for prompt in suite.prompts]
    if bench.run:
        record_prompts(bench.run, prompts, PrivateValues() if bench.screen.show else bench.screen.values)
        bench.run.append("replies", replies)
        others = [v for one in heard.values() for group in one.beside.values() for v in group]
        bench.run.append("verdicts", [*(v for group in verdicts.values() for v in group), *others])
        bench.run.append("metrics", found)
        if lacking:
            bench.run.note(unfinished=[*bench.run.manifest.get("unfinished", ()), lacking])
    if own and all(metric.n == 0 for metric in own):
        first = next((reply for reply in replies if reply.status), None)
        if lacking and first:
            raise NothingMeasured(
                f"no reply could be judged: {lacking['sentences'][0]}", TO_DO.get(first.status, first.why)
            )
        why = next(v.why for group in verdicts.values() for v in group)
        raise NothingMeasured(f"no verdict could be read: {why}", "check the judge with one reply by hand")
    beside = {name: one.beside for name, one in heard.items()}
    groups = {prompt.id: prompt.group for prompt in prompts}
    return Evaluation(subject.name, condition, found, verdicts, judges, bench.error, beside, groups)


def _measured(
    subject: Subject, condition: Condition, bench: Bench, heard: dict[str, Heard]
) -> tuple[list[Metric], list[Metric]]:
    """Every metric, and those of them that the suites' own judges gave."""
    judges, found, own = readers(subject, bench).names, [], []
    for suite in bench.suites:
        one, name = heard[suite.name], judges[suite.name]
        about: dict[str, Any] = {"model": subject.name, "suite": suite.name, "condition": condition.to_dict()}
        mine = metrics(suite.prompts, one.verdicts, judge=name, **about)
        own += mine
        found += widened(mine, bench.error if name == bench.judge else None)
        for other, group in one.beside.items():
            found += [m for m in metrics(suite.prompts, group, judge=other, **about) if m.metric in BESIDE]
        if one.chance:
            found.append(one.chance)
            own.append(one.chance)
        found += _whole(one, **about)
    return found, own


def _whole(heard: Heard, suite: str, **about: Any) -> list[Metric]:
    """What tells of a suite whether a model is whole: its replies are language, and harmless questions get their own."""
    if suite.startswith("privacy") or (heard.replies and not heard.sound):
        return []
    found = [coherence(heard.sound, suite=suite, **about)]
    if suite.startswith(HARMLESS):
        pairs = [(r.text, v.label) for r, v in zip(heard.replies, heard.verdicts, strict=True) if not r.status]
        found.append(alike([said for said, _ in pairs], [label for _, label in pairs], suite=suite, **about))
    return found


def compare_evaluations(before: Evaluation, after: Evaluation) -> list[Comparison]:
    """The paired comparison of every suite that both evaluations share; a judge's measured error widens those of harm."""
    found = []
    for suite, verdicts in before.verdicts.items():
        if suite not in after.verdicts:
            continue
        found += [
            widened_change(comparison, after.error)
            for comparison in compare(suite, before.judges[suite], verdicts, after.verdicts[suite], after.groups)
        ]
        others, now = before.beside.get(suite, {}), after.beside.get(suite, {})
        for judge in others:
            told = compare(suite, judge, others[judge], now.get(judge, []), after.groups)
            found += [comparison for comparison in told if comparison.metric in BESIDE]
    return found
