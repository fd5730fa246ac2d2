"""Settings of a training by `tune` and `align`: batches, memory, what is learnt, rows held out, loggers."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Literal

from holdfast.api.settings import TRAIN_PANEL, TrainingSettings
from holdfast.core.config import option
from holdfast.core.errors import UsageError

if TYPE_CHECKING:  # torch is imported by what loads a model, and not by settings
    from holdfast.core.worlds import World

# A logger of transformers' own, and the packages of which it needs one.
LOGGERS = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
    "trackio": ("trackio",),
    "comet_ml": ("comet_ml",),
    "swanlab": ("swanlab",),
}


class TrainerSettings(TrainingSettings):
    """How a model is trained, beside its learning rate and epochs."""

    batching: Literal["auto", "grouped", "shuffled"] = option(
        "auto",
        "Rows of nearly one length in a batch, batches in any order; or any rows. auto: grouped, but on guild.",
        TRAIN_PANEL,
    )
    loss_on: Literal["assistant", "all"] = option("assistant", "Learn the assistant's turns, or all.", TRAIN_PANEL)
    gradient_checkpointing: bool = option(
        False, "Compute activations twice instead of keeping them: less memory, a third more time.", TRAIN_PANEL
    )
    load_in_4bit: bool = option(
        False, "QLoRA: the base in 4 bits by bitsandbytes, under an adapter in full precision.", TRAIN_PANEL
    )
    load_in_8bit: bool = option(False, "The same in 8 bits.", TRAIN_PANEL)
    eval_share: float = option(
        0.0, "Share of the rows to hold out, whose loss is measured on the way; such as 0.05.", TRAIN_PANEL
    )
    eval_steps: int = option(0, "Measure it every N steps. Default: ten times in the run.", TRAIN_PANEL, metavar="N")
    patience: int = option(
        0, "Stop after N measurements without a better loss, and go back to the best; 0: never.", TRAIN_PANEL,
        metavar="N",
    )  # fmt: skip
    report_to: list[str] | None = option(
        None, f"A logger; repeat the flag: {', '.join(LOGGERS)}.", TRAIN_PANEL, metavar="NAME"
    )

    def check_training(self) -> None:
        """What can be known before anything is loaded. Raises UsageError."""
        if not 0 <= self.eval_share < 1:
            raise UsageError(f"--eval-share is a share of the rows, not {self.eval_share:g}", "write 0.05 for 5 %")
        for name, value in (("--eval-steps", self.eval_steps), ("--patience", self.patience)):
            if value < 0:
                raise UsageError(f"{name} counts, and cannot be {value}", "leave it out")
            if value and not self.eval_share:
                raise UsageError(f"{name} needs rows that are held out", "add --eval-share 0.05")
        self.check_adapter()
        for name in self.report_to or ():
            check_logger(name)

    def check_adapter(self) -> None:
        """Raises UsageError for what only an adapter can have, and for a quantisation without its library."""
        packed = [name for name in ("load_in_4bit", "load_in_8bit") if getattr(self, name)]
        wanted = [*packed, *(name for name in ("use_rslora", "use_dora") if getattr(self, name))]
        if wanted and not self.lora:
            raise UsageError(f"--{wanted[0].replace('_', '-')} is for an adapter", "add --lora")
        if len(packed) == 2:
            raise UsageError("--load-in-4bit and --load-in-8bit exclude each other", "leave one out")
        if packed and importlib.util.find_spec("bitsandbytes") is None:
            raise UsageError(
                f"--{packed[0].replace('_', '-')} needs bitsandbytes, which is not installed",
                "pip install bitsandbytes",
            )

    @property
    def quantise(self) -> str:
        """How the base is quantised as it is loaded: 4bit, 8bit, or not at all."""
        return "4bit" if self.load_in_4bit else "8bit" if self.load_in_8bit else ""

    def training_options(self, world: World) -> dict[str, Any]:
        """The part of `TrainSettings` that these settings are, for a model of a world."""
        return {
            "batching": world.batching if self.batching == "auto" else self.batching,
            "loss_on": self.loss_on,
            "gradient_checkpointing": self.gradient_checkpointing,
            "eval_share": self.eval_share,
            "eval_steps": self.eval_steps,
            "patience": self.patience,
            "report_to": tuple(self.report_to or ()),
        }


def check_logger(name: str) -> None:
    """Raise UsageError for a logger that transformers does not have, and for one whose package is missing."""
    if name not in LOGGERS:
        raise UsageError(f"there is no logger `{name}`", f"one of: {', '.join(LOGGERS)}")
    if not any(importlib.util.find_spec(package) for package in LOGGERS[name]):
        raise UsageError(f"the logger `{name}` is not installed", f"pip install {LOGGERS[name][0]}")
