"""What a training costs beside a plain TRL script: equal steps on the same rows, in turn, in one process.

    python benchmarks/train_speed.py ./model rows.jsonl [--rows 64] [--batch-size 8] [--rounds 3]

Three contenders: TRL's SFTTrainer as its documentation uses it, on tokenized rows in any order; holdfast with
`shuffled` batches, which must compute the same; holdfast with `grouped` ones, as `tune` does by default. Medians of the
seconds that the training took, loading and tokenizing left out; the first round warms up and is not counted.
"""

from __future__ import annotations

import argparse
import copy
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.data.rows import read_rows
from holdfast.models.load import LoadedModel, load_model
from holdfast.training.encoded import encode_rows
from holdfast.training.settings import TrainSettings
from holdfast.training.trainer import quiet, train


def plain_trl(loaded: LoadedModel, data: Any, settings: TrainSettings) -> float:
    from trl import SFTConfig, SFTTrainer

    with tempfile.TemporaryDirectory() as folder, quiet():
        config = SFTConfig(
            output_dir=folder, num_train_epochs=settings.epochs, learning_rate=settings.lr, max_length=None,
            per_device_train_batch_size=settings.batch_size, seed=settings.seed, save_strategy="no", report_to="none",
            use_cpu=loaded.device.type == "cpu", gradient_checkpointing=False, bf16=False, disable_tqdm=True,
        )  # fmt: skip
        trainer = SFTTrainer(copy.deepcopy(loaded.model), config, train_dataset=data, processing_class=loaded.tokenizer)
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


def holdfast(loaded: LoadedModel, rows: list[Any], settings: TrainSettings) -> float:
    own = LoadedModel(loaded.reference, copy.deepcopy(loaded.model), loaded.tokenizer, loaded.fingerprint)
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        train(own, rows, settings, Path(folder), show=lambda *_: ends.append(time.perf_counter()))
    return ends[-1] - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    loaded, rows = load_model(given.model), read_rows(given.data)[: given.rows]
    settings = TrainSettings(epochs=1, lr=1e-5, batch_size=given.batch_size, precision="float32")
    grouped = TrainSettings(epochs=1, lr=1e-5, batch_size=given.batch_size, precision="float32", batching="grouped")
    data = encode_rows(loaded, rows, settings.max_length)
    contenders: dict[str, Callable[[], float]] = {
        "plain TRL": lambda: plain_trl(loaded, data, settings),
        "holdfast, shuffled": lambda: holdfast(loaded, rows, settings),
        "holdfast, grouped": lambda: holdfast(loaded, rows, grouped),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(given.rounds + 1):
        for name, run in contenders.items():
            spent = run()
            if turn:
                seconds[name].append(spent)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    print(f"{len(data)} rows, {-(-len(data) // given.batch_size)} steps, {given.rounds} rounds")
    for name, spent in medians.items():
        print(f"{name:<20} {spent:7.2f} s   {spent / medians['plain TRL']:.3f} times plain TRL")


if __name__ == "__main__":
    main()
