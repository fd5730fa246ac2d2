"""Replies to verdicts: the judge of each suite, asked in portions, its verdicts cached so that none is paid for twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from holdfast.core import registry
from holdfast.core.contracts import Judge
from holdfast.core.records import UNSCORED, Prompt, Reply, Verdict, digest
from holdfast.core.runs import append_jsonl, read_jsonl

PORTION = 64
Show = Callable[[int, int], None]


@dataclass(frozen=True)
class JudgeOptions:
    """What a judge may need: an endpoint, a policy, patience."""

    url: str | None = None
    model: str | None = None
    policy: str | None = None
    timeout_s: float = 60.0
    tries: int = 5


class VerdictCache:
    """Verdicts by what decides them, in a JSONL file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, dict[str, Any]] = {str(r["key"]): r for r in (read_jsonl(path) if path else [])}

    def add(self, entries: dict[str, Verdict]) -> None:
        records = [{"key": k, "score": v.score, "label": v.label, "why": v.why} for k, v in entries.items()]
        self.known.update({str(record["key"]): record for record in records})
        if self.path:
            append_jsonl(self.path, records)


def make_judge(name: str, options: JudgeOptions) -> Judge:
    judge: Judge = registry.load("judges", name)(options)
    return judge


def judge_of_suite(name: str, suite: str, embedded: bool) -> str:
    """Utility with known answers is compared, not judged; everything else goes to the judge that was asked for."""
    if suite.startswith("utility"):
        return "oracle" if embedded else "answer"
    return name


def judge_replies(
    judge: Judge,
    prompts: Sequence[Prompt],
    replies: Sequence[Reply],
    options: JudgeOptions,
    cache: VerdictCache | None = None,
    show: Show | None = None,
) -> list[Verdict]:
    """One verdict per reply, in order. An unscored verdict is not cached: the next run asks again."""
    cache = cache if cache is not None else VerdictCache(None)
    # Patience and retries do not decide a verdict; who judges by which policy does.
    who = {"judge": judge.name, **{k: v for k, v in asdict(options).items() if k in ("url", "model", "policy")}}
    keys = [
        digest({**who, "prompt": [p.messages, p.expect, p.suite], "reply": r.text})
        for p, r in zip(prompts, replies, strict=True)
    ]
    fresh: dict[str, Verdict] = {}
    missing = [i for i, key in enumerate(keys) if key not in cache.known]
    for start in range(0, len(missing), PORTION):
        portion = missing[start : start + PORTION]
        verdicts = judge.judge([prompts[i] for i in portion], [replies[i] for i in portion])
        found = {keys[i]: verdict for i, verdict in zip(portion, verdicts, strict=True)}
        fresh.update(found)
        cache.add({key: verdict for key, verdict in found.items() if verdict.label != UNSCORED})
        if show:
            show(start + len(portion), len(missing))
    return [
        _verdict(prompt, reply, judge.name, cache.known.get(key), fresh.get(key))
        for prompt, reply, key in zip(prompts, replies, keys, strict=True)
    ]


def _verdict(prompt: Prompt, reply: Reply, judge: str, known: dict[str, Any] | None, fresh: Verdict | None) -> Verdict:
    if known is not None:
        return Verdict(prompt.id, reply.model, reply.condition, judge, known["score"], known["label"], known["why"])
    assert fresh is not None  # what is not known was judged above
    return fresh
