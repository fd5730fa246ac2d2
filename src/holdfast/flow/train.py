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

from holdfast.core.contracts import Defence
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.records import Row, digest
from holdfast.flow.chat import IGNORE, encode_row
from holdfast.flow.models import LoadedModel, has_fast_bfloat16

Show = Callable[[int, int, float], None]  # step, steps, loss


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

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def training_key(
    loaded: LoadedModel, rows: Sequence[Row], settings: TrainSettings, defences: Sequence[str] = ()
) -> str:
    """The fingerprint of the model that a training run makes, known before it runs."""
    return digest(
        {
            "base": loaded.fingerprint,
            "rows": [row.messages for row in rows],
            "settings": settings.to_dict(),
            "defences": list(defences),
            "template": loaded.tokenizer.chat_template,
        }
    )


class _Progress(TrainerCallback):  # type: ignore[misc]
    def __init__(self, show: Show | None) -> None:
        self.show, self.loss = show, float("nan")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        self.loss = (logs or {}).get("loss", self.loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.show:
            self.show(state.global_step, state.max_steps, self.loss)


class _Gradients(TrainerCallback):  # type: ignore[misc]
    def __init__(self, defences: Sequence[Defence]) -> None:
        self.defences = defences

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        for defence in self.defences:
            defence.gradients(model)


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
    return type(defence).loss is not Defence.loss


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


def _sft_config(settings: TrainSettings, steps: int, folder: Path, device: torch.device, precision: torch.dtype) -> Any:
    from trl.trainer.sft_config import SFTConfig

    with_checkpoints = settings.save_steps > 0
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        learning_rate=settings.lr,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        weight_decay=settings.weight_decay,
        warmup_steps=int(steps * settings.warmup_share),
        lr_scheduler_type=settings.schedule,
        seed=settings.seed,
        data_seed=settings.seed,
        max_length=None,  # rows are cut where they are encoded
        packing=False,
        loss_type="nll",
        use_liger_kernel=False,
        gradient_checkpointing=False,
        bf16=precision == torch.float32 and (device.type == "cuda" or (device.type == "cpu" and has_fast_bfloat16())),
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
        target_modules=list(lora.target_modules) if lora.target_modules else None,
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


def train(
    loaded: LoadedModel,
    rows: Sequence[Row],
    settings: TrainSettings,
    folder: Path,
    defences: Sequence[Defence] = (),
    show: Show | None = None,
) -> dict[str, Any]:
    """Tune the loaded model in place; returns what happened (steps, loss, tokens).

    With `save_steps` it writes checkpoints into `folder` and takes up the last one it finds there.
    """
    key = training_key(loaded, rows, settings, [defence.name for defence in defences])
    for defence in defences:
        rows = defence.rows(list(rows))
    with quiet(), own_router_settings(loaded.model):
        set_seed(settings.seed)
        data = encode_rows(loaded, rows, settings.max_length)
        if settings.lora:
            loaded.model = attach_lora(loaded.model, settings.lora)
        per_step = settings.batch_size * settings.gradient_accumulation
        steps = max(1, int(-(-len(data) // per_step) * settings.epochs))
        trainer = trainer_class()(
            model=loaded.model,
            args=_sft_config(settings, steps, folder, loaded.device, loaded.model.dtype),
            train_dataset=data,
            processing_class=loaded.tokenizer,
            callbacks=[_Progress(show), _Gradients(defences)],
        )
        trainer.losses = [defence for defence in defences if _overrides_loss(defence)]
        for defence in defences:
            defence.begin(loaded.model, trainer)
        checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        resume = str(checkpoints[-1]) if settings.save_steps and checkpoints else None
        result = trainer.train(resume_from_checkpoint=resume)
        for defence in defences:
            defence.end(loaded.model)
    loaded.model.eval()
    loaded.fingerprint = key
    return {
        "rows": len(data),
        "rows_left_out": len(rows) - len(data),  # no answer within max_length
        "steps": trainer.state.global_step,
        "loss": result.training_loss,
        "resumed_from": resume,
        "fingerprint": key,
    }
