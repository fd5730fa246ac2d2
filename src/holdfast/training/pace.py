"""How fast a model trains here, from a few real steps, and how many steps and tokens a training has."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from holdfast.core.contracts import Defence
from holdfast.core.plan import Trained
from holdfast.core.records import Row
from holdfast.models.load import LoadedModel
from holdfast.training.defences import defended_rows
from holdfast.training.encoded import encode_rows, hold_out
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import train

STEPS = 3  # the first is left out: it sets up what the others use


def training_plan(
    loaded: LoadedModel, what: str, rows: Sequence[Row], settings: TrainSettings, defences: Sequence[Defence] = ()
) -> Trained:
    """The rows, steps and tokens of a training, encoded as it would encode them."""
    kept = hold_out(rows, settings.eval_share)[0] if settings.eval_share else rows
    data = encode_rows(loaded, defended_rows(kept, defences), settings.max_length, settings.loss_on)
    tokens = sum(map(len, data["input_ids"]))
    return Trained(what, len(data), settings.steps(len(data)), round(tokens * settings.epochs))


def step_pace(
    loaded: LoadedModel,
    rows: Sequence[Row],
    settings: TrainSettings,
    defences: Sequence[Defence] = (),
    safety_rows: Sequence[Row] = (),
) -> float:
    """Seconds a step, of a few on rows spread evenly over all. The model is trained by it: let it go afterwards."""
    wanted = settings.step_rows * STEPS
    some = [rows[i * len(rows) // wanted] for i in range(wanted)] if len(rows) > wanted else list(rows)
    epochs = STEPS / max(1, math.ceil(len(some) / settings.step_rows))
    times: list[float] = []
    few = replace(settings, epochs=epochs, save_steps=0, eval_share=0.0, patience=0, report_to=())
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        train(loaded, some, few, Path(folder), defences, lambda *_: times.append(time.monotonic()), safety_rows)
    return (times[-1] - times[0]) / max(len(times) - 1, 1)
