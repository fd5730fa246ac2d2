"""What defences need of the inside of a model: its layers, a copy of what is trained, passes over rows before step 1.

references(model, trainer, read)     what `read` keeps of the untouched model's logits, for every training row
last_vectors(model, tokenizer, prompts)   the last token's vector after every layer
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from holdfast.core.errors import UsageError
from holdfast.core.records import Message
from holdfast.models.chat import IGNORE, prompt_ids

# How architectures name the matrices that LoRA adapts where nothing else is said: query and value, fused where one
# matrix holds query, key and value.
QUERY_AND_VALUE = (("q_proj", "v_proj"), ("query", "value"), ("q_lin", "v_lin"))
FUSED = ("qkv_proj", "query_key_value", "c_attn", "Wqkv", "qkv", "att_proj", "W_pack")


def trained(model: Any) -> list[Any]:
    """The parameters that training moves."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def copies(parameters: Sequence[Any], dtype: torch.dtype | None = None) -> list[torch.Tensor]:
    """The values that parameters have now."""
    return [parameter.detach().clone().to(dtype or parameter.dtype) for parameter in parameters]


def layers_of(model: Any) -> Sequence[Any]:
    """The model's blocks, first to last. Raises UsageError for an architecture that has no plain list of them."""
    count = model.config.get_text_config().num_hidden_layers
    for module in model.modules():  # from the outside in, so experts of a layer come after the layers
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return list(module)
    raise UsageError(f"no list of {count} layers in {type(model).__name__}", "use a defence that needs no layers")


def lora_targets(model: Any) -> list[str] | str | None:
    """Where LoRA goes by default: PEFT's table where it has the architecture, else query and value by their names.

    None where the layers hold neither; a mixture's experts are left as they are.
    """
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as KNOWN

    if known := KNOWN.get(model.config.model_type):
        return known if isinstance(known, str) else list(known)
    names = {name.rpartition(".")[2] for layer in layers_of(model) for name, _ in layer.named_modules()}
    for pair in QUERY_AND_VALUE:
        if names.issuperset(pair):
            return list(pair)
    return next(([name] for name in FUSED if name in names), None)


def unpack_for_training(model: Any) -> None:
    """Undo what bitsandbytes does to 4-bit weights on some CPUs at the first question: packed, they pass no gradient.

    An adapter trained on packed weights stays at zero, and nothing is said.
    """
    for module in model.modules():
        state = getattr(getattr(module, "weight", None), "quant_state", None)
        if getattr(state, "packing_format_for_cpu", False):
            module.state_dict()  # which unpacks in place


def final_norm(model: Any) -> Any:
    """The norm between the last layer and the head, or None: the last norm that stands beside the list of layers."""
    layers = layers_of(model)
    for module in model.modules():
        children = list(module.children())
        if any(isinstance(child, torch.nn.ModuleList) and list(child) == list(layers) for child in children):
            norms = [child for child in children if "norm" in type(child).__name__.lower()]
            return norms[-1] if norms else None
    return None


def answer_mask(labels: torch.Tensor) -> torch.Tensor:
    """Which predicted positions are learnt, (rows, tokens − 1): position t predicts token t + 1."""
    return labels[:, 1:] != IGNORE


def answer_positions(mask: torch.Tensor) -> torch.Tensor:
    """The place of each learnt token within its own answer, from 1; 0 where nothing is learnt."""
    counted = mask.long().cumsum(1)
    before = (counted * ~mask).cummax(1).values  # what was counted up to the last gap
    return (counted - before) * mask


def row_keys(inputs: dict[str, Any]) -> list[bytes]:
    """What names each row of a batch, whatever its padding: its token ids and which of them are learnt."""
    ids, labels = inputs["input_ids"].int().cpu(), inputs["labels"].int().cpu()
    lengths = inputs["attention_mask"].sum(1).tolist()
    return [
        ids[i, :length].numpy().tobytes() + labels[i, :length].numpy().tobytes() for i, length in enumerate(lengths)
    ]


@contextlib.contextmanager
def untouched(model: Any) -> Iterator[None]:
    """No dropout and no gradients, and afterwards as before."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def references(model: Any, trainer: Any, read: Callable[[torch.Tensor, torch.Tensor], Any]) -> dict[bytes, Any]:
    """`read(logits, targets)` of every training row by the model as it stands; logits (answer tokens, vocabulary).

    One forward pass over the rows; it draws no random number, so the training that follows is what it would have been.
    """
    data = trainer.train_dataset
    lengths = [len(ids) for ids in data["input_ids"]]
    order = sorted(range(len(data)), key=lengths.__getitem__)
    size = trainer.args.per_device_train_batch_size
    device = next(model.parameters()).device
    known: dict[bytes, Any] = {}
    with untouched(model), trainer.accelerator.autocast():
        for start in range(0, len(order), size):
            batch = trainer.data_collator([data[i] for i in order[start : start + size]])
            inputs = {key: value.to(device) for key, value in batch.items()}
            labels = inputs.pop("labels")
            logits = model(**inputs, use_cache=False).logits[:, :-1]
            mask = answer_mask(labels)
            for i, key in enumerate(row_keys(batch)):
                known[key] = read(logits[i][mask[i]].float(), labels[i, 1:][mask[i]])
    return known


def last_vectors(model: Any, tokenizer: Any, prompts: Sequence[list[Message]], batch_size: int = 16) -> torch.Tensor:
    """The vector of each prompt's last token, where the reply begins: (layers + 1, prompts, width), float32, on CPU.

    The first of the layers is the embedding.
    """
    encoded = [prompt_ids(tokenizer, messages) for messages in prompts]
    device = next(model.parameters()).device
    found = []
    with untouched(model):
        for start in range(0, len(encoded), batch_size):
            part = encoded[start : start + batch_size]
            longest = max(map(len, part))
            ids = torch.tensor([row + [tokenizer.pad_token_id or 0] * (longest - len(row)) for row in part])
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in part])
            hidden = model(
                input_ids=ids.to(device), attention_mask=mask.to(device), output_hidden_states=True, use_cache=False
            ).hidden_states
            last = torch.tensor([len(row) - 1 for row in part], device=device)
            rows = torch.arange(len(part), device=device)
            found.append(torch.stack([layer[rows, last].float().cpu() for layer in hidden]))
    return torch.cat(found, dim=1)
