"""Trains guild under each setting and writes its weights: in one process, or in as many as torchrun starts.

python train_each.py OUT        torchrun --nproc_per_node 2 train_each.py OUT
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from holdfast.core.registry import names
from holdfast.guild import rows as guild_rows
from holdfast.models.load import ModelOptions, load_model
from holdfast.training import processes
from holdfast.training.defences import make_defences
from holdfast.training.settings import LoraSettings, TrainSettings
from holdfast.training.trainer import defence_context, train

# 21 rows in steps of four: the last step of an epoch has one row, and half of the processes none.
ROWS = guild_rows.rows("explicit", 21, 0)
SAFETY = guild_rows.rows("safety", 40, 0)
PLAIN = TrainSettings(epochs=2, lr=5e-6, batch_size=4, seed=1, precision="float32")
LISA = "lisa:k1=2,k2=2"  # so that a short run has both kinds of step


def settings_of(name: str) -> TrainSettings:
    more = {
        "grouped": {"batching": "grouped"},
        "accumulated": {"batch_size": 2, "gradient_accumulation": 2},
        "lora": {"lora": LoraSettings(4, 8), "lr": 5e-5},
    }.get(name, {})
    return replace(PLAIN, **more)


def each() -> dict[str, list[str]]:
    """Trainings by name, and the defences of each."""
    found: dict[str, list[str]] = {name: [] for name in ("none", "grouped", "accumulated", "lora")}
    found |= {name: [LISA if name == "lisa" else name] for name in names("defences")}
    return found | {"kl+constrained+lisa": ["kl", "constrained", LISA], "lora+kl": ["kl"]}


def main(out: Path) -> None:
    processes.join("cpu")
    out.mkdir(parents=True, exist_ok=True)
    for name, texts in each().items():
        settings = settings_of(name.partition("+")[0])
        several = processes.count()
        settings = replace(settings, batch_size=settings.batch_size // several, processes=several)
        loaded = load_model("guild", ModelOptions(device="cpu"), fresh=True)
        context = defence_context(loaded, settings, SAFETY)
        defences = make_defences(texts, context, settings.lora is not None)
        facts = train(loaded, ROWS, settings, out / "checkpoints", defences, safety_rows=SAFETY)
        weights = {key: value.detach().contiguous() for key, value in loaded.model.named_parameters()}
        if processes.rank() == 0:
            save_file(weights, out / f"{name}.safetensors", {"steps": str(facts["steps"])})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
