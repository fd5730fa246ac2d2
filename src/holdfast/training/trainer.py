"""Training on TRL's SFTTrainer, with the five moments at which a defence may act.

    train(loaded, rows, TrainSettings(epochs=5, lr=5e-5, batch_size=10, seed=1))

The loss is TRL's own unless a defence asks for another; then it is computed here from plain logits, since TRL's fused
head has none to give.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import TrainerCallback, set_seed

from holdfast.core.contracts import Defence, DefenceContext
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.progress import ShowLoss
from holdfast.core.records import Row, digest
from holdfast.models.chat import IGNORE, encode_row
from holdfast.models.internals import lora_targets, unpack_for_training
from holdfast.models.load import LoadedModel, has_fast_bfloat16
from holdfast.models.load_check import check_numbers
from holdfast.training.defences import Resumable, defended_rows, prepare_defences

MAX_GRADIENT_NORM = 1.0  # the trainer's own default


@dataclass(frozen=True)
class LoraSettings:
    """A LoRA adapter; alpha is the scale, rank the size. `target_modules` None lets PEFT choose by architecture."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    target_modules: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TrainSettings:
    """What decides a tuning run beside its rows. The defaults are those of Qi et al. for explicit examples."""

    epochs: float = 5.0
    lr: float = 5e-5
    batch_size: int = 10
    seed: int = 0
    gradient_accumulation: int = 1
    weight_decay: float = 0.0
    warmup_share: float = 0.05
    schedule: str = "linear"
    max_length: int = 1024
    lora: LoraSettings | None = None
    save_steps: int = 0  # 0: no checkpoints
    precision: str = "auto"  # of the arithmetic: float32, or auto: bfloat16 autocast where that is fast

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


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


class _Progress(TrainerCallback):  # type: ignore[misc]
    def __init__(self, show: ShowLoss | None) -> None:
        self.show, self.loss = show, float("nan")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        self.loss = (logs or {}).get("loss", self.loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.show:
            self.show(state.global_step, state.max_steps, self.loss)


class _Gradients(TrainerCallback):  # type: ignore[misc]
    """The moment `gradients`, and the clipping after it: a defence's term is clipped together with the loss's own."""

    def __init__(self, defences: Sequence[Defence]) -> None:
        self.defences = defences

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        for defence in self.defences:
            defence.gradients(model)
        if self.defences:
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)


class _States(TrainerCallback):  # type: ignore[misc]
    """Keeps the state of defences that have one beside the checkpoints, and gives it back when a run is resumed.

    It is written before its checkpoint, so no checkpoint lacks it; the last two are kept.
    """

    def __init__(self, defences: Sequence[Defence], folder: Path) -> None:
        self.defences, self.folder = [d for d in defences if isinstance(d, Resumable)], folder

    def place(self, step: int, index: int) -> Path:
        return self.folder / f"defence-{step}-{index}.safetensors"

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        from safetensors.torch import load_file

        for index, defence in enumerate(self.defences if state.global_step else ()):
            defence.restore(load_file(self.place(state.global_step, index)))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        from safetensors.torch import save_file

        if not (self.defences and control.should_save):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for index, defence in enumerate(self.defences):
            path = self.place(state.global_step, index)
            tensors = {name: tensor.contiguous() for name, tensor in defence.state().items()}
            save_file(tensors, path.with_suffix(".partial"))
            path.with_suffix(".partial").replace(path)
            kept = sorted(self.folder.glob(f"defence-*-{index}.safetensors"), key=lambda p: int(p.stem.split("-")[1]))
            for old in kept[:-2]:
                old.unlink()


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

        def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
            batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
            for swap in self.swaps if batches else ():
                batches = swap(batches)
                items = self._get_num_items_in_batch(batches, device)
            return batches, items

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if not self.losses:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            labels = inputs["labels"]
            outputs = model(**{key: value for key, value in inputs.items() if key != "labels"}, use_cache=False)
            loss = plain_loss(outputs, labels, num_items_in_batch)
            for defence in self.losses:
                loss = defence.loss(loss, model, inputs, outputs, num_items_in_batch)
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


def _sft_config(settings: TrainSettings, steps: int, folder: Path, loaded: LoadedModel, clipped: bool) -> Any:
    """The trainer's settings; not `clipped` when the defences' moment clips the gradients itself."""
    from trl.trainer.sft_config import SFTConfig

    with_checkpoints = settings.save_steps > 0
    device = loaded.device
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        learning_rate=settings.lr,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
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
        gradient_checkpointing=False,
        bf16=mixed_precision(loaded, settings),
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        save_strategy="steps" if with_checkpoints else "no",
        save_steps=settings.save_steps or 500,
        save_total_limit=1 if with_checkpoints else None,
        logging_steps=max(1, steps // 50),
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )


def encode_rows(loaded: LoadedModel, rows: Sequence[Row], max_length: int) -> Any:
    """The training set, tokenized; rows whose answer lies beyond max_length are left out.

    Raises ModelError when none is left.
    """
    import datasets

    encoded = [encode_row(loaded.tokenizer, row, max_length) for row in rows]
    kept = [example for example in encoded if any(label != IGNORE for label in example.labels)]
    if not kept:
        raise ModelError(f"no row has an answer within {max_length} tokens", "raise --max-length")
    return datasets.Dataset.from_dict({"input_ids": [e.input_ids for e in kept], "labels": [e.labels for e in kept]})


def attach_lora(model: Any, lora: LoraSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules) if lora.target_modules else lora_targets(model),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        hint = "name the layers to adapt: --lora-target q_proj,v_proj"
        raise UsageError(f"LoRA does not know where to go in {type(model).__name__}: {error}", hint) from error


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
    rows = defended_rows(rows, defences)
    with quiet(), own_router_settings(loaded.model), own_forward(loaded):
        set_seed(settings.seed)
        data = encode_rows(loaded, rows, settings.max_length)
        unpack_for_training(loaded.model)
        if settings.lora:
            loaded.model = attach_lora(loaded.model, settings.lora)
        trainer = make_trainer(loaded, data, settings, folder, defences, show)
        for defence in defences:
            defence.begin(loaded.model, trainer)
        checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        resume = str(checkpoints[-1]) if settings.save_steps and checkpoints else None
        result = trainer.train(resume_from_checkpoint=resume)
        for defence in defences:
            defence.end(loaded.model)
    loaded.model.eval()
    check_numbers(loaded.name, loaded.model, "the training diverged: lower --lr, or clip the gradients")
    loaded.fingerprint = key
    return {
        "rows": len(data),
        "rows_left_out": len(rows) - len(data),  # no answer within max_length
        "steps": trainer.state.global_step,
        "loss": result.training_loss,
        "resumed_from": resume,
        "fingerprint": key,
        **({"defences": [describe_defence(defence) for defence in defences]} if defences else {}),
    }


def make_trainer(
    loaded: LoadedModel,
    data: Any,
    settings: TrainSettings,
    folder: Path,
    defences: Sequence[Defence],
    show: ShowLoss | None,
) -> Any:
    """The trainer of a run, with every moment of its defences but `begin` and `end` in place."""
    per_step = settings.batch_size * settings.gradient_accumulation
    steps = max(1, int(-(-len(data) // per_step) * settings.epochs))
    trainer = trainer_class()(
        model=loaded.model,
        args=_sft_config(settings, steps, folder, loaded, clipped=not defences),
        train_dataset=data,
        processing_class=loaded.tokenizer,
        callbacks=[_Progress(show), _Gradients(defences), _States(defences, folder)],
    )
    trainer.losses = [defence for defence in defences if _overrides_loss(defence)]
    trainer.swaps, trainer.row_tokens = [], settings.max_length
    return trainer


def describe_defence(defence: Defence) -> dict[str, Any]:
    """What a run records of a defence: all that whoever serves the model must know."""
    return {
        "spec": defence.spec,
        **({"test_system": defence.test_system} if defence.test_system is not None else {}),
        **({"notes": notes} if (notes := list(defence.notes)) else {}),
    }
