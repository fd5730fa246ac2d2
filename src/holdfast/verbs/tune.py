"""holdfast tune MODEL DATA: fine-tune, full or LoRA, measured before and after on the same prompts."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from holdfast.core.errors import UsageError
from holdfast.core.records import Condition
from holdfast.core.runs import Run
from holdfast.flow import render
from holdfast.flow.data import read_rows
from holdfast.flow.evaluate import Bench, Evaluation, all_cached, compare_evaluations, evaluate, open_bench
from holdfast.flow.models import LoadedModel, load_model
from holdfast.flow.progress import Progress
from holdfast.flow.train import TrainSettings, train, training_key
from holdfast.verbs.common import (
    ASK_PANEL,
    TRAIN_PANEL,
    EvaluationSettings,
    TrainingSettings,
    argument,
    open_suites,
    option,
)


class TuneSettings(EvaluationSettings, TrainingSettings):
    """Fine-tune a model on a dataset, measured before and after."""

    model: str = argument("guild, a folder, or a hub id", "MODEL")
    data: str = argument("a file, a save_to_disk folder or a hub id; a kind of `holdfast guild rows` for guild", "DATA")
    data_split: str = option("train", "The split of a hub id or a save_to_disk folder.", TRAIN_PANEL)
    samples: int | None = option(None, "Only the first N rows.", TRAIN_PANEL, metavar="N", above=0)
    epochs: float = option(1.0, "Passes over the rows.", TRAIN_PANEL, above=0)
    lr: float = option(2e-5, "Peak learning rate.", TRAIN_PANEL, above=0)
    batch_size: int = option(16, "Rows in a batch.", TRAIN_PANEL, above=0)
    gradient_accumulation: int = option(1, "Batches in an optimiser step.", TRAIN_PANEL, above=0)
    weight_decay: float = option(0.0, "Weight decay.", TRAIN_PANEL)
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = option(
        "linear", "Learning-rate schedule.", TRAIN_PANEL
    )
    seed: int = option(0, "Seed of the order of rows and of dropout.", TRAIN_PANEL)
    save_steps: int = option(200, "Write a checkpoint to resume from every N steps.", TRAIN_PANEL, metavar="N")
    skip_evaluation: bool = option(False, "Only tune; measure nothing.", ASK_PANEL)

    def train_settings(self) -> TrainSettings:
        return TrainSettings(
            epochs=self.epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            seed=self.seed,
            gradient_accumulation=self.gradient_accumulation,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            max_length=self.max_length,
            lora=self.lora_settings(),
            save_steps=self.save_steps,
        )


def tune(settings: TuneSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Fine-tune a model on a dataset, and measure it before and after on the same prompts."""
    rows = read_rows(settings.data, settings.data_split, settings.samples)
    with Progress(total=3) as progress:
        progress.say(f"loading {settings.model}")
        loaded = load_model(settings.model, settings.model_options())
        if loaded.adapter_of and not settings.lora:
            raise UsageError(f"`{settings.model}` is an adapter", "tune its base with --lora, or merge it first")
        suites = [] if settings.skip_evaluation else open_suites(settings, loaded.embedded)
        run = Run.open("tune", settings.model, settings.model_dump(), origins, settings.out)
        bench = open_bench(
            run,
            suites,
            judge=settings.judge_name(loaded.embedded),
            judge_options=settings.judge_options(),
            options=settings.generate_options(loaded.embedded),
            show=progress.step,
        )
        run.note(model=loaded.describe(), rows=len(rows), judge=bench.judge)
        template = "custom" if settings.system else "none"
        before = after = None
        if suites:
            progress.say(f"measuring {loaded.name} before")
            before = evaluate(loaded, Condition(test_template=template), bench)
        progress.finish()
        train_settings = settings.train_settings()
        condition = Condition(
            regime="tune", samples=len(rows), epochs=settings.epochs, lr=settings.lr, batch=settings.batch_size,
            seed=settings.seed, train_template=template, test_template=template,
        )  # fmt: skip
        progress.say(f"tuning on {len(rows)} rows")
        saved = run.path / "model"
        key = training_key(loaded, rows, train_settings)
        if not (run.manifest.get("tuned") and all_cached(loaded, key, bench)):
            facts = train(loaded, rows, train_settings, run.path / "checkpoints", show=progress.train)
            if facts["rows_left_out"]:
                progress.warn(
                    f"{facts['rows_left_out']} rows have no answer within {settings.max_length} tokens: left out"
                )
            save_model(loaded, saved)
            run.note(tuned=facts)
        loaded = replace(loaded, fingerprint=key)
        progress.finish()
        if suites:
            progress.say("measuring the tuned model")
            after = evaluate(loaded, condition, bench)
        progress.finish()
    return conclude(run, settings, saved, before, after, bench)


def save_model(loaded: LoadedModel, folder: Path) -> None:
    """Write the tuned weights (or the adapter) with tokenizer, template and generation config."""
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)


def conclude(
    run: Run, settings: TuneSettings, saved: Path, before: Evaluation | None, after: Evaluation | None, bench: Bench
) -> dict[str, Any]:
    comparisons = compare_evaluations(before, after) if before and after else []
    run.append("comparisons", comparisons)
    metrics = [metric for side in (before, after) if side for metric in side.metrics]
    document = render.json_document(
        "tune",
        run.path,
        metrics,
        comparisons=[asdict(c) for c in comparisons],
        model=str(saved),
        tuned=run.manifest["tuned"],
    )
    render.save_summary(run.path, document)
    run.finish(
        f"# {settings.model} tuned on {settings.data}\n\nWeights: model/. Figures: metrics.jsonl, summary.json.\n"
    )
    if settings.json_output:
        render.print_json(document)
        return document
    out = render.console()
    if before and after:
        out.print(
            render.metrics_table(
                f"{settings.model} tuned on {settings.data}", {"before": before.metrics, "after": after.metrics}
            )
        )
        out.print(render.comparison_table("the same prompts, before → after", comparisons))
        out.print(render.BLIND_SPOTS, style="dim")
    out.print(f"model: {saved}\nrun: {run.path}", markup=False)
    return document
