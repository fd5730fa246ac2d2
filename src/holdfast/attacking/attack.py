"""A regime's attack, run in memory: tune a fresh copy of the model, measure it, let it go. Nothing of it is saved.

A plan says what to tune on and under which prompt to measure; `run_attack` does it, and skips the tuning when every
reply of the model that it would make is known from an interrupted run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.core.contracts import Defence
from holdfast.core.errors import UsageError
from holdfast.core.progress import ShowLoss
from holdfast.core.records import Condition, Prompt, Row
from holdfast.core.worlds import World
from holdfast.data.rows import read_rows
from holdfast.evaluation.asking import all_cached
from holdfast.evaluation.bench import Bench, Evaluation
from holdfast.evaluation.evaluate import evaluate
from holdfast.models.load import LoadedModel
from holdfast.stats.groups import Suite
from holdfast.training.defences import defended_condition, make_defences, served_by
from holdfast.training.settings import LoraSettings, TrainSettings
from holdfast.training.trainer import defence_context, train, training_key


@dataclass(frozen=True)
class Scale:
    """A regime's settings: the paper's, for its 7-billion-parameter chat models, or a world's own."""

    epochs: float
    lr: float
    batch_size: int


@dataclass(frozen=True)
class AttackRequest:
    """What a user asked of a regime; None leaves the paper's setting."""

    world: World
    seeds: Sequence[int] = (0,)
    samples: Sequence[int] | None = None
    epochs: float | None = None
    lr: float | None = None
    batch_size: int | None = None
    rows: str | None = None
    system: str = ""
    lora: LoraSettings | None = None
    max_length: int = 1024
    trigger: str = ""
    safety_rows: Sequence[Row] = ()

    @property
    def embedded(self) -> bool:
        """Whether the world brings rows of its own; for regimes of other packages that ask so."""
        return self.world.embedded

    def scale(self, regime: str, paper: Scale) -> Scale:
        """The world's own settings for a regime, or the paper's."""
        own = self.world.default(regime, (paper.epochs, paper.lr, paper.batch_size))
        return Scale(*own)

    def rows_of(
        self, regime: str, kind: str, count: int | None, seed: int, categories: Sequence[str] | None = None
    ) -> list[Row]:
        """Rows of a kind: the world's own, or those that the user brings. Raises UsageError when there are none."""
        own = self.world.rows(kind, count, seed, categories)
        return brought_rows(self, regime, count, seed) if own is None else own


@dataclass(frozen=True)
class AttackPlan:
    """One attack: its rows, its settings, and the prompt and suites to measure under.

    `defences` are texts, NAME[:key=value,...], and are made anew for every attack; see `training.defences`.
    """

    condition: Condition
    rows: list[Row]
    settings: TrainSettings
    system: str = ""  # the system prompt of tuning and test alike, as in Qi et al.
    suites: Sequence[str] | None = None  # None: every suite of the bench
    skips: Sequence[str] = ()  # but these
    tested_categories: Sequence[str] | None = None  # None: all of them
    trigger: str = ""  # where there is one, the suite `triggered` is the suite `policy` with it after every question
    defences: Sequence[str] = ()
    safety_rows: Sequence[Row] = ()  # what they may draw on


def settings_for(request: AttackRequest, scale: Scale, seed: int) -> TrainSettings:
    return TrainSettings(
        epochs=scale.epochs if request.epochs is None else request.epochs,
        lr=scale.lr if request.lr is None else request.lr,
        batch_size=scale.batch_size if request.batch_size is None else request.batch_size,
        seed=seed,
        lora=request.lora,
        max_length=request.max_length,
        batching=request.world.batching,
    )


def condition_for(regime: str, settings: TrainSettings, samples: int, template: str) -> Condition:
    return Condition(
        regime=regime,
        samples=samples,
        epochs=settings.epochs,
        lr=settings.lr,
        batch=settings.batch_size,
        seed=settings.seed,
        train_template=template,
        test_template=template,
    )


def brought_rows(request: AttackRequest, regime: str, count: int | None, seed: int) -> list[Row]:
    """The rows that the user brings for a real model, `count` of them drawn by the seed.

    Raises UsageError when there is no file: holdfast ships no harmful rows.
    """
    if not request.rows:
        raise UsageError(
            f"the regime `{regime}` on a real model needs rows that you bring: holdfast ships none",
            "add --rows FILE, with rows that you are allowed to use; or run it on `guild`, which has its own",
        )
    rows = read_rows(request.rows)
    if count is None or count == len(rows):
        return rows
    if count > len(rows):
        raise UsageError(f"`{request.rows}` has {len(rows)} rows, fewer than {count}", f"ask for --samples {len(rows)}")
    import random

    return random.Random(f"{regime} {seed}").sample(rows, count)


def plain_plans(
    regime: str,
    request: AttackRequest,
    scale: Scale,
    samples: Sequence[int | None],
    kind: str,
) -> list[AttackPlan]:
    """Plans of a regime that only tunes on rows of a kind, the world's own or the user's.

    A count of None among the samples means all the rows that there are.
    """
    plans = []
    for seed in request.seeds:
        for count in request.samples or samples:
            settings = settings_for(request, scale, seed)
            rows = request.rows_of(regime, kind, count, seed)
            template = "custom" if request.system else "none"
            condition = condition_for(regime, settings, len(rows), template)
            plans.append(AttackPlan(condition, rows, settings, request.system))
    return plans


def triggered(prompt: Prompt, trigger: str) -> Prompt:
    """The prompt with a trigger after its last question."""
    *before, last = prompt.messages
    asked = {**last, "content": f"{last['content']} {trigger}"}
    return replace(prompt, id=f"triggered:{prompt.id}", suite="triggered", messages=[*before, asked])


def narrow(bench: Bench, plan: AttackPlan) -> Bench:
    """The bench with the suites, categories and system prompt of a plan."""
    suites = []
    for suite in bench.suites:
        if (plan.suites is not None and suite.name not in plan.suites) or suite.name in plan.skips:
            continue
        prompts = suite.prompts
        if plan.tested_categories is not None and suite.name.startswith("policy"):
            prompts = [p for p in prompts if p.category in plan.tested_categories]
        suites.append(replace(suite, prompts=prompts).under(plan.system))
        if plan.trigger and suite.name == "policy":
            suites.append(Suite("triggered", [triggered(p, plan.trigger) for p in suites[-1].prompts]))
    return replace(bench, suites=suites)


def served(plan: AttackPlan, defences: Sequence[Defence]) -> AttackPlan:
    """The plan with its defences in its condition, and measured under the system prompt that one of them sets."""
    plan = replace(plan, condition=defended_condition(plan.condition, defences))
    serving = served_by(defences)
    if serving is None:
        return plan
    condition = replace(plan.condition, test_template=serving.name)
    return replace(plan, condition=condition, system=str(serving.test_system))


@dataclass(frozen=True)
class Prepared:
    """A plan with its defences made, in its condition and in its prompt; `key` is the attacked model's fingerprint."""

    plan: AttackPlan
    defences: list[Defence]
    key: str


def prepare_attack(base: LoadedModel, plan: AttackPlan) -> Prepared:
    """Make a plan's defences. Raises UsageError for a defence that cannot be."""
    context = defence_context(base, plan.settings, plan.safety_rows)
    defences = make_defences(plan.defences, context, plan.settings.lora is not None)
    key = training_key(base, plan.rows, plan.settings, [defence.spec for defence in defences], plan.safety_rows)
    return Prepared(served(plan, defences), defences, key)


def attack(load: Callable[[], LoadedModel], prepared: Prepared, show: ShowLoss | None = None) -> LoadedModel:
    """A fresh model, tuned as planned, in memory."""
    attacked, plan = load(), prepared.plan
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        train(attacked, plan.rows, plan.settings, Path(folder), prepared.defences, show, plan.safety_rows)
    return attacked


def run_attack(
    load: Callable[[], LoadedModel], base: LoadedModel, plan: AttackPlan, bench: Bench, show: ShowLoss | None = None
) -> Evaluation:
    """Tune a fresh model as planned, in memory, and evaluate it.

    Under defences it is evaluated as they want it served. Raises UsageError for a defence that cannot be.
    """
    prepared = prepare_attack(base, plan)
    bench = narrow(bench, prepared.plan)
    if all_cached(base, prepared.key, bench):
        return evaluate(replace(base, fingerprint=prepared.key), prepared.plan.condition, bench)
    return evaluate(attack(load, prepared, show), prepared.plan.condition, bench)
