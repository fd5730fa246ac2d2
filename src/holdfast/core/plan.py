"""What a command would do, counted before it is done: models, trainings, questions, verdicts, and what they would take.

    plan = Plan("audit", "./my-model")
    plan.ask("my-model", {"policy": 120}, most_tokens=256)
    plan.to_dict()

Pure data; who counts and who measures is in `api.plans`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Asked:
    """Questions to one model: by suite, every attempt counted; `times` such models or strengths, all alike."""

    what: str
    suites: Mapping[str, int]
    most_tokens: int
    times: int = 1

    @property
    def prompts(self) -> int:
        return self.times * sum(self.suites.values())


@dataclass(frozen=True)
class Trained:
    """Trainings of one kind, `times` of them: rows, steps, and tokens of all epochs, of all together."""

    what: str
    rows: int
    steps: int
    tokens: int
    times: int = 1

    def __add__(self, other: Trained) -> Trained:
        return Trained(self.what, self.rows + other.rows, self.steps + other.steps, self.tokens + other.tokens,
                       self.times + other.times)  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """What a few measured steps took, in seconds: one reply of those that were tried, and one training step.

    reply_is_most: the replies that were tried had not ended, and a reply is reckoned at its limit.
    """

    reply: float | None = None
    step: float | None = None
    replies_tried: int = 0
    reply_tokens: float = 0.0  # mean length of those that were tried
    reply_is_most: bool = False
    step_rows: int = 0
    peak_bytes: int = 0
    load: float = 0.0


@dataclass
class Plan:
    """A command's plan; `not_counted` says what it would do beside, `at_most` whether the counts are upper bounds."""

    verb: str
    subject: str
    models: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    trained: list[Trained] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)  # of a scan: files, bytes, rows
    not_counted: list[str] = field(default_factory=list)
    at_most: list[str] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    seconds_of_data: float = 0.0
    price_per_hour: float | None = None
    price_per_verdict: float | None = None
    paid: Sequence[str] = ()  # judges whose verdicts cost

    def ask(self, what: str, suites: Mapping[str, int], most_tokens: int, times: int = 1) -> None:
        if times and suites:
            self.asked.append(Asked(what, dict(suites), most_tokens, times))

    def train(self, training: Trained) -> None:
        """Add a training to those of its kind."""
        for i, one in enumerate(self.trained):
            if one.what == training.what:
                self.trained[i] = one + training
                return
        self.trained.append(training)

    def merged(self) -> list[Asked]:
        """The questions, with those that differ in nothing but their number added up."""
        found: dict[tuple[Any, ...], Asked] = {}
        for one in self.asked:
            key = (one.what, tuple(one.suites.items()), one.most_tokens)
            found[key] = replace(one, times=one.times + (found[key].times if key in found else 0))
        return list(found.values())

    @property
    def prompts(self) -> int:
        return sum(one.prompts for one in self.asked)

    @property
    def steps(self) -> int:
        return sum(one.steps for one in self.trained)

    @property
    def seconds(self) -> float | None:
        """How long it would take on this machine; None where something that it takes was not measured."""
        parts = [(self.prompts, self.pace.reply), (self.steps, self.pace.step)]
        untold = not (self.prompts or self.steps or self.data)  # verdicts alone, which nothing was timed for
        if untold or any(count and each is None for count, each in parts):
            return None
        load = self.pace.load * max(len(self.models), 1)
        return load + self.seconds_of_data + sum(count * (each or 0.0) for count, each in parts)

    @property
    def cost(self) -> float | None:
        """In whatever the prices were given in; None without one, or without a time."""
        if self.price_per_hour is None and self.price_per_verdict is None:
            return None
        if self.price_per_hour is not None and self.seconds is None:
            return None
        verdicts = sum(count for judge, count in self.verdicts.items() if judge in self.paid)
        machine = (self.seconds or 0.0) / 3600 * (self.price_per_hour or 0.0)
        return machine + verdicts * (self.price_per_verdict or 0.0)

    def to_dict(self) -> dict[str, Any]:
        return {
            "verb": self.verb,
            "dry_run": True,
            "subject": self.subject,
            "models": self.models,
            "asked": [{**asdict(one), "prompts": one.prompts} for one in self.merged()],
            "prompts": self.prompts,
            "trained": [asdict(one) for one in self.trained],
            "steps": self.steps,
            "verdicts": self.verdicts,
            **({"data": self.data} if self.data else {}),
            "measured": asdict(self.pace),
            "estimate": {"seconds": self.seconds, "peak_bytes": self.pace.peak_bytes or None, "cost": self.cost},
            "at_most": self.at_most,
            "not_counted": self.not_counted,
        }
