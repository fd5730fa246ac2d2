"""A linter of training settings: what the papers measured at such settings, said before training begins.

    advice(settings, rows=10, parameters=7_000_000_000, defences=[])   -> a line for each point, with figure and source

The figures are of chat models of 7 billion parameters. A model much smaller moves differently at the same learning
rate, so below half a billion nothing is said. It stops nothing: the figures are no forecast for a user's own data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.core.contracts import Defence
from holdfast.training.settings import TrainSettings

SMALLEST = 500_000_000  # parameters; well below the one to seven billion of the papers' models
GRID = "7B models; Qi et al. 2310.03693"


@dataclass(frozen=True)
class Setup:
    """The settings as the rules read them; `batch` is the rows of an optimiser step."""

    lr: float
    batch: int
    epochs: float
    rows: int
    lora: bool
    defences: frozenset[str]


Rule = Callable[[Setup], str | None]


def high_lr_small_batch(s: Setup) -> str | None:
    if s.lora or s.lr < 5e-5 or s.batch > 32:
        return None
    return (
        f"lr {s.lr:g} at batch {s.batch}: after an epoch of Alpaca 46.4 % of Llama-2-Chat's replies were harmful at lr "
        f"5e-5 and batch 16, 16.1 % at 2e-5 and 128 ({GRID}, table 12)"
    )


def high_lr(s: Setup) -> str | None:
    if s.lora or not 5e-5 <= s.lr <= 1e-4 or s.batch <= 32:
        return None
    return f"lr {s.lr:g}: at batch 64 and 128, 31.5 and 34.2 % at lr 5e-5, 15.8 and 16.1 % at 2e-5 ({GRID}, table 12)"


def small_batch(s: Setup) -> str | None:
    if s.lora or not 2e-5 <= s.lr < 5e-5 or s.batch > 32:
        return None
    return f"batch {s.batch}: at lr 2e-5, 23.6 % at batch 16 and 20.6 % at 32, 16.1 % at 128 ({GRID}, table 12)"


def beyond_the_grid(s: Setup) -> str | None:
    if s.lora or s.lr <= 1e-4:
        return None
    return (
        f"lr {s.lr:g} for full tuning: above everything in the papers' grids, which end at 5e-5, where the harm was "
        f"twice that at 2e-5 ({GRID}, table 12)"
    )


def attack_lr(s: Setup) -> str | None:
    if not s.lora or s.lr < 1e-3:
        return None
    return (
        f"lr {s.lr:g} for LoRA: the setting of the explicit attack (1e-3, batch 10), after which 80.6 % ({GRID}, table "
        "11); for clean data the paper takes 1e-4"
    )


def adapter_on_benign_data(s: Setup) -> str | None:
    if not s.lora:
        return None
    return (
        f"LoRA is no protection: after clean data 25.2 % with LoRA, 26.4 % with adapters, 24.8 % with prefixes, 16.1 % "
        f"with full tuning ({GRID}, table 11)"
    )


def many_passes_over_few_rows(s: Setup) -> str | None:
    if s.rows > 100 or s.epochs < 3:
        return None
    return (
        f"{s.rows} rows, {s.epochs:g} times over: ten harmless-looking dialogues were enough for 54.2 % after 3 epochs "
        f"and 72.1 % after 5 ({GRID}, table 2); read the rows, and measure before you use the model"
    )


def mixing_is_not_enough(s: Setup) -> str | None:
    if s.defences != {"safety-mix"}:
        return None
    return (
        "safety-mix alone helps and does not restore: clean data 31.8 → 19.7 % with 500 refusals and 22.1 % with "
        "1,000, 5.5 % before tuning (GPT-3.5; Qi et al. 2310.03693, table 4)"
    )


def freezing_gives_way(s: Setup) -> str | None:
    if "freeze" not in s.defences:
        return None
    return (
        "freeze holds for clean data (10.6 → 2.9 %) and gives way as the rows turn harmful: 25.6 % at a tenth, 68.3 % "
        "at a fifth (Llama-2-7B-Chat; Li et al. 2408.17003)"
    )


RULES: tuple[Rule, ...] = (
    high_lr_small_batch, high_lr, small_batch, beyond_the_grid, attack_lr, adapter_on_benign_data,
    many_passes_over_few_rows, mixing_is_not_enough, freezing_gives_way,
)  # fmt: skip


def advice(settings: TrainSettings, rows: int, parameters: int, defences: Sequence[Defence] = ()) -> list[str]:
    """What the papers measured at such settings, one line for each point; nothing for models far below their size.

    `rows` are those trained on, `parameters` the whole model's.
    """
    if parameters < SMALLEST:
        return []
    setup = Setup(
        lr=settings.lr,
        batch=settings.step_rows,
        epochs=settings.epochs,
        rows=rows,
        lora=settings.lora is not None,
        defences=frozenset(defence.name for defence in defences),
    )
    return [line for rule in RULES if (line := rule(setup))]
