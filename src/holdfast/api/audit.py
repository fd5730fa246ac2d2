"""An audit: a checkpoint, and its base on the same prompts, with paired evidence and probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holdfast.api.audit_settings import AuditSettings
from holdfast.api.settings import open_model
from holdfast.api.suites import FIRST_LOOK, check_asked, check_models, open_suites
from holdfast.core import options
from holdfast.core.contracts import ProbeRequest
from holdfast.core.errors import EXIT_GATE, EXIT_TOO_FINE, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Metric, Row
from holdfast.core.runs import Run
from holdfast.data.rows import read_rows
from holdfast.evaluation.bench import Bench, Evaluation, compare_evaluations, open_bench
from holdfast.evaluation.early_stop import stop_early
from holdfast.evaluation.evaluate import evaluate
from holdfast.evaluation.lm_eval import anchored
from holdfast.evaluation.noise import noise_floor
from holdfast.evaluation.soundness import broken, untold
from holdfast.models.endpoint import EndpointModel
from holdfast.models.load import Lineage, LoadedModel, ModelOptions
from holdfast.reporting import terminal
from holdfast.reporting.probes import checked
from holdfast.stats.comparison import Comparison
from holdfast.stats.groups import Suite
from holdfast.stats.sequential import OPEN, OVER


@dataclass(frozen=True)
class Pair:
    """Two models of an audit, by name, on the same prompts."""

    before: str
    after: str
    comparisons: Sequence[Comparison]

    def to_dicts(self) -> list[dict[str, Any]]:
        """A record for each comparison, which says of which two it is."""
        return [{"before_model": self.before, "after_model": self.after, **c.to_dict()} for c in self.comparisons]


@dataclass(frozen=True)
class Audited:
    """A finished audit. `comparisons` are the base's with the checkpoint, `pairs` those with what stands beside."""

    run: Run
    before: Evaluation | None
    after: Evaluation
    comparisons: Sequence[Comparison]
    document: dict[str, Any]
    beside: Sequence[Evaluation] = ()
    pairs: Sequence[Pair] = ()


def how_to_load(settings: AuditSettings, progress: Progress) -> ModelOptions:
    """How the models are loaded, and which engine makes their replies."""

    def needs_weights() -> str:
        closed = [p.name for p in make_probes(settings, settings.base or settings.model) if p.needs_weights]
        if settings.utility:
            return "lm-eval reads log-probabilities"
        return f"the probe {closed[0]} reads weights" if closed else ""

    settings.check_engine(settings.models)
    return settings.engine_for(settings.model_options(), settings.models, needs_weights, progress.warn)


def open_base(
    settings: AuditSettings, loading: ModelOptions, name: str, lineage: Lineage | None, run: Run
) -> LoadedModel | EndpointModel:
    """The base, noted in the run. Raises UsageError where it is the audited model itself."""
    base = open_model(name, loading)
    if lineage and isinstance(base, LoadedModel):
        lineage.warn_of(base)
    run.note(base=base.describe())
    if base.fingerprint == run.manifest["model"]["fingerprint"]:
        raise UsageError(f"`{settings.model}` and its base `{name}` have the same weights", "name two different models")
    return base


def open_beside(loading: ModelOptions, name: str, run: Run) -> LoadedModel | EndpointModel:
    """A model that stands beside, noted in the run; one named like another of the run is called by its reference.

    Raises UsageError where it has the weights of one that is there already.
    """
    other = open_model(name, loading)
    known = [run.manifest["model"], *([run.manifest["base"]] if "base" in run.manifest else []), *run.manifest["also"]]
    if same := next((one for one in known if one["fingerprint"] == other.fingerprint), None):
        raise UsageError(f"`{name}` and `{same['reference']}` have the same weights", "name each model once")
    if isinstance(other, LoadedModel) and other.name in [one.get("name") or _name_of(one) for one in known]:
        other = replace(other, facts={**other.facts, "name": other.reference})
    run.note(also=[*run.manifest["also"], {**other.describe(), "name": other.name}])
    return other


def _name_of(described: dict[str, Any]) -> str:
    """What a model of the manifest is called in figures."""
    path = Path(described["reference"])
    return path.resolve().name if path.exists() else str(described["reference"])


@dataclass(frozen=True)
class Opened:
    """An audit that is about to ask: the checkpoint, what its base is called, the probes and the suites.

    again: whether the base is asked a second time, for the noise floor.
    """

    loading: ModelOptions
    tuned: LoadedModel | EndpointModel
    base_name: str | None
    probes: list[Any]
    suites: list[Suite]
    again: bool
    tuning_rows: list[Row]


def open_audit(settings: AuditSettings, progress: Progress) -> Opened:
    """Load the checkpoint, and open what it is asked. Raises UsageError for what does not go together."""
    settings.test()
    settings.lm_eval()
    check_asked(settings)
    check_models(settings.models)
    rows = read_rows(settings.tuning_data) if settings.tuning_data else []
    loading = how_to_load(settings, progress)
    tuned = open_model(settings.model, loading)
    base_name = settings.base or (tuned.adapter_of if isinstance(tuned, LoadedModel) else None)
    probes = make_probes(settings, base_name)
    asked = settings.without_redteam(tuned.world)
    suites = open_suites(asked, tuned.world, needed=not probes, tell=progress.warn, first_look=FIRST_LOOK)
    again = bool(base_name and (settings.noise_floor or loading.engine))
    return Opened(loading, tuned, base_name, probes, suites, again, rows)


def measure(settings: AuditSettings, origins: dict[str, str], progress: Progress) -> Audited:
    """Ask checkpoint and base, look with the probes, compare, and close the run's folder."""
    test, anchor = settings.test(), settings.lm_eval()
    with progress:
        progress.say(f"loading {settings.model}")
        opened = open_audit(settings, progress)
        tuned, probes, suites, rows = opened.tuned, opened.probes, opened.suites, opened.tuning_rows
        run = Run.open("audit", settings.model, settings.record(), origins, settings.out)
        bench = open_bench(
            run,
            suites,
            **settings.asking(tuned.world),
            show=progress.step,
            show_replies=settings.show_replies,
        )
        base_name, loading, again = opened.base_name, opened.loading, opened.again
        progress.total = (2 if base_name else 1) + again + len(settings.also or ()) + len(probes)
        run.note(model=tuned.describe(), judge=bench.judge)
        condition = Condition(test_template="custom" if settings.system else "none")
        progress.say(f"auditing {tuned.name}")
        if settings.sequential:
            bench, stop = stop_early(tuned, condition, bench, test)
            run.note(sequential=stop.to_dict())
        after = anchored(evaluate(tuned, condition, bench), tuned, anchor, run)
        progress.finish()
        before, base = None, None
        lineage = Lineage.of(tuned) if isinstance(tuned, LoadedModel) else None
        if not probes:
            del tuned, opened
        if base_name:
            progress.say(f"auditing its base {base_name}")
            base = open_base(settings, loading, base_name, lineage, run)
            before = anchored(evaluate(base, condition, bench), base, anchor, run)
            progress.finish()
            if again:
                progress.say(f"its base {base_name} once more, in other batches")
                run.note(noise_floor=noise_floor(base, condition, bench, before).to_dict())
                progress.finish()
            base = base if probes else None
        beside = ask_beside(settings, loading, condition, bench, run, progress)
        found: list[dict[str, Any]] = []
        if probes:
            forbidden = next((suite.prompts for suite in suites if suite.name == "policy"), [])
            request = ProbeRequest(
                tuned,
                base,
                forbidden,
                lambda suites: replace(bench, suites=suites, run=None),
                rows,
                settings.probe_seed,
                progress.say,
            )
            found = run_probes(probes, request, run, condition, progress)
    return conclude(run, settings, before, after, found, beside)


def ask_beside(
    settings: AuditSettings, loading: ModelOptions, condition: Condition, bench: Bench, run: Run, progress: Progress
) -> list[Evaluation]:
    """The models that stand beside, each asked what the checkpoint was asked; one is in memory at a time."""
    found: list[Evaluation] = []
    if settings.also:
        run.note(also=[])
    for name in settings.also or ():
        progress.say(f"auditing {name} beside it")
        other = open_beside(loading, name, run)
        found.append(anchored(evaluate(other, condition, bench), other, settings.lm_eval(), run))
        del other
        progress.finish()
    return found


def make_probes(settings: AuditSettings, base: str | None) -> list[Any]:
    """The probes that were asked for. Raises UsageError for a wrong name or option, and where one lacks its base."""
    texts = settings.probes
    if settings.canaries:
        other = [text for text in texts if text.partition(":")[0] != "canaries"]
        own = [text for text in texts if text not in other] or ["canaries"]
        texts = [*other, *(f"{text}{',' if ':' in text else ':'}key={settings.canaries}" for text in own)]
    probes = [options.make("probes", text) for text in texts]
    for probe in probes:
        if probe.needs_base and not base:
            raise UsageError(f"the probe `{probe.name}` compares a checkpoint with its base", "add --base MODEL")
        if probe.needs_rows and not settings.tuning_data:
            raise UsageError(f"the probe `{probe.name}` reads what the model was tuned on", "add --tuning-data DATA")
    return probes


def run_probes(
    probes: Sequence[Any], request: ProbeRequest, run: Run, condition: Condition, progress: Progress
) -> list[dict[str, Any]]:
    """What each probe found. Raises UsageError for one that cannot look."""
    weights = isinstance(request.tuned, LoadedModel) and isinstance(request.base, LoadedModel | None)
    closed = [probe.name for probe in probes if probe.needs_weights]
    if closed and not weights:
        raise UsageError(
            f"the probe `{closed[0]}` needs weights, not an endpoint", "name two model folders, or leave it out"
        )
    found = []
    for probe in probes:
        progress.say(f"the probe {probe.name}")
        document = checked(probe.run(request))
        for kind, records in document.pop("records", {}).items():
            run.replace(kind, records)
        # Under the condition of the evaluation, so that they stand beside its figures.
        document["metrics"] = [{**m, "condition": condition.to_dict()} for m in document.get("metrics", ())]
        found.append(document)
        progress.finish()
    run.append("metrics", [m for document in found for m in document["metrics"]])
    run.note(probes=found)
    return found


def stopped(stop: dict[str, Any]) -> dict[str, Any]:
    """An early stop for the document, with the exit code: 3 over the limit, 5 when all prompts leave it open."""
    return {"sequential": stop, "exit_code": {OVER: EXIT_GATE, OPEN: EXIT_TOO_FINE}.get(stop["verdict"], 0)}


def conclude(
    run: Run,
    settings: AuditSettings,
    before: Evaluation | None,
    after: Evaluation,
    probes: Sequence[dict[str, Any]] = (),
    beside: Sequence[Evaluation] = (),
) -> Audited:
    """Compare, and write the run's summary."""
    comparisons = compare_evaluations(before, after) if before else []
    pairs = [
        Pair(first.model, other.model, compare_evaluations(first, other))
        for other in beside
        for first in (before, after)
        if first
    ]
    told = [record for pair in pairs for record in pair.to_dicts()]
    run.append("comparisons", [*comparisons, *told])
    metrics = [*(before.metrics if before else []), *after.metrics, *(m for other in beside for m in other.metrics)]
    metrics += [Metric.of(record) for found in probes for record in found.get("metrics", ())]
    first = before.metrics if before else ()
    why, open_question = broken(after.metrics, first), untold(after.metrics, first)
    document = terminal.json_document(
        "audit", run.path, metrics, comparisons=[c.to_dict() for c in comparisons], blind_spots=terminal.BLIND_SPOTS,
        evidence=run.manifest.get("evidence", {}),
        **({"also": [other.model for other in beside], "pairs": told} if beside else {}),
        **({"probes": list(probes)} if probes else {}), **({"broken": why} if why else {}),
        **({"untold": open_question} if open_question and after.metrics else {}),
        **({"noise_floor": run.manifest["noise_floor"]} if "noise_floor" in run.manifest and before else {}),
        **(stopped(run.manifest["sequential"]) if settings.sequential else {}),
    )  # fmt: skip
    terminal.save_summary(run.path, document)
    run.finish(
        f"# audit of {settings.model}\n\nBase: {settings.base or 'none'}. Figures: metrics.jsonl, summary.json.\n\n"
        f"{terminal.BLIND_SPOTS}\n"
    )
    return Audited(run, before, after, comparisons, document, beside, pairs)
