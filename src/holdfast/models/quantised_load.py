"""Quantised models in memory: how one is, how a plain one is quantised as it is loaded, whether it computes."""

from __future__ import annotations

from typing import Any

import torch

from holdfast.core.errors import ModelError, reason_of
from holdfast.models.quantised import quantisation


def quantised_by(model: Any) -> dict[str, Any] | None:
    """The quantisation of a model in memory, as its config has it; None for plain numbers."""
    entry: Any = getattr(getattr(model, "config", None), "quantization_config", None)
    if entry is None:
        return None
    return quantisation({"quantization_config": entry if isinstance(entry, dict) else entry.to_dict()})


def by_bitsandbytes(quantise: str, dtype: torch.dtype) -> Any:
    """How QLoRA (Dettmers et al., 2305.14314) quantises: 4-bit NormalFloat, its constants quantised too; or 8 bits."""
    from transformers import BitsAndBytesConfig

    if quantise == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def check_computes(source: str, model: Any, how: str) -> None:
    """Refuse a quantised model whose kernels fail on one token, or give no number; plain ones are checked by tensor."""
    try:
        with torch.inference_mode():
            logits = model(input_ids=torch.zeros((1, 1), dtype=torch.long, device=model.device)).logits
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(
            f"`{source}` is quantised ({how}) and cannot compute on {model.device.type}: {reason_of(error)}",
            "are its config and its tensors of one model, and is the library the one it was saved with, for this "
            "device?",
        ) from error
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(f"`{source}` is quantised ({how}) and computes NaN or infinite values", "save it again")
