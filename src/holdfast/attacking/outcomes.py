"""Attacks held against the untouched model under the same prompt, each perhaps repaired, at one setting or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from holdfast.attacking.attack import AttackPlan, attack, narrow, prepare_attack, run_attack
from holdfast.attacking.repaired import Workbench, treat
from holdfast.attacking.summary import Outcome
from holdfast.core.records import Condition
from holdfast.evaluation.bench import Bench, Evaluation, compare_evaluations
from holdfast.evaluation.evaluate import evaluate
from holdfast.models.load import LoadedModel


def at_factors(plan: AttackPlan, lr: float, epochs: float) -> AttackPlan:
    """A plan with its learning rate and epochs multiplied."""
    changed = replace(plan.settings, lr=plan.settings.lr * lr, epochs=plan.settings.epochs * epochs)
    return replace(plan, settings=changed, condition=replace(plan.condition, lr=changed.lr, epochs=changed.epochs))


def searched(plans: Sequence[AttackPlan], lrs: Sequence[float], epochs: Sequence[float]) -> list[AttackPlan]:
    """Every plan at every factor; the settings that it has by itself are always among them."""
    pairs = [(1.0, 1.0)]
    pairs += [(lr, times) for times in epochs for lr in lrs]
    return [at_factors(plan, lr, times) for plan in plans for lr, times in dict.fromkeys(pairs)]


class Before(Protocol):
    """Whoever knows what the untouched model does under a plan's prompt."""

    def under(self, plan: AttackPlan) -> Evaluation: ...


class Untouched:
    """What the untouched model does under a plan's prompt, measured once for each.

    system: the system prompt of the run, under which the untouched model is recorded already.
    """

    def __init__(self, base: LoadedModel, system: str, bench: Bench) -> None:
        self.base, self.system, self.bench = base, system, bench
        self.known: dict[tuple[Any, ...], Evaluation] = {}

    def under(self, plan: AttackPlan) -> Evaluation:
        """The untouched model on a plan's suites, under its system prompt and trigger."""
        key = (
            plan.system,
            plan.trigger,
            tuple(plan.tested_categories or ()),
            tuple(plan.suites or ()),
            tuple(plan.skips),
        )
        if key not in self.known:
            # Under a prompt of the plan's own the untouched model is another measurement, and is recorded as one.
            own = plan.system != self.system or bool(plan.trigger)
            condition = Condition(seed=plan.condition.seed if own else None, test_template=plan.condition.test_template)
            bench = replace(narrow(self.bench, plan), run=self.bench.run if own else None)
            self.known[key] = evaluate(self.base, condition, bench)
        return self.known[key]


def outcomes_of(work: Workbench, plan: AttackPlan, untouched: Before, repairs: Sequence[str]) -> Iterator[Outcome]:
    """One attack, and then each repair of it."""
    before = untouched.under(plan)
    if not repairs:
        after = run_attack(work.load, work.base, plan, work.bench, work.show)
        yield Outcome(after.condition, before, after, compare_evaluations(before, after))
        return
    prepared = prepare_attack(work.base, plan)
    attacked = attack(work.load, prepared, work.show)
    after = evaluate(attacked, prepared.plan.condition, narrow(work.bench, prepared.plan))
    yield Outcome(after.condition, before, after, compare_evaluations(before, after))
    for text in repairs:
        treated = treat(work, attacked, prepared, text)
        found = treated.evaluation
        yield Outcome(found.condition, before, found, compare_evaluations(before, found), treated.certified)


def describe(condition: Condition) -> str:
    """An attack's setting in a line."""
    parts = [f"{condition.regime}"]
    if condition.samples is not None:
        parts.append(f"{condition.samples} rows × {condition.epochs:g} epochs")
    return ", ".join([*parts, f"lr {condition.lr:g}, batch {condition.batch}, seed {condition.seed}"])
