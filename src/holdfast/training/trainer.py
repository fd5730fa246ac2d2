"""Training on TRL's SFTTrainer, with the five moments at which a defence may act.

    train(loaded, rows, TrainSettings(epochs=5, lr=5e-5, batch_size=10, seed=1))

The loss is TRL's own unless a defence asks for another; then it is computed here from plain logits, since TRL's fused
head has none to give.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.data_loader import SeedableRandomSampler
from torch.nn import functional
from transformers import EarlyStoppingCallback, set_seed

from holdfast.core.contracts import Defence, DefenceContext
from holdfast.core.progress import ShowLoss
from holdfast.core.records import Row, digest
from holdfast.models.chat import IGNORE
from holdfast.models.internals import unpack_for_training
from holdfast.models.load import LoadedModel, has_fast_bfloat16
from holdfast.models.load_check import check_numbers
from holdfast.training import processes
from holdfast.training.batching import GroupedByLength, SharedOut, padding
from holdfast.training.callbacks import MAX_GRADIENT_NORM, GradientsCallback, ProgressCallback, StatesCallback
from holdfast.training.defences import defended_rows, prepare_defences
from holdfast.training.encoded import encode_rows, hold_out, with_filler
from holdfast.training.lora import attach_lora
from holdfast.training.settings import TrainSettings

EVALUATIONS = 10  # of a run whose rows are held out, where --eval-steps says nothing


def training_key(
    loaded: LoadedModel,
    rows: Sequence[Row],
    settings: TrainSettings,
    defences: Sequence[str] = (),
    safety_rows: Sequence[Row] = (),
) -> str:
    """The fingerprint of the model that a training run makes, known before it runs.

    `defences` are their specs; the safety rows count only beside them.
    """
    made_of = {
        "base": loaded.fingerprint,
        "rows": [[row.messages, row.meta["tools"]] if row.meta.get("tools") else row.messages for row in rows],
        "settings": settings.to_dict(),
        "defences": list(defences),
        "template": loaded.tokenizer.chat_template,
    }
    if cut := [i for i, row in enumerate(rows) if row.meta.get("cut")]:
        made_of["cut"] = cut
    if defences and safety_rows:
        made_of["safety_rows"] = digest([row.messages for row in safety_rows])
    return digest(made_of)


def defence_context(loaded: LoadedModel, settings: TrainSettings, safety_rows: Sequence[Row] = ()) -> DefenceContext:
    """What a defence may draw on when this model is trained so."""
    return DefenceContext(loaded.world, tuple(safety_rows), loaded.tokenizer, settings.seed)


def plain_loss(outputs: Any, labels: torch.Tensor, num_items: Any) -> torch.Tensor:
    """Token-wise cross-entropy from logits, summed and divided by the tokens of the whole accumulated batch."""
    logits = outputs.logits[:, :-1].float()
    total = functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE, reduction="sum"
    )
    count = num_items if num_items is not None else (labels[:, 1:] != IGNORE).sum()
    return total / torch.as_tensor(count, device=total.device).clamp(min=1)


def trainer_class() -> Any:
    """SFTTrainer with the loss moment; built late, since importing TRL takes seconds."""
    from trl.trainer.sft_trainer import SFTTrainer

    class MomentsTrainer(SFTTrainer):  # type: ignore[misc]
        losses: Sequence[Defence] = ()
        row_tokens: int | None = None  # where a row that a defence encodes is cut, as the training rows are
        # A defence adds to these, in `begin`, what puts other micro-batches in the place of a step's own.
        swaps: list[Callable[[list[Any]], list[Any]]]
        order: Any = None  # the sampler of the rows, where it is not the trainer's own
        lengths: Sequence[int] = ()  # tokens of the training rows

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return self.order or super()._get_train_sampler(train_dataset)

        def step_sizes(self, batches: list[Any]) -> list[list[int]]:
            """Rows of each batch of a step, process by process; a row without anything to learn fills up, no more."""
            own = torch.tensor([int((batch["labels"] != IGNORE).any(1).sum()) for batch in batches])
            if processes.count() == 1:
                return own[:, None].tolist()  # type: ignore[no-any-return]
            every = self.accelerator.gather(own.to(self.args.device)[None])
            return every.T.tolist()  # type: ignore[no-any-return]

        def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
            batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
            for swap in self.swaps if batches else ():
                batches = swap(batches)
                items = self._get_num_items_in_batch(batches, device)
            return batches, items

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if not self.losses or not model.training:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            labels = inputs["labels"]
            outputs = model(**{key: value for key, value in inputs.items() if key != "labels"}, use_cache=False)
            loss = plain_loss(outputs, labels, num_items_in_batch)
            for defence in self.losses:
                loss = defence.loss(loss, model, inputs, outputs, num_items_in_batch)
            if num_items_in_batch is not None:
                # They are counted over all processes, and the gradients are averaged over these.
                loss = loss * self.accelerator.num_processes
            return (loss, outputs) if return_outputs else loss

    return MomentsTrainer


def _overrides_loss(defence: Defence) -> bool:
    # A defence that is set to do nothing leaves TRL's own loss, so that it does nothing to the last bit.
    return type(defence).loss is not Defence.loss and not defence.idle


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' own bars, warnings and prints out of our output."""
    import datasets

    datasets.disable_progress_bars()
    before = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def mixed_precision(loaded: LoadedModel, settings: TrainSettings) -> bool:
    """Whether to train in bfloat16 autocast: where it is fast, unless the settings or the model's world say float32."""
    if "float32" in (settings.precision, loaded.world.default("precision", "")) or loaded.model.dtype != torch.float32:
        return False
    return loaded.device.type == "cuda" or (loaded.device.type == "cpu" and has_fast_bfloat16())


def _sft_config(
    settings: TrainSettings, steps: int, folder: Path, loaded: LoadedModel, clipped: bool, evaluates: bool
) -> Any:
    """The trainer's settings; not `clipped` when the defences' moment clips the gradients itself."""
    from trl.trainer.sft_config import SFTConfig

    eval_steps = settings.eval_steps or max(1, steps // EVALUATIONS)
    goes_back = evaluates and settings.patience > 0  # to the best checkpoint, so each evaluation writes one
    save_steps = eval_steps if goes_back else settings.save_steps
    device = loaded.device
    batch_size, accumulation = settings.spread(processes.count())
    config = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        learning_rate=settings.lr,
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
        weight_decay=settings.weight_decay,
        max_grad_norm=MAX_GRADIENT_NORM if clipped else 0.0,
        warmup_steps=int(steps * settings.warmup_share),
        lr_scheduler_type=settings.schedule,
        seed=settings.seed,
        data_seed=settings.seed,
        max_length=None,  # rows are cut where they are encoded
        packing=False,
        loss_type="nll",
        use_liger_kernel=False,
        gradient_checkpointing=settings.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if settings.gradient_checkpointing else None,
        bf16=mixed_precision(loaded, settings),
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        save_strategy="steps" if save_steps else "no",
        save_steps=save_steps or 500,
        save_total_limit=1 if save_steps else None,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=eval_steps,
        prediction_loss_only=True,
        load_best_model_at_end=goes_back,
        metric_for_best_model="eval_loss" if goes_back else None,
        greater_is_better=False if goes_back else None,
        logging_steps=max(1, steps // 50),
        report_to=list(settings.report_to) or "none",
        disable_tqdm=True,
        remove_unused_columns=False,
        ddp_timeout=int(processes.PATIENCE.total_seconds()),
    )
    # A process has one GPU: the trainer would spread the batches of a plain launch over all that it sees, by threads.
    config._n_gpu = min(1, config.n_gpu)
    return config


@contextlib.contextmanager
def own_router_settings(model: Any) -> Iterator[None]:
    """Give a mixture of experts its own config back: TRL turns router logits on, which breaks padded generation."""
    config = model.config.get_text_config()
    names = [name for name in ("output_router_logits", "router_aux_loss_coef") if hasattr(config, name)]
    before = {name: getattr(config, name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)


@contextlib.contextmanager
def own_forward(loaded: LoadedModel) -> Iterator[None]:
    """Remove TRL's replacement of a model's forward: with it, a copy of the model would use the first one's weights."""
    before = {id(module) for module in loaded.model.modules() if "forward" in vars(module)}
    try:
        yield
    finally:
        for module in loaded.model.modules():  # after training it may be another object, with an adapter around it
            if "forward" in vars(module) and id(module) not in before:
                del module.forward


def train(
    loaded: LoadedModel,
    rows: Sequence[Row],
    settings: TrainSettings,
    folder: Path,
    defences: Sequence[Defence] = (),
    show: ShowLoss | None = None,
    safety_rows: Sequence[Row] = (),
) -> dict[str, Any]:
    """Tune the loaded model in place; returns what happened (steps, loss, tokens).

    `safety_rows` are what the defences may draw on. With `save_steps` it writes checkpoints into `folder` and resumes
    from the last one there. Raises UsageError, before the first step, for what a defence misses, and ModelError for a
    training that ended in NaN.
    """
    prepare_defences(defences, defence_context(loaded, settings, safety_rows), settings.lora is not None)
    key = training_key(loaded, rows, settings, [defence.spec for defence in defences], safety_rows)
    rows, held = hold_out(rows, settings.eval_share) if settings.eval_share else (rows, [])
    rows = defended_rows(rows, defences)
    with quiet(), own_router_settings(loaded.model), own_forward(loaded):
        set_seed(settings.seed)
        data = encode_rows(loaded, rows, settings.max_length, settings.loss_on)
        sets = {"train": data}
        if held:
            sets["eval"] = encode_rows(loaded, held, settings.max_length, settings.loss_on)
        unpack_for_training(loaded.model)
        if settings.lora:
            loaded.model = attach_lora(loaded.model, settings.lora)
        trainer = make_trainer(loaded, sets, settings, folder, defences, show)
        for defence in defences:
            defence.begin(loaded.model, trainer)
        resume = processes.told(last_checkpoint(folder) if trainer.args.save_strategy != "no" else None)
        result = trainer.train(resume_from_checkpoint=resume)
        for defence in defences:
            defence.end(loaded.model)
    loaded.model.eval()
    check_numbers(loaded.name, loaded.model, "the training diverged: lower --lr, or clip the gradients")
    loaded.fingerprint = key
    return {
        "rows": len(trainer.lengths),
        "rows_left_out": len(rows) - len(trainer.lengths),  # no answer within max_length
        "steps": trainer.state.global_step,
        "loss": result.training_loss,
        **tokens_of(trainer, settings),
        **({"processes": processes.count()} if processes.count() > 1 else {}),
        **({"eval": eval_losses(trainer), "eval_rows": len(held)} if held else {}),
        "resumed_from": resume,
        "fingerprint": key,
        **({"defences": [describe_defence(defence) for defence in defences]} if defences else {}),
    }


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end, of a run that may have been killed while it wrote one."""
    # The trainer writes this file last.
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if is_json(path)]
    return str(max(whole, key=lambda path: int(path.name.split("-")[1]))) if whole else None


def is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True


def make_trainer(
    loaded: LoadedModel,
    sets: Mapping[str, Any],
    settings: TrainSettings,
    folder: Path,
    defences: Sequence[Defence],
    show: ShowLoss | None,
) -> Any:
    """The trainer of a run, with every moment of its defences but `begin` and `end` in place.

    sets: the encoded rows to `train` on and, where some are held out, to `eval`uate.
    """
    data, eval_data, several = sets["train"], sets.get("eval"), processes.count()
    lengths = [len(ids) for ids in data["input_ids"]]
    steps = settings.steps(len(data))
    if several > 1:
        data = with_filler(data)
    trainer = trainer_class()(
        model=loaded.model,
        args=_sft_config(settings, steps, folder, loaded, not defences, eval_data is not None),
        train_dataset=data,
        eval_dataset=eval_data,
        processing_class=loaded.tokenizer,
        callbacks=[ProgressCallback(show), GradientsCallback(defences), StatesCallback(defences, folder)],
    )
    processes.check_count(trainer.accelerator.num_processes)
    if eval_data is not None and settings.patience:
        trainer.add_callback(EarlyStoppingCallback(settings.patience))
    trainer.lengths = lengths
    if settings.batching == "grouped":
        trainer.order = GroupedByLength(lengths, settings.step_rows, settings.seed)
    if several > 1:
        order = trainer.order or SeedableRandomSampler(range(len(lengths)), data_seed=settings.seed)
        trainer.order = SharedOut(order, trainer.args.per_device_train_batch_size, several, filler=len(lengths))
    trainer.losses = [defence for defence in defences if _overrides_loss(defence)]
    trainer.swaps, trainer.row_tokens = [], settings.max_length
    return trainer


def tokens_of(trainer: Any, settings: TrainSettings) -> dict[str, Any]:
    """Tokens of an epoch, and how many times as many were computed with padding."""
    lengths = trainer.lengths
    order: Any = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(0)).tolist()
    if settings.batching == "grouped":
        order = GroupedByLength(lengths, settings.step_rows, settings.seed)
    return {"tokens": sum(lengths), "padding": round(padding(lengths, order, settings.batch_size), 3)}


def eval_losses(trainer: Any) -> list[dict[str, Any]]:
    """The loss on the rows held out, by step."""
    return [{"step": one["step"], "loss": one["eval_loss"]} for one in trainer.state.log_history if "eval_loss" in one]


def describe_defence(defence: Defence) -> dict[str, Any]:
    """What a run records of a defence: all that whoever serves the model must know."""
    return {
        "spec": defence.spec,
        **({"test_system": defence.test_system} if defence.test_system is not None else {}),
        **({"notes": notes} if (notes := list(defence.notes)) else {}),
    }
