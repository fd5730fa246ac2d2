"""Whether what was loaded is what its folder says: every tensor in its place, every value a number, every token a row.

    model, report = AutoModelForCausalLM.from_pretrained(..., output_loading_info=True)
    check_report("my-model", model, report)
    check_numbers("my-model", model)
    check_tokens("my-model", model, tokenizer)

transformers fills what a checkpoint lacks with random numbers, and passes over what it does not know, in silence.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from holdfast.core.errors import HoldfastWarning, ModelError
from holdfast.core.records import Message
from holdfast.models.adapter import HINT, PEFT_PREFIX, prefix_hint
from holdfast.models.chat import encode_text, render
from holdfast.models.checkpoint import BUFFERS, WRAPPERS
from holdfast.models.files import counted, listed

DAMAGED = "its training diverged or the file was damaged: take an earlier checkpoint, or download it again"
PROBE: list[list[Message]] = [
    [{"role": "user", "content": "Which word?"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which word?"}],
    [{"role": "user", "content": "Which word?"}, {"role": "assistant", "content": "This one."}],
]


def warn(text: str) -> None:
    """Tell the user something that stops nothing; the same sentence once."""
    warnings.warn(text, HoldfastWarning, stacklevel=2)


# ---- tensors --------------------------------------------------------------------------------------------------------


def check_report(source: str, model: Any, report: Mapping[str, Any]) -> None:
    """Refuse a model that its checkpoint does not fill, by the report of `from_pretrained`.

    What may be absent (tied output layers, buffers, each architecture's own exceptions) is left out of the report by
    transformers. Raises ModelError, naming the first tensors, for missing ones, for other shapes, and for tensors that
    belong to a part of the model and have no place there; warns of parts that the model does not have.
    """
    missing = sorted(name for name in report["missing_keys"] if not name.endswith(BUFFERS))
    unexpected = sorted(name for name in report["unexpected_keys"] if not name.endswith(BUFFERS))
    wrong = sorted(report["mismatched_keys"])
    if wrong:
        name, stored, wanted = wrong[0]
        more = f", and {len(wrong) - 1} more tensors have other shapes" if len(wrong) > 1 else ""
        raise ModelError(
            f"`{source}` does not fit its config: `{name}` is {list(stored)} and should be {list(wanted)}{more}",
            "config.json and the weights are of two models, or the vocabulary was resized in one of them: save both "
            "again",
        )
    quantised = getattr(model.config, "quantization_config", None) is not None
    kind, inside = type(model).__name__, [name for name in unexpected if _belongs(name, model)]
    if missing and not quantised:
        lacks = f"`{source}` lacks {counted(missing)} of a {kind}: {listed(missing)}"
        raise ModelError(lacks + _instead(unexpected), _unwrap(unexpected))
    if inside and not quantised:
        raise ModelError(
            f"`{source}` has {counted(inside)} for which a {kind} of its config has no place: {listed(inside)}",
            "config.json is of another model, or says fewer layers than there are: take the one saved with the weights",
        )
    if missing:
        warn(f"`{source}` is quantised, and {counted(missing)} of a {kind} not in it: {listed(missing)}")
    if unexpected:
        warn(f"`{source}` has {counted(unexpected)} that a {kind} does not use: {listed(unexpected)}")
    if errors := report.get("error_msgs"):
        raise ModelError(f"cannot load `{source}`: {str(errors[0]).splitlines()[0]}", "download the checkpoint again")


def _instead(unexpected: list[str]) -> str:
    return f"; it has {len(unexpected)} that the architecture does not know: {listed(unexpected)}" if unexpected else ""


def _unwrap(unexpected: list[str]) -> str:
    wrapper = next((text for text in WRAPPERS if unexpected and all(n.startswith(text) for n in unexpected)), None)
    if wrapper:
        return f"its names begin with `{wrapper}`: save the model without the wrapper that it was trained in"
    return "they would be random numbers: save the whole model again, or download it again"


def _belongs(name: str, model: Any) -> bool:
    """Whether a tensor that was not taken belongs inside a part of the model: a layer, or one module's own weights.

    A head or a tower of another task is a part of its own, which a language model does not miss.
    """
    modules = dict(model.named_modules())
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = modules.get(".".join(parts[:end]))
        if module is not None:
            listed_above = any(
                isinstance(modules.get(".".join(parts[:i])), torch.nn.ModuleList) for i in range(1, end + 1)
            )
            return listed_above or not any(True for _ in module.children())
    return False


# ---- values ---------------------------------------------------------------------------------------------------------


def check_numbers(source: str, model: Any, hint: str = DAMAGED) -> None:
    """Refuse a model with NaN or infinite values, or without any value but zero. Raises ModelError, naming tensors.

    The sum of a tensor is finite only if every value is, so one pass over the weights does; only what is not finite is
    looked at again, since a sum may overflow.
    """
    tensors = list(_stored(model))
    sums: dict[torch.device, list[torch.Tensor]] = {}
    for _, tensor in tensors:
        sums.setdefault(tensor.device, []).append(_sum(tensor))
    found = {device: iter(torch.stack(some).tolist()) for device, some in sums.items()}  # one wait for each device
    total = [(name, tensor, next(found[tensor.device])) for name, tensor in tensors]
    broken = [name for name, tensor, value in total if value - value != 0 and not _finite(tensor)]
    if broken:
        raise ModelError(
            f"`{source}` holds NaN or infinite values in {len(broken)} of {len(tensors)} tensors: {listed(broken)}",
            hint,
        )
    matrices = [(name, value == 0 and not bool(tensor.any())) for name, tensor, value in total if tensor.ndim > 1]
    zero = [name for name, empty in matrices if empty]
    if zero and len(zero) == len(matrices):
        raise ModelError(f"every weight matrix of `{source}` is zero", "download the checkpoint again")
    if zero:
        warn(f"{len(zero)} of {len(matrices)} weight matrices of `{source}` are all zeros: {listed(zero)}")


def _stored(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and those buffers that are saved, floating-point ones that are in memory; masks may be infinite.

    A quantiser's own kind of tensor is left out: it has no sum.
    """
    for name, parameter in model.named_parameters():
        plain = type(parameter.data) in (torch.Tensor, torch.nn.Parameter)
        if plain and parameter.is_floating_point() and parameter.device.type != "meta" and parameter.numel():
            yield name, parameter.detach()
    for part, module in model.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            full = f"{part}.{name}" if part else name
            saved = name not in module._non_persistent_buffers_set and "mask" not in name and not full.endswith(BUFFERS)
            if saved and buffer.is_floating_point() and buffer.device.type != "meta" and buffer.numel():
                yield full, buffer


def _sum(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.element_size() == 1:  # float8 cannot be summed as it is
        tensor = tensor.float()
    return tensor.sum().float()  # accumulated in float32; with `dtype=` half precision is fifteen times slower on a CPU


def _finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor.float() if tensor.element_size() == 1 else tensor).all())


# ---- adapters -------------------------------------------------------------------------------------------------------


def read_adapter(folder: Path) -> dict[str, torch.Tensor]:
    """An adapter's tensors, without a base. Raises ModelError for none at all, and for NaN or infinite values."""
    from peft import load_peft_weights

    weights: dict[str, torch.Tensor] = load_peft_weights(str(folder), device="cpu")
    if not weights:
        raise ModelError(f"the adapter `{folder}` holds no tensors", "was it saved before its training ended?")
    broken = [name for name, tensor in weights.items() if tensor.is_floating_point() and not _finite(tensor)]
    if broken:
        raise ModelError(f"the adapter `{folder}` holds NaN or infinite values in {listed(broken)}", DAMAGED)
    return weights


def check_adapter(folder: Path, model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse an adapter that went onto its base only in part; `model` is the PeftModel that carries it.

    PEFT passes over keys that fit nothing and leaves layers without a key untrained. Raises ModelError, naming keys;
    warns of an adapter that changes nothing.
    """
    from peft import set_peft_model_state_dict
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

    config = model.active_peft_config
    result: Any = set_peft_model_state_dict(
        model, dict(weights)
    )  # the same values once more: what it returns is wanted
    lost = sorted(result.unexpected_keys)
    if lost:
        raise ModelError(
            f"{len(lost)} of {len(weights)} tensors of the adapter `{folder}` have no place on its base, or on the "
            f"target modules of its config: {listed(lost)}",
            prefix_hint(list(weights)) or HINT,
        )
    prefix = PEFT_TYPE_TO_PREFIX_MAPPING.get(config.peft_type, "\0")
    own = [name for name in result.missing_keys if f".{prefix}" in name or ".modules_to_save." in name]
    if own and config.peft_type == "LORA":
        raise ModelError(
            f"the adapter `{folder}` lacks {counted(own)} that its config asks for: {listed(_plain(own))}",
            "adapter_config.json is of another adapter, or the weights were saved in part: save both again",
        )
    ups = [t for name, t in weights.items() if re.search(r"\.lora_(embedding_)?B(\.|$)", name)]
    others = [name for name in weights if not re.search(r"\.lora_", name)]
    if ups and not others and not any(bool(up.any()) for up in ups):
        warn(f"the adapter `{folder}` changes nothing: every product B·A is zero, as before training")


def _plain(names: Iterable[str]) -> list[str]:
    return [name.removeprefix(PEFT_PREFIX).replace(".default", "") for name in names]


# ---- tokens ---------------------------------------------------------------------------------------------------------


def check_tokens(reference: str, model: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer that writes ids for which the model has no row; a padding mark of that kind is replaced.

    Special tokens that no prompt of the chat template writes make a warning: some published text models carry the mark
    of an image. Raises ModelError, naming the first token.
    """
    embeddings = model.get_input_embeddings()
    rows = getattr(embeddings, "num_embeddings", None) or embeddings.weight.shape[0]
    beyond = {token: i for token, i in tokenizer.get_vocab().items() if i >= rows}
    if tokenizer.eos_token_id is None and getattr(model.generation_config, "eos_token_id", None) is None:
        warn(
            f"neither the tokenizer nor the generation config of `{reference}` names an end token: replies run to the "
            f"limit"
        )
    if not beyond:
        return
    end = tokenizer.eos_token if tokenizer.eos_token_id is not None and tokenizer.eos_token_id < rows else None
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id >= rows and end is not None:
        warn(
            f"the padding token `{tokenizer.pad_token}` of `{reference}` has no row in the model; the end token pads "
            f"instead"
        )
        beyond.pop(tokenizer.pad_token, None)
        tokenizer.pad_token = end
    special = set(tokenizer.all_special_tokens) | {
        t.content for t in tokenizer.added_tokens_decoder.values() if t.special
    }
    written = _written(tokenizer)
    needed = {
        token: i for token, i in beyond.items() if token not in special or i in written or token == tokenizer.eos_token
    }
    if needed:
        first = min(needed, key=needed.__getitem__)
        raise ModelError(
            f"the tokenizer of `{reference}` has {len(needed)} tokens for which the model has no row: the first is "
            f"{first!r} ({needed[first]}), and the model has {rows}",
            "use the tokenizer that was saved with these weights, or add the rows and train them: "
            "model.resize_token_embeddings(len(tokenizer))",
        )
    if beyond:
        warn(
            f"{len(beyond)} special tokens of `{reference}` have no row in the model, such as {min(beyond)!r}: no "
            "prompt may hold them"
        )


def _written(tokenizer: Any) -> set[int]:
    """The ids that the chat template writes around the words of a prompt."""
    found: set[int] = set()
    for messages in PROBE:
        try:
            found |= set(encode_text(tokenizer, render(tokenizer, messages, reply=messages[-1]["role"] == "user")))
        except Exception:  # a template that refuses this order of roles
            continue
    return found


def differing_tokens(base: Any, tuned: Any) -> list[tuple[str, int, int | None]]:
    """The ordinary tokens of a base tokenizer that have another id, or none, in the tuned one, by id.

    Special tokens are left out: chat models rename reserved ones.
    """
    known = tuned.get_vocab()
    special = {t.content for one in (base, tuned) for t in one.added_tokens_decoder.values()}
    vocabulary = base.get_vocab()
    moved = [(t, i, known.get(t)) for t, i in vocabulary.items() if known.get(t) != i and t not in special]
    return sorted(moved, key=lambda entry: entry[1])


def token_difference(base: Any, tuned: Any) -> str:
    """In words, how two tokenizers differ; empty where they do not."""
    moved = differing_tokens(base, tuned)
    if not moved:
        return ""
    token, before, after = moved[0]
    return (
        f"{len(moved)} tokens differ, the first is {token!r} ({before} in the base, {after or 'unknown'} in the tuned)"
    )
