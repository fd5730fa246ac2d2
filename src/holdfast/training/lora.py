"""LoRA adapters on a model that is to be trained: where they go, and which kind."""

from __future__ import annotations

from typing import Any

from holdfast.core.errors import UsageError
from holdfast.models.internals import lora_targets
from holdfast.training.settings import ALL_LINEAR, LoraSettings


def attach_lora(model: Any, lora: LoraSettings) -> Any:
    """The model with an adapter that has learnt nothing yet. Raises UsageError where PEFT finds no layer for it."""
    from peft import LoraConfig, get_peft_model

    named = list(lora.target_modules) if lora.target_modules else None
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=ALL_LINEAR if named == [ALL_LINEAR] else named or lora_targets(model),
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        hint = "name the layers to adapt: --lora-target q_proj,v_proj"
        raise UsageError(f"LoRA does not know where to go in {type(model).__name__}: {error}", hint) from error
