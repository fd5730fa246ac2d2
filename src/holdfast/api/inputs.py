"""Models in memory, and rows or prompts that are no file, as what the verbs read.

name = lend.model(model, tokenizer, "model")        the name under which `load_model` finds it
path = lend.table(rows, "rows")                     a file of JSON lines in the call's own folder
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from holdfast.core.errors import UsageError
from holdfast.core.records import digest
from holdfast.core.worlds import world_of

if TYPE_CHECKING:  # a scan, a gate and a report are called without torch
    import datasets
    import pandas
    import torch
    from transformers import PreTrainedTokenizerBase

    from holdfast.models.load import LoadedModel

    ModelLike: TypeAlias = "str | Path | torch.nn.Module | LoadedModel"
    Tokenizer: TypeAlias = PreTrainedTokenizerBase
    TableLike: TypeAlias = "str | Path | Iterable[Any] | datasets.Dataset | pandas.DataFrame"


class Lend:
    """What one call lends: live models by name, and the files that its tables were written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models: dict[str, LoadedModel] = {}
        self.files: list[Path] = []

    def model(self, given: ModelLike, tokenizer: Tokenizer | None, name: str) -> str:
        """A model as a reference. Raises UsageError for a module without a tokenizer, and for what is no model."""
        if isinstance(given, (str, Path)):
            if tokenizer is not None:
                raise UsageError(f"`{given}` is loaded with its own tokenizer", "leave out `tokenizer`")
            return str(given)
        loaded = wrap(given, tokenizer, name)
        self.models[loaded.reference] = loaded
        return loaded.reference

    def references(self, given: Mapping[str, tuple[ModelLike | None, Tokenizer | None]]) -> dict[str, str]:
        """Models by the setting that names each; a tokenizer is only for those that are in memory."""
        live = any(model is not None and not isinstance(model, (str, Path)) for model, _ in given.values())
        return {
            name: self.model(model, None if live and isinstance(model, (str, Path)) else tokenizer, name)
            for name, (model, tokenizer) in given.items()
            if model is not None
        }

    def table(self, given: TableLike | None, name: str) -> str | None:
        """Rows or prompts as a path or hub id; what is no string is written to a file of the call's own folder."""
        if given is None or isinstance(given, (str, Path)):
            return None if given is None else str(given)
        path = self.folder / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        count = 0
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
            for record in records_of(given):
                file.write(json.dumps(record, ensure_ascii=False, default=_plain) + "\n")
                count += 1
        if not count:
            raise UsageError(f"`{name}` is empty", "give at least one row")
        self.files.append(path)
        return str(path)

    def tables(self, **given: TableLike | None) -> dict[str, str | None]:
        """Several tables, by the setting that names each."""
        return {name: self.table(one, name) for name, one in given.items()}

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Within it the models are found by their names; torch is imported only where there are any."""
        if not self.models:
            yield
            return
        from holdfast.models.load import live_models

        with live_models(self.models):
            yield


def wrap(given: Any, tokenizer: Tokenizer | None, name: str) -> LoadedModel:
    """A module and its tokenizer as a loaded model, named by what its weights are."""
    from torch import nn

    from holdfast.models.chat import require_template
    from holdfast.models.load import LoadedModel
    from holdfast.models.load_check import check_tokens

    if isinstance(given, LoadedModel):  # named by its weights as they are now: they may have been trained since
        key = weights_digest(given.model)
        facts = {"name": given.name, **{k: v for k, v in given.facts.items() if k != "base_fingerprint"}}
        own = given.tokenizer if tokenizer is None else tokenizer
        return replace(given, reference=f"{name}@{key[:8]}", tokenizer=own, fingerprint=key, facts=facts)
    if not isinstance(given, nn.Module) or not hasattr(given, "generate"):
        raise UsageError(
            f"`{name}` is a {type(given).__name__}, and no model that generates",
            "give a path, a hub id, or a transformers or PEFT model with its tokenizer",
        )
    if tokenizer is None:
        raise UsageError(f"`{name}` is a model in memory, and has no tokenizer", "add tokenizer=…")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    require_template(tokenizer, name, None, ())
    check_tokens(name, given, tokenizer)
    given.eval()
    own = str(getattr(given.config, "_name_or_path", "") or name)
    facts = {"name": Path(own).name or name}
    key = weights_digest(given)
    world = world_of(Path(os.devnull), tokenizer.all_special_tokens)
    return LoadedModel(f"{name}@{key[:8]}", given, tokenizer, key, world, facts=facts)


def weights_digest(model: torch.nn.Module) -> str:
    """The SHA-256 of a module's tensors and their names, in pieces of at most one tensor on the CPU."""
    import torch

    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        total.update(f"{name}:{tuple(tensor.shape)}:{tensor.dtype}".encode())
        total.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest({"live": total.hexdigest()})


def records_of(given: Any) -> Iterator[Mapping[str, Any]]:
    """The records of rows, texts, a `datasets.Dataset` or a pandas frame. Raises UsageError for anything else."""
    if hasattr(given, "to_dict") and hasattr(given, "columns"):  # a pandas frame
        for record in given.to_dict("records"):
            yield {key: value for key, value in record.items() if not _is_missing(value)}
        return
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise UsageError(f"a {type(given).__name__} is no table of rows", "give a path, or a list of dicts or of texts")
    for number, record in enumerate(given):
        if isinstance(record, str):
            yield {"prompt": record}
        elif isinstance(record, Mapping):
            yield record
        elif is_dataclass(record) and not isinstance(record, type):
            yield asdict(record)
        else:
            raise UsageError(f"row {number} is a {type(record).__name__}", "a row is a dict, or a text as a prompt")


def _is_missing(value: Any) -> bool:
    """Whether a frame's cell is empty: None, or a number that is none."""
    return value is None or (isinstance(value, float) and value != value)


def _plain(value: Any) -> Any:
    """A value of numpy, pandas or a path as JSON knows it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
