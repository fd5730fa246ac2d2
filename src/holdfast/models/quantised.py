"""Quantised checkpoints, told by their config before anything is loaded: which library reads them, what they are for.

    check_library("my-awq", config)          # refused unless what reads its numbers is installed
    refuse_whole_weights("my-awq", "tuning") # what changes whole weights needs the ones before quantisation

Nothing here imports torch, or the libraries.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from holdfast.core.errors import ModelError
from holdfast.models.adapter import base_of_adapter
from holdfast.models.files import check_json, locate

# method: (the modules that transformers reads it with, the packages that bring them). Those with none are read by
# transformers itself, which makes plain numbers of them where the machine has no kernel for theirs.
LIBRARIES: dict[str, tuple[tuple[str, ...], str]] = {
    "aqlm": (("aqlm",), "aqlm[cpu]"),
    "auto-round": (("auto_round",), "auto-round"),
    "awq": (("gptqmodel",), "gptqmodel"),
    "bitnet": ((), ""),
    "bitsandbytes": (("bitsandbytes",), "bitsandbytes"),
    "compressed-tensors": (("compressed_tensors",), "compressed-tensors"),
    "eetq": (("kernels",), "kernels"),
    "fbgemm_fp8": (("fbgemm_gpu",), "fbgemm-gpu"),
    "fouroversix": (("fouroversix",), "fouroversix"),
    "fp8": ((), ""),
    "fp_quant": (("fp_quant",), "fp_quant"),
    "gguf": (("gguf",), "gguf"),
    "gptq": (("gptqmodel", "optimum.gptq"), "gptqmodel optimum"),
    "higgs": (("flute", "fast_hadamard_transform"), "flute-kernel fast_hadamard_transform"),
    "hqq": (("hqq",), "hqq"),
    "mxfp4": ((), ""),
    "mxfp8": ((), ""),
    "quanto": (("optimum.quanto",), "optimum-quanto"),
    "quark": (("quark",), "amd-quark"),
    "sinq": (("sinq",), "sinq"),
    "spqr": (("spqr_quant",), "spqr_quant[gpu]"),
    "torchao": (("torchao",), "torchao"),
    "vptq": (("vptq",), "vptq"),
}
SERVED = "serve it with the engine that it was made for and audit openai:NAME@URL, or name the weights before them"


def quantisation(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The quantisation entry of a config.json, of a model with several parts too; None where there is none."""
    for part in (config, config.get("text_config") or {}):
        for key in ("quantization_config", "compression_config"):
            if isinstance(found := part.get(key), Mapping) and found:
                return dict(found)
    return None


def method_of(entry: Mapping[str, Any]) -> str:
    """The name of a quantisation, as transformers spells it; old bitsandbytes checkpoints give only the bits."""
    if entry.get("load_in_8bit") or entry.get("load_in_4bit"):
        return "bitsandbytes"
    return str(entry.get("quant_method") or "").lower()


def bits_of(entry: Mapping[str, Any]) -> str:
    """A quantisation in a word or two: `bitsandbytes 4-bit`, `gptq 4-bit`, `fp8`."""
    bits = 4 if entry.get("load_in_4bit") else 8 if entry.get("load_in_8bit") else entry.get("bits")
    return f"{method_of(entry)} {bits}-bit" if isinstance(bits, int) else method_of(entry)


def check_library(reference: str, config: Mapping[str, Any]) -> None:
    """Raise ModelError, naming what to install, for a quantised model that nothing installed can read."""
    entry = quantisation(config)
    if entry is None:
        return
    method = method_of(entry)
    if not method:
        raise ModelError(f"`{reference}` is quantised, and its config does not say how (`quant_method`)", SERVED)
    if method not in LIBRARIES:
        if not _known_to_transformers(method):
            raise ModelError(f"`{reference}` is quantised by `{method}`, which transformers does not read", SERVED)
        return
    modules, packages = LIBRARIES[method]
    missing = [module for module in modules if not _there(module)]
    if missing:
        raise ModelError(
            f"`{reference}` is quantised by `{method}`, and {' and '.join(f'`{m}`' for m in missing)} is not installed",
            f"pip install {packages}; or {SERVED}",
        )


def _there(module: str) -> bool:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # the package around it is missing
        return False
    return found is not None and found.origin is not None  # a model folder of that name is no package


def _known_to_transformers(method: str) -> bool:
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    return method in AUTO_QUANTIZATION_CONFIG_MAPPING


def quantisation_of(reference: str) -> dict[str, Any] | None:
    """The quantisation of a folder by its reference; None for what is not quantised, and for what is not on this disk.

    An adapter's is its base's.
    """
    try:
        folder = locate(reference)
        if folder is not None and (folder / "adapter_config.json").exists():
            folder = locate(base_of_adapter(folder))
        return quantisation(check_json(folder).get("config.json", {})) if folder is not None else None
    except ModelError:
        return None  # whoever loads it says what is wrong


def refuse_tuning(reference: str, lora: bool) -> None:
    """Raise ModelError for a quantised model that would be trained whole, or under an adapter where nothing can.

    Known before anything is loaded, for a folder; LoRA on bitsandbytes is the one that trains.
    """
    entry = quantisation_of(reference)
    if entry is None or (lora and method_of(entry) == "bitsandbytes"):
        return
    also = " but with --lora" if method_of(entry) == "bitsandbytes" else ""
    raise ModelError(
        f"`{reference}` is quantised ({bits_of(entry)}) and cannot be tuned{also}",
        "tune the weights that it was quantised from, and quantise the result"
        + (", or add --lora" if also else "; --lora works on those and on bitsandbytes"),
    )


def refuse_repair(base: str, tuned: str, spec: str, keeps: bool) -> None:
    """Raise ModelError for a repair of whole weights where one model is quantised.

    keeps: whether the repair leaves weights as they are: it works at decoding, or scales an adapter.
    """
    for reference in (base, tuned):
        if not keeps and (entry := quantisation_of(reference)):
            raise ModelError(
                f"`{reference}` is quantised ({bits_of(entry)}), and the repair `{spec}` works on whole weights",
                "repair the weights before they were quantised, and quantise the result; --repair ensemble takes both "
                "as they are, --repair wise-ft an adapter on a quantised base",
            )
