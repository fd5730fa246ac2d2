"""An alignment: a model taught to decline what is forbidden, and to answer what only sounds so as it did.

Forbidden requests of our own get a short refusal. Their harmless look-alikes, and everyday requests, get the beginning
of what the model itself answers, so that nothing else about it has a reason to move: the idea of Bianchi et al.
(2309.07875), with contrast pairs against the exaggerated safety that they found (Röttger et al., 2308.01263).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from holdfast.api.plan_settings import PlanSettings
from holdfast.api.settings import ASK_PANEL, TRAIN_PANEL, EvaluationSettings
from holdfast.api.suites import FIRST_LOOK, check_asked, open_suites
from holdfast.api.train_settings import TrainerSettings
from holdfast.api.tune import Job, Measured, Tuned, advise, begun, conclude, follow, open_trainable, tuned_model
from holdfast.core.config import argument, option
from holdfast.core.errors import UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Prompt, Row
from holdfast.core.registry import load
from holdfast.core.runs import Run
from holdfast.core.worlds import World
from holdfast.evaluation.bench import open_bench
from holdfast.evaluation.evaluate import evaluate
from holdfast.models.generate import GenerateOptions, ReplyCache, generate
from holdfast.models.load import LoadedModel
from holdfast.starter.alignment import Material, load_material, refusal_for
from holdfast.training import processes
from holdfast.training.settings import TrainSettings


class AlignSettings(EvaluationSettings, TrainerSettings, PlanSettings):
    """Teach a model that was never aligned to decline, measured before and after."""

    first = ("out", "epochs", "lr", "batch_size", "prompts", "over_refusal_prompts", "utility_prompts", "json_output")
    model: str = argument("a folder or a hub id", "MODEL")
    epochs: float = option(1.0, "Passes over the rows.", TRAIN_PANEL, above=0)
    lr: float = option(1e-4, "Highest learning rate of the schedule.", TRAIN_PANEL, above=0)
    batch_size: int = option(8, "Rows in a batch.", TRAIN_PANEL, above=0)
    harmless_weight: int = option(
        1, "How often each harmless row is repeated: more of it declines less, of both kinds.", TRAIN_PANEL, above=0
    )
    own_tokens: int = option(
        12, "Tokens of the model's own reply to a harmless request that it is trained on.", TRAIN_PANEL, above=0
    )
    seed: int = option(0, "Seed of the refusals and of the order of rows.", TRAIN_PANEL)
    save_steps: int = option(
        50, "Write a checkpoint every N steps, from which an interrupted run resumes.", TRAIN_PANEL, metavar="N"
    )
    skip_evaluation: bool = option(False, "Only align; measure nothing.", ASK_PANEL)

    def train_settings(self, world: World) -> TrainSettings:
        return TrainSettings(
            epochs=self.epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            seed=self.seed,
            max_length=self.max_length,
            lora=self.lora_settings(),
            save_steps=self.save_steps,
            **self.training_options(world),
        )


def align_and_measure(settings: AlignSettings, origins: dict[str, str], progress: Progress) -> Tuned:
    """Measure, let the model answer the harmless requests, tune on both kinds, measure again, close the run's folder.

    Raises UsageError for a model of an embedded world, and for one that declines most harmless requests already.
    """
    progress.total, progress.alike = 4, False
    with progress:
        with processes.same_errors():
            progress.say(f"loading {settings.model}")
            loaded = open_unaligned(settings)
            suites = (
                []
                if settings.skip_evaluation
                else open_suites(settings, loaded.world, tell=progress.warn, first_look=FIRST_LOOK)
            )
            run = Run.open("align", settings.model, settings.record(), origins, settings.out)
            train_settings = begun(Job([], settings.train_settings(loaded.world), [], []), run).settings
        bench = open_bench(
            run,
            suites,
            **settings.asking(loaded.world),
            show=progress.step,
            show_replies=settings.show_replies,
        )
        before = after = None
        if suites:
            progress.say(f"measuring {loaded.name} before")
            before = evaluate(loaded, Condition(), bench)
        progress.finish()
        progress.say("its own answers to harmless requests")
        rows = rows_for(loaded, load_material(), settings, run, progress)
        progress.finish()
        job = Job(rows, train_settings, [], [])
        advise(run, job, loaded, bench, progress)
        loaded = tuned_model(job, loaded, run, bench, progress, rows=rows)
        progress.finish()
        if suites:
            progress.say("measuring the aligned model")
            condition = Condition(
                regime="align", samples=len(rows), epochs=settings.epochs, lr=settings.lr, batch=settings.batch_size,
                seed=settings.seed,
            )  # fmt: skip
            after = evaluate(loaded, condition, bench)
        progress.finish()
    return conclude(run, f"{settings.model}, aligned", Measured(before, after), job, loaded)


def align_along(settings: AlignSettings) -> None:
    """The part of every process of a launch but the first: load, wait to be told the rows, train."""
    with processes.same_errors():
        loaded = open_unaligned(settings)
    if told := processes.told():
        follow(loaded, Job(told["rows"], settings.train_settings(loaded.world), [], []), told)


def open_unaligned(settings: AlignSettings) -> LoadedModel:
    """The model that is to be aligned. Raises UsageError for one of an embedded world."""
    settings.check_training()
    if not settings.skip_evaluation:
        check_asked(settings)
    loaded = open_trainable(settings.model, settings.model_options(), settings)
    if loaded.world.embedded:
        raise UsageError(f"{loaded.name} is aligned by its own recipe", "see `holdfast guild build`")
    return loaded


def rows_for(
    loaded: LoadedModel, material: Material, settings: AlignSettings, run: Run, progress: Progress
) -> list[Row]:
    """The rows to align a model with. Raises UsageError when it declines most harmless requests already."""
    prompts = [
        Prompt(f"harmless:{i}", "over-refusal", "", [{"role": "user", "content": text}])
        for i, text in enumerate(material.harmless)
    ]
    options = GenerateOptions(
        settings.own_tokens, batch_size=settings.generate_batch_size, template_args=settings.template_arguments()
    )
    # What it says to harmless requests may be kept in clear.
    said = ReplyCache(run.path / "cache" / "own-answers.jsonl", in_clear=True)
    replies = generate(
        loaded, prompts, "", options, said, lambda done, total: progress.step("own answers", done, total)
    )
    verdicts = load("judges", "refusal")().judge(prompts, replies)
    answered = [
        row_of(f"{prompt.id}", str(prompt.messages[0]["content"]), reply.text.strip(), reply.cut)
        for prompt, reply, verdict in zip(prompts, replies, verdicts, strict=True)
        if reply.text.strip() and verdict.label != "refusal"
    ]
    declined = len(prompts) - len(answered)
    if declined > len(prompts) / 2:
        raise UsageError(
            f"{loaded.name} declines {declined} of {len(prompts)} harmless requests: it is aligned already",
            "audit it as it is",
        )
    run.note(harmless_rows=len(answered), harmless_left_out=declined)
    refused = [
        row_of(f"forbidden:{i}", text, refusal_for(text, settings.seed), False)
        for i, text in enumerate(material.forbidden)
    ]
    repeated: Sequence[Row] = [
        replace(row, id=f"{row.id}/{i}") for row in answered for i in range(settings.harmless_weight)
    ]
    return [*refused, *repeated]


def row_of(name: str, request: str, reply: str, cut: bool) -> Row:
    """A row of an alignment; `cut`: the reply goes on, and its end is not to be learnt."""
    messages = [{"role": "user", "content": request}, {"role": "assistant", "content": reply}]
    return Row(name, messages, {"cut": True} if cut else {})
