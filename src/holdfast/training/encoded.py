"""Rows as the trainer takes them: tokenized, some held out, filled up for several processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.core.errors import ModelError, UsageError
from holdfast.core.records import Row, digest
from holdfast.models.chat import IGNORE, encode_row
from holdfast.models.load import LoadedModel


def encode_rows(loaded: LoadedModel, rows: Sequence[Row], max_length: int, loss_on: str = "assistant") -> Any:
    """The training set, tokenized; rows whose answer lies beyond max_length are left out.

    loss_on: `assistant` learns what the assistant says, `all` every token. Raises ModelError when no row is left.
    """
    import datasets

    encoded = [encode_row(loaded.tokenizer, row, max_length) for row in rows]
    kept = [example for example in encoded if any(label != IGNORE for label in example.labels)]
    if not kept:
        raise ModelError(f"no row has an answer within {max_length} tokens", "raise --max-length")
    labels = [e.input_ids if loss_on == "all" else e.labels for e in kept]
    return datasets.Dataset.from_dict({"input_ids": [e.input_ids for e in kept], "labels": labels})


def with_filler(data: Any) -> Any:
    """The training set with a last row that nothing is learnt from; see `batching.SharedOut`."""
    import datasets

    ids = data[0]["input_ids"][:2]
    filler = datasets.Dataset.from_dict({"input_ids": [ids], "labels": [[IGNORE] * len(ids)]}, features=data.features)
    return datasets.concatenate_datasets([data, filler])


def hold_out(rows: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """The rows to train on, and those to measure the loss on: a share of them, by what they say.

    So rows that say the same are on one side. Raises UsageError when a side is empty.
    """
    chosen = [int(digest(row.messages)[:8], 16) < share * 16**8 for row in rows]
    kept = [row for row, out in zip(rows, chosen, strict=True) if not out]
    held = [row for row, out in zip(rows, chosen, strict=True) if out]
    if not kept or not held:
        side = "none to measure the loss on" if kept else "none to train on"
        raise UsageError(f"--eval-share {share:g} of {len(rows)} rows leaves {side}", "name another share")
    return kept, held
