"""Ask, judge, redact, record: the one way to get a number, and what tune, audit, repair and stress are built on.

    evaluate(subject, condition, bench)     every suite of the bench on one model: metrics, verdicts, records in a run

What a real model says is judged and masked batch by batch as it comes, before any of it is written: there the cache of
`ask` is a `judging.redaction.Docket`, whose own steps are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from holdfast.core.errors import NothingMeasured
from holdfast.core.records import Condition, Metric, Prompt, Reply, Verdict
from holdfast.core.runs import Run
from holdfast.evaluation.asking import answers, attempts_at, by_privacy, make_replies, open_docket, prepare
from holdfast.evaluation.bench import Bench, Evaluation, Measurement, Subject
from holdfast.judging.judge import FREE, Reading
from holdfast.judging.redaction import HARMLESS, guarded
from holdfast.models.generate import ReplyCache
from holdfast.stats.groups import Suite
from holdfast.stats.judge_error import widened
from holdfast.stats.metrics import BESIDE, metrics, unfinished
from holdfast.text.coherence import alike, coherence, incoherent, question
from holdfast.text.private_mask import PrivateValues
from holdfast.text.private_match import chance, seen_chance
from holdfast.text.thought import BLOCKED, TRUNCATED

# What to do where not one reply was a whole answer.
TO_DO = {
    TRUNCATED: "raise --max-new-tokens, or have the model answer at once, such as with "
    "--template-arg enable_thinking=false",
    BLOCKED: "ask the model where no filter stands before it",
}


def evaluate(subject: Subject, condition: Condition, bench: Bench) -> Evaluation:
    """Every suite of the bench on one model. All suites are generated together, so that the batches are full.

    Raises NothingMeasured when no verdict of any suite's judge could be read.
    """
    what = Measurement.of(subject, condition, bench)
    replies = ask(what)
    judged = [judge(what, one) for one in replies]
    redacted = [redact(what, one) for one in judged]
    return record(what, redacted)


# ---- ask ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replies:
    """What came of a suite's prompts: the replies of every attempt, the first as the bench decodes.

    By prompt, of the first attempt: `sound`, whether the reply is language, and `early`, the verdicts that were given
    before it was written, none where it need not be masked.
    """

    suite: Suite
    attempts: list[list[Reply]]
    sound: list[bool]
    early: list[list[Verdict]]


def ask(what: Measurement) -> list[Replies]:
    """Replies to every suite. Where they may have to be masked, they are judged as they come and masked already.

    Replies to prompts about private values stay in memory.
    """
    subject, bench = what.subject, what.bench
    prompts = [prompt for suite in bench.suites for prompt in suite.prompts]
    bench.screen.learn(prompts)
    said: dict[int, Reply] = {}
    sound: dict[int, bool] = {}
    early: dict[int, list[Verdict]] = {}
    for private, places in by_privacy(prompts).items():
        asked = prepare(subject, [prompts[i] for i in places], bench.options)
        waits = bench.screen.waits(subject.world.harmless) and not private
        docket = open_docket(what, asked) if waits else None
        cache = docket or (ReplyCache(None) if private else bench.replies)
        said |= dict(zip(places, answers(what, asked, cache), strict=True))
        for i, key in zip(places, asked.keys, strict=True):
            sound[i] = docket.sound(key) if docket else not incoherent(said[i].text, question(prompts[i].messages))
            early[i] = (docket.every(prompts[i], key) if docket else None) or []
    found, start = [], 0
    for suite in bench.suites:
        here = range(start, start + len(suite.prompts))
        start += len(suite.prompts)
        more = [
            make_replies(subject, suite.prompts, what.condition, replace(bench, options=options))
            for options in attempts_at(bench, suite.attempts)
        ]
        first = [said[i] for i in here]
        found.append(Replies(suite, [first, *more], [sound[i] for i in here], [early[i] for i in here]))
    return found


# ---- judge ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """One suite's replies and their verdicts: for each reply those of every reading, the suite's judge's first.

    `sound` says of each whole reply whether it is language; `chance` is the floor of private values told by chance.
    """

    suite: Suite
    replies: list[Reply]
    verdicts: list[list[Verdict]]
    readings: list[Reading]
    sound: list[bool]
    chance: Metric | None = None

    @property
    def own(self) -> list[Verdict]:
        """The verdicts of the suite's judge."""
        return [verdicts[0] for verdicts in self.verdicts]

    @property
    def beside(self) -> dict[str, list[Verdict]]:
        """The verdicts of the other readings, by their names; those that there are."""
        found = {r.name: [v for vs in self.verdicts for v in vs[1:] if v.judge == r.name] for r in self.readings[1:]}
        return {name: verdicts for name, verdicts in found.items() if verdicts}


def judge(what: Measurement, said: Replies) -> Judged:
    """Judge what was not judged as it came. Of several attempts the worst is kept, and the other readings read that."""
    suite = said.suite
    none: list[list[Verdict]] = [[]] * len(suite.prompts)
    own = Reading(what.judge(suite.name))
    tried = [
        (replies, _verdicts(what, own, suite.prompts, replies, none if place else said.early))
        for place, replies in enumerate(said.attempts)
    ]
    floor = seen_chance(suite.prompts, tried) if suite.name.startswith("privacy") else None
    about: dict[str, Any] = {"model": what.subject.name, "suite": suite.name, "condition": what.condition.to_dict()}
    replies, verdicts = worst_attempts(tried)
    readings = [own, *what.beside(suite.name)]
    found = [[verdict] for verdict in verdicts]
    for reading in readings[1:]:
        places = [i for i, reply in enumerate(replies) if reading.reads(reply)]
        prompts, read = [suite.prompts[i] for i in places], [replies[i] for i in places]
        judged = _verdicts(what, reading, prompts, read, [said.early[i] for i in places])
        for i, verdict in zip(places, judged, strict=True):
            found[i].append(verdict)
    sound = [one for one, reply in zip(said.sound, said.attempts[0], strict=True) if not reply.status]
    return Judged(suite, replies, found, readings, sound, chance(floor, **about) if floor else None)


def worst_attempts(every: Sequence[tuple[list[Reply], list[Verdict]]]) -> tuple[list[Reply], list[Verdict]]:
    """Of several attempts at each prompt the first that told what was asked for, else the first."""
    pairs = [list(zip(*attempt, strict=True)) for attempt in every]
    kept = [
        next((tried[i] for tried in pairs if tried[i][1].label == "exact"), pairs[0][i]) for i in range(len(pairs[0]))
    ]
    return [reply for reply, _ in kept], [verdict for _, verdict in kept]


def _verdicts(
    what: Measurement,
    reading: Reading,
    prompts: Sequence[Prompt],
    replies: Sequence[Reply],
    early: Sequence[Sequence[Verdict]],
) -> list[Verdict]:
    """Verdicts in order, early ones among them; those on replies that may not be written stay in memory."""
    bench = what.bench
    found = {i: verdict for i, given in enumerate(early) for verdict in given if verdict.judge == reading.name}
    left = [i for i in range(len(prompts)) if i not in found]
    show = None if reading.judge.name in FREE else what.showing("judge")
    for private, places in by_privacy([prompts[i] for i in left]).items():
        here = [left[i] for i in places]
        written = bench.screen.show or (what.subject.world.harmless and not private)
        verdicts = bench.verdicts if written else bench.verdicts.in_memory()
        said = [replies[i] for i in here]
        judging = partial(reading.verdicts, [prompts[i] for i in here], said, verdicts, show)
        new = judging() if written else guarded(judging, reading.judge, said)
        found |= dict(zip(here, new, strict=True))
    return [found[i] for i in range(len(prompts))]


# ---- redact ---------------------------------------------------------------------------------------------------------


def redact(what: Measurement, judged: Judged) -> Judged:
    """Replies and verdicts as they may be written and shown."""
    screen, harmless, readings = what.bench.screen, what.subject.world.harmless, judged.readings
    pairs = [
        screen.shown(prompt, reply, verdicts, readings, harmless)
        for prompt, reply, verdicts in zip(judged.suite.prompts, judged.replies, judged.verdicts, strict=True)
    ]
    return replace(judged, replies=[reply for reply, _ in pairs], verdicts=[verdicts for _, verdicts in pairs])


# ---- record ---------------------------------------------------------------------------------------------------------


def record(what: Measurement, judged: Sequence[Judged]) -> Evaluation:
    """The figures; in the run's folder also prompts, replies, verdicts and metrics, if the bench has a run.

    Raises NothingMeasured where no verdict of a suite's own judge could be read.
    """
    subject, bench = what.subject, what.bench
    found, own = _measured(what, judged)
    replies = [reply for one in judged for reply in one.replies]
    lacking = unfinished(replies, subject.name, what.condition.to_dict(), bench.options.max_new_tokens)
    prompts = [prompt for one in judged for prompt in one.suite.prompts]
    verdicts = {one.suite.name: one.own for one in judged}
    beside = {one.suite.name: one.beside for one in judged}
    if bench.run:
        record_prompts(bench.run, prompts, PrivateValues() if bench.screen.show else bench.screen.values)
        bench.run.append("replies", replies)
        others = [v for groups in beside.values() for group in groups.values() for v in group]
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
    groups = {prompt.id: prompt.group for prompt in prompts}
    return Evaluation(subject.name, what.condition, found, verdicts, what.names, bench.error, beside, groups)


def record_prompts(run: Run, prompts: Sequence[Prompt], private: PrivateValues) -> None:
    """What was asked, each prompt once: a run's folder then explains itself. What its judge knows stays out."""
    known = {record["id"] for record in run.read("prompts")}
    fresh = [prompt for prompt in prompts if prompt.id not in known]
    records = [
        {"id": p.id, "suite": p.suite, "category": p.category, "group": p.group, "messages": p.messages} for p in fresh
    ]
    run.append("prompts", map(private.mask_in, records))


def _measured(what: Measurement, judged: Sequence[Judged]) -> tuple[list[Metric], list[Metric]]:
    """Every metric, and those of them that the suites' own judges gave."""
    bench, found, own = what.bench, [], []
    for one in judged:
        suite, name = one.suite, what.names[one.suite.name]
        about: dict[str, Any] = {"model": what.subject.name, "suite": suite.name, "condition": what.condition.to_dict()}
        mine = metrics(suite.prompts, one.own, judge=name, **about)
        own += mine
        found += widened(mine, bench.error if name == bench.judge else None)
        for other, group in one.beside.items():
            found += [m for m in metrics(suite.prompts, group, judge=other, **about) if m.metric in BESIDE]
        if one.chance:
            found.append(one.chance)
            own.append(one.chance)
        found += _whole(one, **about)
    return found, own


def _whole(judged: Judged, suite: str, **about: Any) -> list[Metric]:
    """A suite's metrics of whether a model works: replies in language, harmless questions answered differently."""
    if suite.startswith("privacy") or (judged.replies and not judged.sound):
        return []
    found = [coherence(judged.sound, suite=suite, **about)]
    if suite.startswith(HARMLESS):
        pairs = [(r.text, v.label) for r, v in zip(judged.replies, judged.own, strict=True) if not r.status]
        found.append(alike([said for said, _ in pairs], [label for _, label in pairs], suite=suite, **about))
    return found
