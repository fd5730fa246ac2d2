"""The contracts of a defence and of a repair as batteries of tests: for ours, and for whoever writes another.

    from holdfast.testing import check_defence, check_repair
    check_defence(MyDefence, load, rows, safety_rows, options={"rho": 10.0})
    check_repair(MyRepair, inputs)

`load` gives a fresh copy of a small model at each call; its dropout is turned off, since what dropout draws depends on
how a batch is cut. Rows should differ in length. A promise that is not kept raises AssertionError and says which.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from holdfast.core.contracts import Defence, Repair, RepairInputs, complete
from holdfast.core.errors import UsageError
from holdfast.core.options import options_of
from holdfast.core.records import Row
from holdfast.models.load import LoadedModel
from holdfast.repairing.inputs import prepare_repair
from holdfast.repairing.sweep import open_sweep
from holdfast.training.settings import LoraSettings, TrainSettings
from holdfast.training.trainer import train

# Six rows in batches of four: each pass ends with a short batch, which is where accumulation goes wrong. The learning
# rate bounds how far Adam carries a rounding difference in a gradient that is almost nothing.
SETTINGS = TrainSettings(epochs=2, lr=1e-4, batch_size=4, seed=3, precision="float32")
TOLERANCE = 1e-5

Weights = dict[str, torch.Tensor]


@dataclass
class Case:
    """A defence under test, with what it is trained on; trainings that several checks need are made once."""

    make: Callable[..., Defence]
    load: Callable[[], LoadedModel]
    rows: Sequence[Row]
    safety_rows: Sequence[Row] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: TrainSettings = SETTINGS
    made: dict[Any, Weights] = field(default_factory=dict)

    def new(self, **options: Any) -> Defence:
        return complete(self.make(**{**self.options, **options}), Defence)


def expect(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(promise)


def weights_of(model: Any) -> Weights:
    """Every parameter by name; an adapter's too."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def apart(a: Weights, b: Weights) -> float:
    """The largest difference of any number."""
    return max(float((a[name].float() - b[name].float()).abs().max()) for name in a)


def tuned(case: Case, defences: Sequence[Defence], settings: TrainSettings | None = None) -> Weights:
    """The weights after training a fresh model."""
    loaded = case.load()
    for module in loaded.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with tempfile.TemporaryDirectory() as folder:
        train(loaded, case.rows, settings or case.settings, Path(folder), defences, safety_rows=case.safety_rows)
    return weights_of(loaded.model)


def undefended(case: Case) -> Weights:
    if "undefended" not in case.made:
        case.made["undefended"] = tuned(case, [])
    return case.made["undefended"]


def defended(case: Case) -> Weights:
    defence = case.new()
    if defence.spec not in case.made:
        case.made[defence.spec] = tuned(case, [defence])
    return case.made[defence.spec]


def check_spec(case: Case) -> None:
    """The spec begins with the name, holds every option, and differs where an option differs."""
    defence = case.new()
    expect(bool(defence.name and defence.paper and defence.about), "name, paper and about say what it is")
    expect(defence.spec.startswith(defence.name), f"the spec `{defence.spec}` begins with the name")
    for option in options_of(case.make):
        expect(f"{option}=" in defence.spec, f"the spec `{defence.spec}` holds the option {option}")
    expect(case.new().spec == defence.spec, "the same options give the same spec")
    off = defence.off
    if off:
        expect(case.new(**off).spec != defence.spec, "other options give another spec")


def check_off(case: Case) -> None:
    """With the strength at nothing the weights are those of undefended training, bit for bit."""
    off = case.new().off
    if off:
        expect(same(tuned(case, [case.new(**off)]), undefended(case)), f"{off} changes nothing")


def check_on(case: Case) -> None:
    """With the strength above nothing the weights, or the prompt that the model is served with, are others."""
    defence = case.new()
    changed = not same(defended(case), undefended(case))
    if not changed:
        prepared = case.new()
        tuned(case, [prepared])
        changed = prepared.test_system is not None
    expect(changed, f"{defence.spec} changes the weights or how the model is served")


def check_repeat(case: Case) -> None:
    """The same seed gives the same weights."""
    expect(same(tuned(case, [case.new()]), defended(case)), "the same seed gives the same weights")


def check_accumulation(case: Case) -> None:
    """A batch cut into micro-batches gives the same weights; the options must do more than rounding could hide."""
    effect = apart(defended(case), undefended(case))
    expect(not 0 < effect <= 2 * TOLERANCE, f"the effect ({effect:.1e}) is too small to test: choose stronger options")
    half = replace(case.settings, batch_size=case.settings.batch_size // 2, gradient_accumulation=2)
    difference = apart(tuned(case, [case.new()], half), defended(case))
    expect(
        difference <= TOLERANCE, f"batch {half.batch_size} × 2 is batch {2 * half.batch_size} (apart {difference:.1e})"
    )


def check_missing_input(case: Case) -> None:
    """A missing input raises UsageError before the first step; a defence that names no need works without."""
    needed = "safety_rows" in case.new().needs
    loaded, steps, raised = case.load(), [], False
    before = weights_of(loaded.model)
    with tempfile.TemporaryDirectory() as folder:
        try:
            train(loaded, case.rows, case.settings, Path(folder), [case.new()], lambda step, *_: steps.append(step))
        except UsageError as error:
            raised = True
            expect(bool(error.hint), "the error has a hint")
            expect(not steps and same(weights_of(loaded.model), before), "it is raised before the first step")
    expect(raised == needed, "a missing input, and nothing else, raises UsageError")


def check_lora(case: Case) -> None:
    """It works on an adapter and leaves the base alone, or says why it cannot."""
    settings = replace(case.settings, lora=LoraSettings(rank=2, alpha=4))
    base = weights_of(case.load().model)
    if not case.new().refuses_lora:
        found = tuned(case, [case.new()], settings)
        plain = {name.removeprefix("base_model.model.").replace(".base_layer", ""): w for name, w in found.items()}
        expect(all(torch.equal(plain[name], base[name]) for name in base), "the base under the adapter is untouched")
        return
    try:
        tuned(case, [case.new()], settings)
    except UsageError:
        return
    raise AssertionError("an adapter that it cannot work on raises UsageError")


CHECKS: dict[str, Callable[[Case], None]] = {
    "spec": check_spec,
    "off": check_off,
    "on": check_on,
    "missing input": check_missing_input,
    "repeat": check_repeat,
    "accumulation": check_accumulation,
    "lora": check_lora,
}


def check_defence(
    make: Callable[..., Defence],
    load: Callable[[], LoadedModel],
    rows: Sequence[Row],
    safety_rows: Sequence[Row] = (),
    *,
    options: Mapping[str, Any] | None = None,
    settings: TrainSettings = SETTINGS,
) -> list[str]:
    """Hold a defence against the whole contract; the names of the checks it passed.

    `make` takes the options and gives a new defence; `options` are those to test with, at which it must do something.
    Raises AssertionError for the first promise that is not kept.
    """
    case = Case(make, load, rows, safety_rows, options or {}, settings)
    for check in CHECKS.values():
        check(case)
    return list(CHECKS)


# ---- repairs --------------------------------------------------------------------------------------------------------


def repaired(repair: Repair, inputs: RepairInputs, strength: float) -> Weights:
    """The weights at a strength, by a sweep; the tuned model is as it was afterwards."""
    before = weights_of(inputs.tuned.model)
    with open_sweep(repair, inputs.base, inputs.tuned) as sweep:
        found = weights_of(sweep.at(strength).model)
    expect(same(weights_of(inputs.tuned.model), before), "the tuned model is as it was")
    return found


def check_repair_described(make: Callable[..., Repair]) -> None:
    """Name, paper, grid and bounds are there, and a strength that cannot be is refused."""
    repair = make()
    expect(bool(repair.name and repair.paper and repair.about), "name, paper and about say what it is")
    expect(repair.spec.startswith(repair.name), f"the spec `{repair.spec}` begins with the name")
    grid = list(repair.strengths)
    expect(len(grid) > 1 and grid[-1] == repair.neutral, "the grid runs from the safest strength to the tuned model")
    expect(grid in (sorted(grid), sorted(grid, reverse=True)), "the grid runs one way")
    for strength in grid:
        repair.check(strength)


def check_neutral(make: Callable[..., Repair], inputs: RepairInputs) -> None:
    """At the neutral strength the weights are the tuned model's, bit for bit."""
    repair = make()
    repair.prepare(replace(inputs, strengths=repair.strengths))
    expect(same(repaired(repair, inputs, repair.neutral), weights_of(inputs.tuned.model)), "neutral changes nothing")


def check_safest(make: Callable[..., Repair], inputs: RepairInputs) -> None:
    """At the safest strength it changes something, the same each time, and neither base nor tuned model is touched."""
    repair, again = make(), make()
    base = weights_of(inputs.base.model)
    for one in (repair, again):
        one.prepare(replace(inputs, strengths=one.strengths))
    found = repaired(repair, inputs, repair.strengths[0])
    expect(not same(found, weights_of(inputs.tuned.model)), "the safest strength changes something")
    expect(same(found, repaired(again, inputs, repair.strengths[0])), "the same seed gives the same weights")
    expect(same(weights_of(inputs.base.model), base), "the base is as it was")
    expect(all(torch.isfinite(weight).all() for weight in found.values()), "every number is finite")


def check_repair_inputs(make: Callable[..., Repair], inputs: RepairInputs) -> None:
    """Whatever it needs is refused before the first tensor when it is missing, with a hint."""
    for need in make().needs:
        lacks = {"direction": {"direction": {}}, "safety_rows": {"safety_rows": ()}, "task_rows": {"task_rows": ()},
                 "models": {"base": None, "tuned": None}}[need]  # fmt: skip
        try:
            prepare_repair(make(), replace(inputs, **lacks))  # type: ignore[arg-type]
        except UsageError as error:
            expect(bool(error.hint), "the error has a hint")
        else:
            raise AssertionError(f"a missing {need} raises UsageError")


def check_repair(make: Callable[..., Repair], inputs: RepairInputs) -> None:
    """Hold a repair that works on weights against the whole contract; `inputs` must hold all that it needs.

    Raises AssertionError for the first promise that is not kept.
    """
    check_repair_described(make)
    check_repair_inputs(make, inputs)
    if not make().decoding:
        check_neutral(make, inputs)
        check_safest(make, inputs)
