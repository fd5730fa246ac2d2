"""An attacked model, repaired: the strength chosen on the calibration split, the figure from the test split.

treat(workbench, attacked, prepared, "wise-ft@0.9+resta")      strength chosen under the promise
treat(workbench, attacked, prepared, "wise-ft@0.5")            at 0.5
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from holdfast.attacking.attack import Prepared, narrow
from holdfast.core.contracts import Repair, RepairInputs
from holdfast.core.records import Condition
from holdfast.evaluation.bench import Bench, Evaluation
from holdfast.evaluation.evaluate import evaluate
from holdfast.models.load import LoadedModel
from holdfast.repairing.choose import Curve, choose, measure_curve
from holdfast.repairing.inputs import prepare_repair
from holdfast.repairing.spec import make_repair
from holdfast.repairing.sweep import Sweep, is_adapter, keeps_adapter, open_sweep
from holdfast.stats.certify import Limit


@dataclass(frozen=True)
class Workbench:
    """What every attack of a run is treated with. `inputs` gives what a repair draws on, `key` its fingerprint."""

    base: LoadedModel
    load: Callable[[], LoadedModel]
    bench: Bench
    calibration: Bench
    inputs: Callable[[Repair, LoadedModel, Sequence[float], Prepared], RepairInputs]
    key: Callable[[Repair], str]
    limits: Sequence[Limit]
    delta: float
    show: Callable[[int, int, float], None] | None = None


@dataclass(frozen=True)
class Treated:
    """An attacked model after a repair; `certified` and `curve` are None when the strength was given."""

    evaluation: Evaluation
    condition: Condition
    certified: bool | None
    seconds: float  # to prepare the repair and choose its strength
    serving_cost: float  # forward passes of one model
    curve: Curve | None = None  # on the calibration split


def repair_and_strength(text: str) -> tuple[Repair, float | None]:
    """A repair and, where its text ends in @NUMBER, its strength. Raises UsageError for what cannot be."""
    named, at, number = text.rpartition("@")
    try:
        strength = float(number) if at and "+" not in number else math.nan
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength):
        return make_repair(text), None
    repair = make_repair(named)
    repair.check(strength)
    return repair, strength


def own_copy(attacked: LoadedModel, repair: Repair) -> LoadedModel:
    """The model that a repair works on: with the adapter merged in a copy, where the repair cannot just scale it."""
    if not is_adapter(attacked) or keeps_adapter(repair, attacked):
        return attacked
    return replace(attacked, model=copy.deepcopy(attacked.model))


def pick(curve: Curve, limits: Sequence[Limit], delta: float) -> tuple[float, bool]:
    """The certified strength nearest to the tuned model; else, uncertified, the one with the least harm.

    A broken model is neither while another is at hand.
    """
    choice = choose([curve], limits, delta)
    if choice.strength is not None:
        return choice.strength, True
    reasons = curve.broken or [""] * len(curve.strengths)
    worth = [(bool(why), e.count(limits[0]).hits) for why, e in zip(reasons, curve.evaluations, strict=True)]
    return curve.strengths[worth.index(min(worth))], False


def treat(work: Workbench, attacked: LoadedModel, prepared: Prepared, text: str) -> Treated:
    """Repair an attacked model in memory and measure it; the attacked model is as it was afterwards."""
    began = time.monotonic()
    repair, given = repair_and_strength(text)
    strengths = list(repair.strengths) if given is None else [given]
    subject = own_copy(attacked, repair)
    prepare_repair(repair, work.inputs(repair, subject, strengths, prepared))

    def condition(strength: float) -> Condition:
        return replace(prepared.plan.condition, repair=repair.spec, strength=strength)

    with open_sweep(repair, work.base, subject, work.key(repair)) as sweep:
        bench = replace(narrow(work.calibration, prepared.plan), run=None)

        def measure(strength: float, sweep: Sweep = sweep) -> Evaluation:
            return evaluate(sweep.at(strength), condition(strength), bench)

        strength, certified, curve = given, None, None
        if strength is None:
            untouched = evaluate(work.base, Condition(), bench).metrics
            curve = measure_curve(repair, strengths, measure, untouched)
            strength, certified = pick(curve, work.limits, work.delta)
        seconds = time.monotonic() - began
        found = evaluate(sweep.at(strength), condition(strength), narrow(work.bench, prepared.plan))
        return Treated(found, condition(strength), certified, seconds, sweep.serving_cost, curve)
