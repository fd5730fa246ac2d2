"""holdfast audit MODEL [--base BASE]: a checkpoint against its base, on the same prompts, with paired evidence."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from holdfast.core.errors import UsageError
from holdfast.core.records import Condition
from holdfast.core.runs import Run
from holdfast.flow import render
from holdfast.flow.evaluate import Evaluation, compare_evaluations, evaluate, open_bench
from holdfast.flow.models import LoadedModel
from holdfast.flow.progress import Progress
from holdfast.verbs.common import MODEL_PANEL, EvaluationSettings, argument, open_model, open_suites, option


class AuditSettings(EvaluationSettings):
    """Audit a checkpoint, against its base where one is named."""

    model: str = argument("guild, a folder, a LoRA adapter, a hub id, or openai:NAME@URL", "MODEL")
    base: str | None = option(
        None, "The model it was tuned from. Default: an adapter's own base.", MODEL_PANEL, metavar="BASE"
    )


def audit(settings: AuditSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Measure a checkpoint, and its base on the same prompts; report what flipped."""
    with Progress() as progress:
        progress.say(f"loading {settings.model}")
        tuned = open_model(settings.model, settings.model_options())
        base_name = settings.base or (tuned.adapter_of if isinstance(tuned, LoadedModel) else None)
        suites = open_suites(settings, tuned.embedded)
        run = Run.open("audit", settings.model, settings.model_dump(), origins, settings.out)
        bench = open_bench(
            run,
            suites,
            judge=settings.judge_name(tuned.embedded),
            judge_options=settings.judge_options(),
            options=settings.generate_options(tuned.embedded),
            show=progress.step,
        )
        progress.total = 2 if base_name else 1
        run.note(model=tuned.describe(), judge=bench.judge)
        condition = Condition(test_template="custom" if settings.system else "none")
        progress.say(f"auditing {tuned.name}")
        after = evaluate(tuned, condition, bench)
        progress.finish()
        before = None
        if base_name:
            progress.say(f"auditing its base {base_name}")
            del tuned
            base = open_model(base_name, settings.model_options())
            run.note(base=base.describe())
            if base.fingerprint == run.manifest["model"]["fingerprint"]:
                raise UsageError(
                    f"`{settings.model}` and its base `{base_name}` have the same weights", "name two different models"
                )
            before = evaluate(base, condition, bench)
            progress.finish()
    return conclude(run, settings, before, after)


def conclude(run: Run, settings: AuditSettings, before: Evaluation | None, after: Evaluation) -> dict[str, Any]:
    """Compare, write the run's summary, print."""
    comparisons = compare_evaluations(before, after) if before else []
    run.append("comparisons", comparisons)
    metrics = [*(before.metrics if before else []), *after.metrics]
    document = render.json_document(
        "audit", run.path, metrics, comparisons=[asdict(c) for c in comparisons], blind_spots=render.BLIND_SPOTS
    )
    render.save_summary(run.path, document)
    run.finish(
        f"# audit of {settings.model}\n\nBase: {settings.base or 'none'}. Figures: metrics.jsonl, summary.json.\n\n{render.BLIND_SPOTS}\n"
    )
    if settings.json_output:
        render.print_json(document)
        return document
    out = render.console()
    columns = {**({f"base: {before.model}": before.metrics} if before else {}), after.model: after.metrics}
    out.print(render.metrics_table(f"audit of {settings.model}", columns))
    if comparisons:
        out.print(render.comparison_table("the same prompts, base → checkpoint", comparisons))
    out.print(render.BLIND_SPOTS, style="dim")
    out.print(f"run: {run.path}", markup=False)
    return document
