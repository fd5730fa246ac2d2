"""The plans of the verbs that take long: what each would load, train, ask and judge, from the same settings and code.

    plan_audit(settings, progress).to_dict()

Models are loaded, suites opened and rows encoded as the verb itself would; then a few replies are made and a few steps
are trained and timed, and everything is let go. Replies that a run would take from its cache are not counted twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.api.align import AlignSettings, open_unaligned, row_of
from holdfast.api.audit import open_audit
from holdfast.api.audit_settings import AuditSettings
from holdfast.api.matrix import arms_of
from holdfast.api.plan_settings import PlanSettings
from holdfast.api.repair import check_early
from holdfast.api.repair_settings import RepairSettings
from holdfast.api.repair_stage import load_subject, open_splits
from holdfast.api.settings import EvaluationSettings
from holdfast.api.stress_settings import StressSettings
from holdfast.api.stress_stage import open_work, plans_for, suites_of
from holdfast.api.suites import FIRST_LOOK, check_asked, open_suites
from holdfast.api.tune import TuneSettings, bench_under, open_job, open_rows
from holdfast.attacking.attack import AttackPlan, narrow, prepare_attack
from holdfast.attacking.repaired import Workbench, repair_and_strength
from holdfast.core.contracts import Defence, Repair
from holdfast.core.plan import Pace, Plan
from holdfast.core.progress import Progress
from holdfast.core.records import Row, digest
from holdfast.evaluation.asking import by_privacy
from holdfast.evaluation.bench import Bench, Subject
from holdfast.judging.judge import judge_of_suite
from holdfast.models.load import LoadedModel, load_model
from holdfast.models.pace import peak_bytes, reply_pace
from holdfast.models.quantised import refuse_tuning
from holdfast.repairing import measure
from holdfast.starter.alignment import load_material, refusal_for
from holdfast.stats.groups import Suite
from holdfast.training.defences import served_by
from holdfast.training.pace import step_pace, training_plan
from holdfast.training.settings import TrainSettings

PAID = ("llm",)  # judges that ask an endpoint


@dataclass
class Counting:
    """A plan that is being made: what was asked before of the same model is known, as a run's cache would know it."""

    settings: EvaluationSettings
    plan: Plan
    subject: Subject
    known: set[str] = field(default_factory=set)
    evaluations: int = 0
    sample: list[Any] = field(default_factory=list)

    def ask(self, what: str, model: str, suites: Sequence[Suite], system: str = "") -> None:
        """One evaluation of a model; `model` names its weights."""
        self.evaluations += 1
        counts: dict[str, int] = {}
        for suite in (one.under(system) for one in suites):
            private = set(by_privacy(suite.prompts).get(True, ()))
            keys = {
                digest([model, attempt, prompt.messages, self.evaluations if i in private else None])
                for i, prompt in enumerate(suite.prompts)
                for attempt in range(1 + suite.attempts)
            }
            if fresh := keys - self.known:
                counts[suite.name] = len(fresh)
                self.known |= fresh
                self._judged(suite, len(fresh))
        self.sample = self.sample or [prompt for suite in suites for prompt in suite.prompts]
        self.plan.ask(what, counts, self.tokens)

    def _judged(self, suite: Suite, count: int) -> None:
        world = self.subject.world
        name = judge_of_suite(self.settings.judge_name(world), suite.name, world, suite.prompts)
        self.plan.verdicts[name] = self.plan.verdicts.get(name, 0) + count

    @property
    def tokens(self) -> int:
        return self.settings.generate_options(self.subject.world).max_new_tokens


@dataclass(frozen=True)
class Training:
    """A training whose steps may be tried."""

    rows: Sequence[Row]
    settings: TrainSettings
    defences: Sequence[Defence] = ()
    safety_rows: Sequence[Row] = ()


def begun(settings: PlanSettings, verb: str, subject: str) -> Plan:
    return Plan(verb, subject, price_per_hour=settings.price_per_hour, price_per_verdict=settings.price_per_verdict,
                paid=PAID)  # fmt: skip


def described(plan: Plan, models: Iterable[Subject]) -> None:
    wanted = ("reference", "parameters", "dtype", "device", "engine", "endpoint")
    plan.models += [{name: value for name, value in one.describe().items() if name in wanted} for one in models]


def measured(counting: Counting, progress: Progress, training: Training | None, load: float) -> Plan:
    """The plan with what a few replies and a few steps took."""
    plan, subject = counting.plan, counting.subject
    if not isinstance(subject, LoadedModel):
        plan.not_counted.append(f"time: {subject.name} is an endpoint, and none of its time is spent on a plan")
        return plan
    pace = Pace(load=load)
    if counting.sample and plan.prompts:
        progress.say("a few replies, timed")
        options = counting.settings.generate_options(subject.world)
        found = reply_pace(subject, counting.sample, options)
        pace = replace(pace, reply=found.seconds, replies_tried=found.tried, reply_tokens=found.tokens,
                       reply_is_most=found.at_most)  # fmt: skip
    if training and plan.steps:
        progress.say("a few steps, timed")
        seconds = step_pace(subject, training.rows, training.settings, training.defences, training.safety_rows)
        pace = replace(pace, step=seconds, step_rows=training.settings.step_rows)
    plan.pace = replace(pace, peak_bytes=peak_bytes())
    return plan


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return make(), time.monotonic() - began


# ---- the verbs ------------------------------------------------------------------------------------------------------


def plan_audit(settings: AuditSettings, progress: Progress) -> Plan:
    """What an audit would do."""
    plan = begun(settings, "audit", settings.model)
    with progress:
        progress.say(f"loading {settings.model}")
        opened, load = timed(lambda: open_audit(settings, progress))
        counting = Counting(settings, plan, opened.tuned)
        described(plan, [opened.tuned])
        counting.ask(opened.tuned.name, "tuned", opened.suites)
        for name in (opened.base_name, *(settings.also or ())):
            if name:
                plan.models.append({"reference": name})
                counting.ask(name, name, opened.suites)
        if opened.again:
            counting.ask(f"{opened.base_name} again, in other batches", "again", opened.suites)
        if settings.sequential:
            plan.at_most.append("forbidden prompts: --sequential stops as soon as it is certain")
        plan.not_counted += [f"the questions of the probe {probe.name}" for probe in opened.probes]
        plan.not_counted += [f"lm-eval's {settings.utility}"] if settings.utility else []
        return measured(counting, progress, None, load)


def plan_tune(settings: TuneSettings, progress: Progress) -> Plan:
    """What a tuning would do."""
    plan = begun(settings, "tune", settings.model)
    settings.lm_eval()
    with progress:
        rows = open_rows(settings)
        progress.say(f"loading {settings.model}")
        (loaded, job), load = timed(lambda: open_job(settings, rows, True))
        described(plan, [loaded])
        counting = Counting(settings, plan, loaded)
        if not settings.skip_evaluation:
            suites = open_suites(settings, loaded.world, tell=progress.warn, first_look=FIRST_LOOK)
            counting.ask(f"{loaded.name}, before", "before", suites)
            counting.ask(f"{loaded.name}, tuned", "tuned", suites)
            if serving := served_by(job.defences):
                under = bench_under(Bench(suites), str(serving.test_system)).suites
                counting.ask(f"{loaded.name}, tuned and served with {serving.name}", "tuned", under)
            plan.not_counted += [f"lm-eval's {settings.utility}, twice"] if settings.utility else []
        plan.train(training_plan(loaded, settings.data, job.rows, job.settings, job.defences))
        training = Training(job.rows, job.settings, job.defences, job.safety_rows)
        return measured(counting, progress, training, load)


def plan_align(settings: AlignSettings, progress: Progress) -> Plan:
    """What an alignment would do; harmless requests that the model declines are left out of its rows."""
    plan = begun(settings, "align", settings.model)
    with progress:
        progress.say(f"loading {settings.model}")
        loaded, load = timed(lambda: open_unaligned(settings))
        described(plan, [loaded])
        counting = Counting(settings, plan, loaded)
        material = load_material()
        if not settings.skip_evaluation:
            suites = open_suites(settings, loaded.world, tell=progress.warn, first_look=FIRST_LOOK)
            counting.ask(f"{loaded.name}, before", "before", suites)
            counting.ask(f"{loaded.name}, aligned", "aligned", suites)
        plan.ask("its own answers to harmless requests", {"harmless": len(set(material.harmless))}, settings.own_tokens)
        own = "word " * settings.own_tokens
        rows = [row_of(f"forbidden:{i}", text, refusal_for(text, settings.seed), False)
                for i, text in enumerate(material.forbidden)]  # fmt: skip
        rows += [row_of(f"harmless:{i}/{k}", text, own, True)
                 for i, text in enumerate(material.harmless) for k in range(settings.harmless_weight)]  # fmt: skip
        plan.at_most.append("rows and steps: harmless requests that the model declines are left out")
        train_settings = settings.train_settings(loaded.world)
        plan.train(training_plan(loaded, "refusals, and its own answers", rows, train_settings))
        return measured(counting, progress, Training(rows, train_settings), load)


def plan_repair(settings: RepairSettings, progress: Progress) -> Plan:
    """What a repair would do: every strength on one half of the prompts, the chosen one on the other."""
    plan, order = begun(settings, "repair", settings.tuned), settings.order()
    check_early(settings, order, settings.promise())
    with progress:
        subject, load = timed(lambda: load_subject(settings, order.repairs, progress))
        repairs = measure.usable(order, subject, progress)
        choosing, reporting = open_splits(settings, subject.base.world, progress.warn)
        described(plan, [subject.base, subject.tuned])
        counting = Counting(settings, plan, subject.tuned)
        counting.ask("the base, to choose on", "base", choosing)
        for repair in repairs:
            for strength in order.strengths(repair):
                counting.ask(f"{repair.spec}, to choose on", strength_of("tuned", repair, strength), choosing)
        counting.ask("the base, to report on", "base", reporting)
        counting.ask("the tuned model, to report on", "tuned", reporting)
        counting.ask("the strength that is chosen, if one is", "chosen", reporting)
        plan.at_most.append("the chosen strength: none is asked again where none is certified")
        if settings.noise_floor or subject.base.engine:
            counting.ask("the base again, in other batches", "again", reporting)
        plan.not_counted += [f"what the repair {one.spec} computes beside replies" for one in repairs if not one.linear]
        return measured(counting, progress, None, load / 2)


def strength_of(tuned: str, repair: Repair, strength: float) -> str:
    """A name for the weights of a repaired model."""
    return tuned if strength == repair.neutral else f"{tuned}, {repair.spec} at {strength}"


def plan_stress(settings: StressSettings, progress: Progress) -> Plan:
    """What a stress test would do: the untouched model, and each attack, with whatever it meets."""
    settings.check()
    check_asked(settings)
    plan = begun(settings, "stress", settings.model)
    with progress:
        progress.say(f"loading {settings.model}")
        refuse_tuning(settings.model, settings.lora)
        base, load = timed(lambda: load_model(settings.model, settings.model_options()))
        described(plan, [base])
        bench = Bench(suites_of(settings, base, progress))
        work = open_work(settings, base, bench, progress)
        counting = Counting(settings, plan, base)
        counting.ask("the untouched model", "untouched", bench.suites)
        attacks = attacks_of(settings, base)
        for attack, repairs in attacks:
            count_attack(counting, work, attack, repairs)
        if any(repairs for _, repairs in attacks):
            plan.at_most.append("the strength that is chosen for a repair may be one that was asked already")
            plan.not_counted.append("what repairs compute beside replies")
        first = attacks[0][0] if attacks else None
        training = None
        if first:
            training = Training(first.rows, first.settings, prepare_attack(base, first).defences, first.safety_rows)
        return measured(counting, progress, training, load)


def attacks_of(settings: StressSettings, base: LoadedModel) -> list[tuple[AttackPlan, list[str | None]]]:
    """Every training of a stress test, with the repairs of what it made; None is the attacked model as it is."""
    if not settings.matrix:
        return [(plan, [None, *(settings.repair or ())]) for plan in plans_for(settings, base)]
    found = []
    for plan in plans_for(settings, base):
        groups: dict[tuple[str, ...], list[str | None]] = {}
        for arm in arms_of(settings):
            groups.setdefault(arm.defences, []).append(arm.repair)
        found += [(replace(plan, defences=defences), repairs) for defences, repairs in groups.items()]
    return found


def count_attack(counting: Counting, work: Workbench, attack: AttackPlan, repairs: Sequence[str | None]) -> None:
    """One attack, and each repair of what it made."""
    prepared = prepare_attack(work.base, attack)
    regime, suites = attack.condition.regime, narrow(work.bench, prepared.plan).suites
    counting.ask("the untouched model", "untouched", narrow(work.bench, attack).suites)
    counting.plan.train(
        training_plan(work.base, f"{regime}, the attack", attack.rows, attack.settings, prepared.defences)
    )
    for text in repairs:
        if text is None:
            counting.ask(f"{regime}, attacked", prepared.key, suites)
            continue
        repair, strength = repair_and_strength(text)
        if strength is None:
            choosing = narrow(work.calibration, prepared.plan).suites
            counting.ask("the untouched model, to choose on", "untouched", choosing)
            for one in repair.strengths:
                counting.ask(f"{regime}, repaired, to choose on", strength_of(prepared.key, repair, one), choosing)
        weights = f"{prepared.key}, {text}" if strength is None else strength_of(prepared.key, repair, strength)
        counting.ask(f"{regime}, repaired", weights, suites)
