"""A model whose replies an engine makes: tokenizer, configuration and checks are here, its weights are not.

    loaded = load_served("./adapter", ModelOptions(engine=find_vllm()))
    loaded.served     what the server is asked for; the server starts at the first question

`loaded.model` has every parameter's shape and no numbers (PyTorch's meta device), so that whatever needs weights fails
at once instead of computing nonsense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from holdfast.core.errors import ModelError
from holdfast.core.records import digest
from holdfast.core.worlds import REAL, world_of
from holdfast.models.adapter import base_of_adapter, check_fit, unlike_plain_lora
from holdfast.models.chat import require_template
from holdfast.models.decoding import PROCESSORS
from holdfast.models.files import ADAPTER, check_json, fingerprint, locate, weight_files
from holdfast.models.load import (
    LoadedModel,
    ModelOptions,
    choose_device,
    choose_dtype,
    is_live,
    load_model,
    load_tokenizer,
    pretrained,
)
from holdfast.models.load_check import check_tokens
from holdfast.models.vllm_server import PASSED_ON, RANKS, Root, Served


def only_hf(reference: str) -> str:
    """Why a model must be decoded by transformers, or nothing: an ensemble, or an adapter that is more than LoRA."""
    if is_live(reference):
        return "the model is in memory"
    if reference.startswith("ensemble:"):
        return "an ensemble is two models, decoded as one"
    folder = locate(reference)
    if folder is None:
        return ""
    config = check_json(folder)
    if adapter := config.get(ADAPTER):
        if reason := unlike_plain_lora(adapter):
            return f"the adapter `{reference}` {reason}"
        if rank_of(adapter) > RANKS[-1]:
            return f"the adapter `{reference}` has rank {rank_of(adapter)}, and vLLM serves up to {RANKS[-1]}"
        return only_hf(base_of_adapter(folder))
    own = config.get("generation_config.json", {})
    asked = [name for name, nothing in PROCESSORS.items() if name not in PASSED_ON and own.get(name) not in nothing]
    return f"the generation config of `{reference}` asks for {asked[0]}" if asked else ""


def rank_of(config: Mapping[str, Any]) -> int:
    """The largest rank of an adapter's layers."""
    return max([int(config.get("r") or 1), *map(int, (config.get("rank_pattern") or {}).values())])


def open_loaded(reference: str, options: ModelOptions) -> LoadedModel:
    """A model in memory, or without its weights where an engine makes its replies. Raises ModelError."""
    return load_served(reference, options) if options.engine is not None else load_model(reference, options)


def load_served(reference: str, options: ModelOptions) -> LoadedModel:
    """The model of a reference without its weights. Raises ModelError as `load_model` does."""
    assert options.engine is not None
    if why := only_hf(reference):
        raise ModelError(f"vLLM does not serve `{reference}`: {why}", "add --engine hf")
    folder = locate(reference)
    if folder is not None and (folder / ADAPTER).exists():
        return _adapter(reference, folder, options)
    source = reference if folder is None else str(folder)
    weights = weight_files(folder) if folder is not None else []
    tokenizer = load_tokenizer(source, options)
    config = pretrained(AutoConfig, source, trust_remote_code=options.trust_remote_code)
    dtype = choose_dtype(options.dtype, getattr(config, "dtype", None), choose_device(options.device))
    with torch.device("meta"):
        try:
            model = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=options.trust_remote_code)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"cannot build `{reference}`: {error}", "add --engine hf") from error
    if folder is None or (folder / "generation_config.json").exists():
        model.generation_config = pretrained(GenerationConfig, source)
    require_template(tokenizer, reference, options.chat_template, options.template_args)
    check_tokens(reference, model, tokenizer)
    model.eval()
    if folder is None:
        name, world = digest({"hub": reference, "commit": getattr(config, "_commit_hash", None)}), REAL
    else:
        name, world = fingerprint(weights), world_of(folder, tokenizer.all_special_tokens)
    root = Root(source, str(dtype).removeprefix("torch."), options.device, options.trust_remote_code)
    return LoadedModel(reference, model, tokenizer, name, world, served=Served(options.engine, root))


def _adapter(reference: str, folder: Path, options: ModelOptions) -> LoadedModel:
    base = base_of_adapter(folder)
    files = weight_files(folder)
    loaded = load_served(base, options)
    assert loaded.served is not None
    if (under := locate(base)) is not None:
        check_fit(folder, under)
    tokenizer = (
        load_tokenizer(str(folder), options) if (folder / "tokenizer_config.json").exists() else loaded.tokenizer
    )
    require_template(tokenizer, reference, options.chat_template, options.template_args)
    check_tokens(reference, loaded.model, tokenizer)
    return replace(
        loaded,
        reference=reference,
        tokenizer=tokenizer,
        fingerprint=digest({"base": loaded.fingerprint, "adapter": fingerprint(files)}),
        adapter_of=base,
        facts={"base_fingerprint": loaded.fingerprint},
        served=replace(loaded.served, adapter=str(folder.resolve()), rank=rank_of(check_json(folder)[ADAPTER])),
    )


def at_strength(loaded: LoadedModel, folder: Path | None) -> LoadedModel:
    """A served adapter in another folder's form, scaled; none for the base."""
    assert loaded.served is not None
    return replace(loaded, served=replace(loaded.served, adapter=str(folder.resolve()) if folder else None))
