"""Fine-tuning, measured before and after on the same prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from holdfast.api.plan_settings import PlanSettings
from holdfast.api.settings import (
    ASK_PANEL,
    TRAIN_PANEL,
    DefenceSettings,
    EvaluationSettings,
    UtilitySettings,
)
from holdfast.api.suites import FIRST_LOOK, check_asked, check_models, open_suites
from holdfast.api.train_settings import TrainerSettings
from holdfast.core.config import argument, option
from holdfast.core.contracts import Defence
from holdfast.core.errors import UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Row
from holdfast.core.runs import Run
from holdfast.core.worlds import World
from holdfast.data.rows import read_rows
from holdfast.evaluation.asking import all_cached
from holdfast.evaluation.bench import Bench, Evaluation, compare_evaluations, open_bench
from holdfast.evaluation.evaluate import evaluate
from holdfast.evaluation.lm_eval import LmEval, anchored, figures_known
from holdfast.guild import rows as guild_rows
from holdfast.models.chat import rows_without_their_tools
from holdfast.models.load import LoadedModel, ModelOptions, load_model
from holdfast.models.quantised import refuse_tuning
from holdfast.reporting import terminal
from holdfast.scanning.summary import one_line, summary_of_rows
from holdfast.stats.comparison import Comparison
from holdfast.text.safe import for_terminal
from holdfast.training import processes
from holdfast.training.advice import advice
from holdfast.training.defences import defended_condition, defended_rows, make_defences, served_by
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import defence_context, describe_defence, train, training_key

PADDED = 1.25  # times the tokens of the rows: from here on grouping is worth a word


class TuneSettings(UtilitySettings, EvaluationSettings, TrainerSettings, DefenceSettings, PlanSettings):
    """Fine-tune a model on a dataset, measured before and after."""

    first = ("epochs", "lr", "batch_size", "samples", "lora", "defence", "safety_rows", "prompts", "utility_prompts",
             "judge", "out", "json_output")  # fmt: skip
    model: str = argument("guild, a folder, a GGUF file, a hub id, or a name of `holdfast models`", "MODEL")
    data: str = argument("a file, a save_to_disk folder or a hub id; a kind of `holdfast guild rows` for guild", "DATA")
    data_split: str | None = option(
        None, "The split of a hub id or a folder, or the list inside a JSON object. Default: train.", TRAIN_PANEL
    )
    samples: int | None = option(None, "Only the first N rows.", TRAIN_PANEL, metavar="N", above=0)
    epochs: float = option(1.0, "Passes over the rows.", TRAIN_PANEL, above=0)
    lr: float = option(2e-5, "Highest learning rate of the schedule.", TRAIN_PANEL, above=0)
    batch_size: int = option(16, "Rows in a batch.", TRAIN_PANEL, above=0)
    gradient_accumulation: int = option(1, "Batches accumulated for one optimiser step.", TRAIN_PANEL, above=0)
    weight_decay: float = option(0.0, "Weight decay.", TRAIN_PANEL)
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = option(
        "linear", "Learning-rate schedule.", TRAIN_PANEL
    )
    seed: int = option(0, "Seed of the order of rows and of dropout.", TRAIN_PANEL)
    save_steps: int = option(
        200, "Write a checkpoint every N steps, from which an interrupted run resumes.", TRAIN_PANEL, metavar="N"
    )
    skip_evaluation: bool = option(False, "Only tune; measure nothing.", ASK_PANEL)
    no_scan: bool = option(False, "Do not scan the rows before tuning on them.", TRAIN_PANEL)

    @property
    def title(self) -> str:
        return f"{self.model} tuned on {self.data}"

    @property
    def of_guild(self) -> bool:
        """Whether DATA names a kind of the guild's own rows."""
        return self.data in guild_rows.KINDS and not Path(self.data).exists()

    def open_rows(self, notes: list[str] | None = None) -> list[Row]:
        """The rows to train on; `notes` receives how they were read."""
        if self.of_guild:
            return guild_rows.rows(self.data, self.samples, self.seed)
        return read_rows(self.data, self.data_split, self.samples, notes)

    def train_settings(self, world: World) -> TrainSettings:
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
            **self.training_options(world),
        )


@dataclass(frozen=True)
class Measured:
    """The evaluations of a run; `served` is the tuned model under the system prompt that a defence sets."""

    before: Evaluation | None = None
    after: Evaluation | None = None
    served: Evaluation | None = None

    def named(self) -> dict[str, Evaluation]:
        """Those there are, by the title of their column."""
        found = {"before": self.before, "after": self.after}
        if self.served:
            found[f"after, served with {self.served.condition.test_template}"] = self.served
        return {name: evaluation for name, evaluation in found.items() if evaluation}


@dataclass(frozen=True)
class Tuned:
    """A finished tuning: the run, the model in memory, its evaluations, and the one document."""

    run: Run
    model: LoadedModel
    measured: Measured
    pairs: Sequence[tuple[Evaluation, list[Comparison]]]
    serving: Defence | None
    document: dict[str, Any]


def train_and_measure(settings: TuneSettings, origins: dict[str, str], progress: Progress, keep: bool = True) -> Tuned:
    """Scan the rows, measure, tune, measure again, close the run's folder; `keep`: write weights and checkpoints.

    Of a launch of several processes this is the first one's part; the others' is `train_along`.
    """
    anchor = settings.lm_eval()
    progress.total, progress.alike = 3, False
    with progress:
        with processes.same_errors():
            read: list[str] = []
            rows = open_rows(settings, read)
            scanned = None if settings.no_scan else scan_first(rows, progress)
            for line in read:
                progress.say(for_terminal(line, 400))
            progress.say(f"loading {settings.model}")
            loaded, job = open_job(settings, rows, keep)
            suites = (
                []
                if settings.skip_evaluation
                else open_suites(settings, loaded.world, tell=progress.warn, first_look=FIRST_LOOK)
            )
            run = Run.open("tune", settings.model, settings.record(), origins, settings.out)
            run.note(**({"read": read} if read else {}), **({"scan": scanned} if scanned else {}))
            job = begun(job, run)
        bench = open_bench(
            run,
            suites,
            **settings.asking(loaded.world),
            show=progress.step,
            show_replies=settings.show_replies,
        )
        advise(run, job, loaded, bench, progress)
        template = "custom" if settings.system else "none"
        before = None
        if suites:
            progress.say(f"measuring {loaded.name} before")
            before = anchored(evaluate(loaded, Condition(test_template=template), bench), loaded, anchor, run)
        progress.finish()
        loaded = tuned_model(job, loaded, run, bench, progress, anchor)
        progress.finish()
        after = served = None
        if suites:
            progress.say("measuring the tuned model")
            condition = condition_of(settings, job)
            after = anchored(evaluate(loaded, condition, bench), loaded, anchor, run)
            if serving := served_by(job.defences):
                under = replace(condition, test_template=serving.name)
                served = evaluate(loaded, under, bench_under(bench, str(serving.test_system)))
        progress.finish()
    return conclude(run, settings.title, Measured(before, after, served), job, loaded)


def train_along(settings: TuneSettings) -> None:
    """The part of every process but the first: load, wait to be told what was decided, train."""
    with processes.same_errors():
        loaded, job = open_job(settings, open_rows(settings), True)
    if told := processes.told():
        follow(loaded, job, told)


def follow(loaded: LoadedModel, job: Job, told: dict[str, Any]) -> None:
    """Train as the first process says; what comes of it, that one writes."""
    settings = replace(job.settings, processes=told["processes"])
    train(loaded, job.rows, settings, Path(told["folder"]), job.defences, safety_rows=job.safety_rows)


def open_rows(settings: TuneSettings, read: list[str] | None = None) -> list[Row]:
    """What can be known before anything is loaded, checked; then the rows to train on."""
    settings.check_defences()
    settings.check_training()
    if not settings.skip_evaluation:
        check_asked(settings)
    check_models([settings.model])
    return settings.open_rows(read)


def open_job(settings: TuneSettings, rows: list[Row], keep: bool) -> tuple[LoadedModel, Job]:
    """The model, and what it is trained on. Raises UsageError for rows or an adapter that do not go with it."""
    loaded = open_trainable(settings.model, settings.model_options(), settings)
    if loaded.adapter_of and not settings.lora:
        raise UsageError(f"`{settings.model}` is an adapter", "tune its base with --lora, or merge it first")
    if settings.of_guild and not loaded.world.embedded:
        raise UsageError(f"`{settings.data}` are rows of the embedded model's world", "name a file of your own")
    return loaded, prepare(settings, loaded, rows, keep)


def begun(job: Job, run: Run) -> Job:
    """The job of a run that may have been begun with another number of processes, whose steps it keeps.

    Raises UsageError where the processes of this launch cannot share those steps evenly.
    """
    if "processes" not in run.manifest:
        run.note(processes=1 if run.resumed else processes.count())
    settings = replace(job.settings, processes=run.manifest["processes"])
    settings.spread(processes.count())
    return replace(job, settings=settings)


def open_trainable(reference: str, options: ModelOptions, settings: TrainerSettings) -> LoadedModel:
    """The model that will be trained, packed if that is asked.

    Raises ModelError for one that cannot be trained, where its folder tells, before it is loaded.
    """
    refuse_tuning(reference, settings.lora)
    return load_model(reference, replace(options, quantise=settings.quantise))


def scan_first(rows: list[Row], progress: Progress) -> dict[str, Any]:
    """What the scanners that need no model see in the rows, told in a line; `holdfast scan` tells the rest."""
    summary = summary_of_rows(rows)
    tell = progress.say if summary["risk"]["level"] == "low" else progress.warn
    tell(one_line(summary))
    return {key: summary[key] for key in ("rows", "findings", "rows_by_level", "labels", "risk")}


@dataclass(frozen=True)
class Job:
    """What a tuning run trains on, and how."""

    rows: list[Row]
    settings: TrainSettings
    defences: list[Defence]
    safety_rows: list[Row]
    keep: bool = True  # whether weights and checkpoints are written


def prepare(settings: TuneSettings, loaded: LoadedModel, rows: list[Row], keep: bool) -> Job:
    """The defences made and tried on the rows, so that what they miss is known before anything is measured."""
    safety_rows = settings.open_safety_rows(loaded.world, settings.seed)
    train_settings = settings.train_settings(loaded.world)
    train_settings = train_settings if keep else replace(train_settings, save_steps=0)
    context = defence_context(loaded, train_settings, safety_rows)
    defences = make_defences(settings.defence or (), context, settings.lora)
    defended_rows(rows, defences)
    return Job(rows, train_settings, defences, safety_rows, keep)


def advise(run: Run, job: Job, loaded: LoadedModel, bench: Bench, progress: Progress) -> None:
    """Record what is about to be trained, and say what the papers measured at such settings."""
    facts = loaded.describe()
    lines = advice(job.settings, len(job.rows), facts["parameters"], job.defences)
    if left := rows_without_their_tools(loaded.tokenizer, job.rows):
        lines.append(f"the chat template shows no tools: the column `tools` of {left} rows is left out")
    for line in lines:
        progress.warn(line)
    run.note(model=facts, rows=len(job.rows), judge=bench.judge, **({"advice": lines} if lines else {}))
    if job.defences:
        run.note(defences=[describe_defence(defence) for defence in job.defences])


def condition_of(settings: TuneSettings, job: Job) -> Condition:
    template = "custom" if settings.system else "none"
    condition = Condition(
        regime="tune", samples=len(job.rows), epochs=settings.epochs, lr=settings.lr, batch=settings.batch_size,
        seed=settings.seed, train_template=template, test_template=template,
    )  # fmt: skip
    return defended_condition(condition, job.defences)


def bench_under(bench: Bench, system: str) -> Bench:
    """The same bench, every question under a system prompt."""
    return replace(bench, suites=[suite.under(system) for suite in bench.suites])


def tuned_model(
    job: Job,
    loaded: LoadedModel,
    run: Run,
    bench: Bench,
    progress: Progress,
    anchor: LmEval | None = None,
    **more: Any,
) -> LoadedModel:
    """The model, tuned and saved; not tuned again when an interrupted run has done it and all its replies are known.

    more: what the other processes are told beside where checkpoints lie.
    """
    several = f", {processes.count()} processes" if processes.count() > 1 else ""
    progress.say(f"tuning on {len(job.rows)} rows{several}")
    specs = [defence.spec for defence in job.defences]
    key = training_key(loaded, job.rows, job.settings, specs, job.safety_rows)
    serving = served_by(job.defences)
    benches = [bench, *([bench_under(bench, str(serving.test_system))] if serving else [])]
    known = all(all_cached(loaded, key, one) for one in benches) and figures_known(key, anchor, run)
    if run.manifest.get("tuned") and known:
        processes.told(None)
    else:
        processes.told({"folder": str(run.path / "checkpoints"), "processes": job.settings.processes, **more})
        facts = train(
            loaded, job.rows, job.settings, run.path / "checkpoints", job.defences, progress.train, job.safety_rows
        )
        if facts["padding"] > PADDED:
            progress.warn(
                f"{facts['padding']:.2f} times the rows' tokens were computed: --batching grouped needs fewer"
            )
        if facts["rows_left_out"]:
            progress.warn(
                f"{facts['rows_left_out']} rows have no answer within {job.settings.max_length} tokens: left out"
            )
        for note in [note for defence in facts.get("defences", ()) for note in defence.get("notes", ())]:
            progress.warn(note)
        if job.keep:
            save_model(loaded, run.path / "model")
        run.note(tuned=facts, **({"defences": facts["defences"]} if job.defences else {}))
    return replace(loaded, fingerprint=key)


def save_model(loaded: LoadedModel, folder: Path) -> None:
    """Write the tuned weights (or the adapter) with tokenizer, template and generation config."""
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)


def conclude(run: Run, title: str, measured: Measured, job: Job, model: LoadedModel) -> Tuned:
    """Compare, and write the run's summary."""
    before, saved = measured.before, run.path / "model"
    pairs = [(side, compare_evaluations(before, side)) for side in (measured.after, measured.served) if before and side]
    # With one prompt the comparisons stay as they were; with two each says which it is of.
    comparisons = [
        {**c.to_dict(), **({"condition": side.condition.to_dict()} if measured.served else {})}
        for side, found in pairs
        for c in found
    ]
    run.append("comparisons", comparisons)
    document = terminal.json_document(
        run.verb,
        run.path,
        [metric for side in measured.named().values() for metric in side.metrics],
        comparisons=comparisons,
        model=str(saved) if job.keep else None,
        tuned=run.manifest["tuned"],
        **({"read": run.manifest["read"]} if "read" in run.manifest else {}),
    )
    terminal.save_summary(run.path, document)
    serving = served_by(job.defences)
    prompt = f"\nServe it with this system prompt:\n\n{serving.test_system}\n" if serving else ""
    run.finish(f"# {title}\n\nWeights: model/. Figures: metrics.jsonl, summary.json.\n{prompt}")
    return Tuned(run, model, measured, pairs, serving, document)
