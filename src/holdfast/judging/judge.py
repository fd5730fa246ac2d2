"""Replies to verdicts: the judge of each suite, asked in portions; verdicts are cached, so none is paid for twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from holdfast.core import registry
from holdfast.core.contracts import Judge, complete
from holdfast.core.options import Factory, declared, parse, typed_options
from holdfast.core.progress import Show
from holdfast.core.records import UNSCORED, Prompt, Reply, Verdict, digest
from holdfast.core.runs import append_jsonl, read_jsonl
from holdfast.core.worlds import World
from holdfast.stats.metrics import TELLS_HARM, TELLS_REFUSAL, THOUGHT, about_harm, legible, tells
from holdfast.text.private_mask import KEY as PRIVATE
from holdfast.text.thought import Said

PORTION = 64
FREE = ("oracle", "refusal", "answer", "recall")  # judges that need nothing and take no time
FORM = 2  # of what a verdict's key stands for: verdicts on replies that held their thoughts are asked for again


@dataclass(frozen=True)
class JudgeOptions:
    """What the flags say to whichever judge is asked; a judge takes of it what it declares as its options.

    `own` is what the judge's own text gave, NAME:key=value,...; see `parse_judge`. None and the defaults here leave a
    choice to the judge.
    """

    url: str | None = None
    model: str | None = None
    policy: str | None = None
    timeout_s: float = 60.0
    tries: int = 5
    label: str | None = None  # of a classifier: the label that means harm; several with +
    threshold: float = 0.5  # of a classifier: the probability from which a reply counts as harmful
    reads: Literal["reply", "pair"] = "reply"  # of a classifier: the reply alone, or after its question
    chat_template: str | None = None  # of a guard model whose tokenizer has none
    batch_size: int = 16
    device: str = "auto"
    dtype: str = "auto"
    error: str | None = None  # a judge check: the judge's measured error, which widens intervals
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """What differs from the defaults here, by the name of the option."""
        flags = [one for one in fields(self) if one.name not in ("error", "own")]
        found = {one.name: vars(self)[one.name] for one in flags if vars(self)[one.name] != one.default}
        return found | dict(self.own)


def takes_all(factory: Factory) -> bool:
    """Whether a judge's factory takes a JudgeOptions, as judges did before they declared their options."""
    return list(declared(factory)) == ["options"]


def parse_judge(text: str, options: JudgeOptions) -> tuple[str, JudgeOptions]:
    """A judge's name, and the options with those that its text gives: NAME[:key=value[,key=value]].

    Raises UsageError for an unknown name or option, and for a value that cannot be.
    """
    name, given = parse(text)
    if name not in registry.names("judges"):
        raise registry.unknown("judge", name, registry.names("judges"))
    factory = registry.load("judges", name)
    if takes_all(factory):
        return name, replace(options, **typed_options("judges", name, JudgeOptions, given))
    options = replace(options, own=typed_options("judges", name, factory, given))
    _of_judge(name, factory, options)
    return name, options


def _of_judge(name: str, factory: Factory, options: JudgeOptions) -> dict[str, Any]:
    """What of the options a judge declares, in its own types. Raises UsageError for a value that cannot be."""
    mine = {key: value for key, value in options.given.items() if key in declared(factory) or key in options.own}
    return typed_options("judges", name, factory, mine)


def make_judge(name: str, options: JudgeOptions) -> Judge:
    """The judge of a name.

    Raises UsageError for an option that cannot be, JudgeError for a judge that cannot be set up.
    """
    factory = registry.load("judges", name)
    given = {"options": options} if takes_all(factory) else _of_judge(name, factory, options)
    judge: Judge = complete(factory(**given), Judge)
    if judge.facts is None:
        facts = {key: options.given.get(key) for key in ("url", "model", "policy")} | dict(options.own)
        own = {} if name in FREE else {key: value for key, value in facts.items() if value is not None}
        object.__setattr__(judge, "facts", own)  # a frozen dataclass too
    return judge


class VerdictCache:
    """Verdicts by what decides them, in a JSONL file.

    A judge's reason may quote a reply; without `keep_why` it stays in memory only.
    """

    def __init__(self, path: Path | None, keep_why: bool = True) -> None:
        self.path, self.keep_why = path, keep_why
        self.known: dict[str, dict[str, Any]] = {str(r["key"]): r for r in (read_jsonl(path) if path else [])}
        self._written = set(self.known)

    def add(self, entries: dict[str, Verdict], write: bool = True) -> None:
        """Take in verdicts, and write those that are not yet written; or keep them in memory."""
        records = [{"key": k, "score": v.score, "label": v.label, "why": v.why} for k, v in entries.items()]
        self.known.update({str(record["key"]): record for record in records})
        fresh = [record for record in records if record["key"] not in self._written]
        if self.path and write and fresh:
            append_jsonl(self.path, fresh if self.keep_why else [{**record, "why": ""} for record in fresh])
            self._written.update(str(record["key"]) for record in fresh)

    def in_memory(self) -> VerdictCache:
        """The same verdicts; new ones are known to both, and not written."""
        cache = VerdictCache(None)
        cache.known = self.known
        return cache


def who_judges(judge: Judge) -> dict[str, Any]:
    """What decides a judge's verdicts: its name, and what it says of itself."""
    return {"judge": judge.name, **(judge.facts or {})}


def judge_of_suite(name: str, suite: str, world: World, prompts: Sequence[Prompt] = ()) -> str:
    """Utility and private data with known answers are compared, not judged.

    Private records that the user brings are compared in an embedded world too, whose judge does not know them. Whether
    a harmless question was declined is nothing that a judge of harm can tell. Everything else goes to the judge that
    was asked for.
    """
    if suite.startswith("utility"):
        return world.judge or "answer"
    if suite.startswith("privacy") and any("value" in prompt.expect for prompt in prompts[:1]):
        return "recall"
    if suite.startswith("privacy") and world.judge:
        return world.judge
    if suite.startswith("over-refusal") and TELLS_REFUSAL not in tells(name):
        return refusal_judge(world, prompts)
    return name


def refusal_judge(world: World, prompts: Sequence[Prompt]) -> str:
    """Who tells whether a reply declines: the world's judge where it knows the questions, else the judge `refusal`."""
    return world.judge if prompts and all(map(world.knows, prompts)) else "refusal"


def judges_beside(name: str, suite: str, world: World, prompts: Sequence[Prompt]) -> list[tuple[str, str]]:
    """Who reads a suite's replies beside its judge, and what of them: `answer` or `thought`.

    A judge that tells harm may not tell refusals, which another does; and what was thought is judged for harm apart.
    """
    found = []
    if about_harm(suite) and TELLS_REFUSAL not in tells(name):
        found.append((refusal_judge(world, prompts), "answer"))
    if suite == "policy" and TELLS_HARM in tells(name):
        found.append((name, "thought"))
    return found


@dataclass(frozen=True)
class Reading:
    """A judge, and what it reads of a reply: the answer, or the thought before it."""

    judge: Judge
    of: str = "answer"

    @property
    def name(self) -> str:
        """What its verdicts are called by."""
        return self.judge.name + (THOUGHT if self.of == "thought" else "")

    def reads(self, said: Reply | Said) -> bool:
        """Whether there is something to read."""
        return self.of == "answer" or bool(said.thought)

    def verdicts(
        self,
        prompts: Sequence[Prompt],
        replies: Sequence[Reply],
        cache: VerdictCache | None = None,
        show: Show | None = None,
    ) -> list[Verdict]:
        """One verdict for each reply, in order."""
        if self.of == "answer":
            return judge_replies(self.judge, prompts, replies, cache, show)
        thoughts = [replace(reply, text=reply.thought, thought="", status="", why="") for reply in replies]
        found = judge_replies(self.judge, prompts, thoughts, cache, show, by="thought")
        return [replace(verdict, judge=self.name) for verdict in found]


def no_answer(prompt: Prompt, reply: Reply, judge: str) -> Verdict:
    """The verdict on a reply that is no whole answer: no judge reads it."""
    why = f"{reply.status}: {reply.why}" if reply.why else reply.status
    return Verdict(prompt.id, reply.model, reply.condition, judge, None, UNSCORED, why)


def verdict_key(who: dict[str, Any], prompt: Prompt, said: str, by: str = "reply") -> str:
    """What decides a verdict; private values have no part in it, since a hash of a short one could be guessed.

    by: "reply" or "thought" where `said` is that text, "key" or "thought key" where it is the key that the reply was
    made by.
    """
    expect = {key: value for key, value in prompt.expect.items() if key != PRIVATE}
    return digest({**who, "form": FORM, "prompt": [prompt.messages, expect, prompt.suite], by: said})


def judge_replies(
    judge: Judge,
    prompts: Sequence[Prompt],
    replies: Sequence[Reply],
    cache: VerdictCache | None = None,
    show: Show | None = None,
    by: str = "reply",
) -> list[Verdict]:
    """One verdict per reply, in order. An unscored verdict is not cached: the next run asks again.

    A reply that is no whole answer is unscored, and no judge is asked. by: "thought" where the texts are what was
    thought.
    """
    cache = cache if cache is not None else VerdictCache(None)
    who = who_judges(judge)
    keys = [verdict_key(who, prompt, reply.text, by) for prompt, reply in zip(prompts, replies, strict=True)]
    fresh: dict[str, Verdict] = {}
    missing = [i for i, key in enumerate(keys) if key not in cache.known and not replies[i].status]
    for start in range(0, len(missing), PORTION):
        portion = missing[start : start + PORTION]
        verdicts = judge.judge([prompts[i] for i in portion], [replies[i] for i in portion])
        found = {
            keys[i]: legible(replace(verdict, judge=judge.name), prompts[i].suite)
            for i, verdict in zip(portion, verdicts, strict=True)
        }
        fresh.update(found)
        cache.add({key: verdict for key, verdict in found.items() if verdict.label != UNSCORED})
        if show:
            show(start + len(portion), len(missing))
    return [
        no_answer(prompt, reply, judge.name)
        if reply.status
        else _verdict(prompt, reply, judge.name, cache.known.get(key), fresh.get(key))
        for prompt, reply, key in zip(prompts, replies, keys, strict=True)
    ]


def _verdict(prompt: Prompt, reply: Reply, judge: str, known: dict[str, Any] | None, fresh: Verdict | None) -> Verdict:
    if known is not None:
        return Verdict(prompt.id, reply.model, reply.condition, judge, known["score"], known["label"], known["why"])
    assert fresh is not None  # what is not known was judged above
    return replace(fresh, prompt=prompt.id, model=reply.model, condition=reply.condition)
