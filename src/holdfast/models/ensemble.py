"""Base and tuned model decoded together: at every token their probabilities, or log-probabilities, are averaged.

    loaded = load_model("ensemble:guild+path/to/adapter@0.5")      # weight 0.5 on the tuned model
    loaded = load_model("ensemble:org/base+path/to/tuned@0.3,log")  # weight 0.3, log-probabilities

A way of loading two models, not a file: nothing here is trained or saved. An adapter on its own base is loaded once,
and base and tuned rows share one forward pass. The weight may be changed between calls, so a sweep reloads nothing.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import Cache, DynamicCache, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.pytorch_utils import Conv1D

from holdfast.core.errors import ModelError
from holdfast.models.ensemble_reference import SPACES, check_weight
from holdfast.models.kv_cache import CACHE_NAMES, cache_name, one_token_products, roomy_cache

# What the installed transformers calls the cache in a model's output.
OUTPUT_CACHE = next(name for name in CACHE_NAMES if name in inspect.signature(CausalLMOutputWithPast).parameters)


# ---- the average ----------------------------------------------------------------------------------------------------


def mix(base: torch.Tensor, tuned: torch.Tensor, weight: float, space: str) -> torch.Tensor:
    """Logits of the average of two next-token distributions, float32, for a weight between 0 and 1.

    base and tuned are logits (..., vocabulary). Of log-probabilities the result is not normalised, and a token that is
    impossible for either model is impossible. Computed from log-softmax, so that small probabilities do not vanish.
    """
    base = functional.log_softmax(base, dim=-1, dtype=torch.float32)
    tuned = functional.log_softmax(tuned, dim=-1, dtype=torch.float32)
    if space == "log-probability":
        return base.mul_(1 - weight).add_(tuned, alpha=weight)
    return torch.logaddexp(base.add_(math.log1p(-weight)), tuned.add_(math.log(weight)))


# ---- caches ---------------------------------------------------------------------------------------------------------


class EnsembleCache(Cache):
    """The caches of an ensemble's passes as one cache, for `generate` to reorder, repeat, select and crop.

    `parts` holds a cache for each pass: `base` and `tuned`, or `both`, whose rows are the base's and then the tuned's.
    """

    offloading = False
    layer_class_to_replicate = None

    def __init__(self, parts: dict[str, DynamicCache]) -> None:
        self.parts = parts  # not Cache's own start: the layers are those of the parts

    @property
    def layers(self) -> list[Any]:  # type: ignore[override]
        return [layer for part in self.parts.values() for layer in part.layers]

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        super().reorder_cache(self._in_both_halves(beam_idx))  # type: ignore[arg-type]

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        super().batch_select_indices(self._in_both_halves(indices))

    def _in_both_halves(self, rows: torch.Tensor) -> torch.Tensor:
        """Row indices, or a mask of rows, of the ensemble's batch as those of the cache, which may hold it twice."""
        if "both" not in self.parts:
            return rows
        if rows.dtype == torch.bool:
            return torch.cat([rows, rows])
        held = next((layer.keys.shape[0] for layer in self.layers if getattr(layer, "keys", None) is not None), 0)
        return torch.cat([rows, rows + held // 2])


# ---- two models -----------------------------------------------------------------------------------------------------


def _plain(model: Any) -> Any:
    """The transformers model inside an adapter's wrapper, with the adapter's layers in it."""
    if getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False):
        raise ModelError("an adapter of prompts cannot be in an ensemble", "use a LoRA adapter or whole models")
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _ensemble_config(base: Any, tuned: Any) -> Any:
    """The tuned model's config with the wider vocabulary and the shorter reach of the two."""
    config = copy.deepcopy(tuned.config)
    texts = [model.config.get_text_config() for model in (base, tuned)]
    config.get_text_config().vocab_size = max(text.vocab_size for text in texts)
    reaches = [reach for text in texts if (reach := getattr(text, "max_position_embeddings", None))]
    if len(reaches) == len(texts):
        config.get_text_config().max_position_embeddings = min(reaches)
    # The ensemble has no attention and no experts of its own; its two models keep the kernels that they were loaded
    # with.
    config._attn_implementation = config._experts_implementation = "eager"
    return config


class EnsembleForCausalLM(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """Two models of one vocabulary as one: `logits` are those of the weighted average of their distributions.

    weight is the tuned model's, in [0, 1]; space is `probability`, log((1-w)·softmax(base) + w·softmax(tuned)), or
    `log-probability`, (1-w)·log_softmax(base) + w·log_softmax(tuned), which is not normalised. At 0 and 1 only the one
    model runs, and its own logits are returned. A token that one model has no row for has probability 0 there, and is
    read there as padding. Raises ModelError for a weight or space that cannot be, and for models that cannot be joined.
    """

    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = _supports_attention_backend = True

    def __init__(self, base: Any, tuned: Any, weight: float = 0.5, space: str = "probability") -> None:
        base, tuned = _plain(base), _plain(tuned)
        super().__init__(_ensemble_config(base, tuned))
        self.generation_config = copy.deepcopy(tuned.generation_config)
        self.base, self.tuned = base, tuned
        self.weight, self.space = weight, space
        models = {"base": base, "tuned": tuned}
        self._accepted = {name: set(inspect.signature(model.forward).parameters) for name, model in models.items()}
        for name in models:
            if cache_name(type(models[name])) is None:
                kind = type(models[name]).__name__
                raise ModelError(f"{kind} has no attention cache", "an ensemble takes decoder models with attention")
        self.eval()

    @property
    def weight(self) -> float:
        """The weight on the tuned model; it may be changed between calls."""
        return self._weight

    @weight.setter
    def weight(self, weight: float) -> None:
        self._weight = check_weight(weight)

    @property
    def space(self) -> str:
        """Where the average is taken: `probability` or `log-probability`."""
        return self._space

    @space.setter
    def space(self, space: str) -> None:
        if space not in SPACES:
            raise ModelError(f"`{space}` is not a space to average in", f"known: {', '.join(SPACES)}")
        self._space = space

    def new_cache(self) -> EnsembleCache:
        """An empty cache for the passes that the present weight needs."""
        return EnsembleCache({name: roomy_cache(self._model_of(name)) for name in self._passes()})

    @torch.no_grad()
    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        cache: EnsembleCache | None = None,
        past_key_values: EnsembleCache | None = None,
        logits_to_keep: int = 0,
        **others: Any,
    ) -> CausalLMOutputWithPast:
        """Logits (rows, tokens, vocabulary) of the average; of the last `logits_to_keep` tokens where that is above 0.

        input_ids (rows, tokens); attention_mask (rows, tokens so far), padded on the left or not at all. Without
        position_ids they are counted from the mask. Of others `use_cache` is read. Raises ModelError for a cache that
        is not this ensemble's, and for arguments that an ensemble cannot honour, such as labels.
        """
        use_cache = others.pop("use_cache", None)
        refused = [
            name for name, value in others.items() if name != "return_dict" and value is not None and value is not False
        ]
        if refused:
            raise ModelError(f"an ensemble takes no `{refused[0]}`", "it decodes, and does nothing else")
        cache = past_key_values if cache is None else cache  # the older name, as older versions of generate pass it
        if use_cache is None:
            use_cache = cache is not None or bool(getattr(self.config, "use_cache", True))
        cache = self._checked(cache) if cache is not None else None
        if cache is None and use_cache:
            cache = self.new_cache()
        if position_ids is None and attention_mask is not None and attention_mask.ndim == 2:
            position_ids = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)[:, -input_ids.shape[1] :]
        inputs = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "position_ids": position_ids,
            "use_cache": use_cache,
            "logits_to_keep": logits_to_keep,
        }
        found: list[torch.Tensor] = []
        passes = self._passes()
        for name in passes:
            # Where one model answers alone, it does so by its own kernel, and to the last bit as it would by itself.
            alone = len(passes) == 1 and name != "both"
            with nullcontext() if alone else one_token_products(self._model_of(name)):
                found += self._pass(name, {**inputs, "cache": cache.parts[name] if cache is not None else None})
        logits = found[0] if len(found) == 1 else mix(found[0], found[1], self.weight, self.space)
        return CausalLMOutputWithPast(logits=logits, **{OUTPUT_CACHE: cache})  # type: ignore[arg-type]

    def _passes(self) -> tuple[str, ...]:
        return ("base",) if self.weight == 0 else ("tuned",) if self.weight == 1 else ("base", "tuned")

    def _model_of(self, name: str) -> Any:
        """The model that a pass runs: of both, the tuned one, which is the base with an adapter."""
        return self.base if name == "base" else self.tuned

    def _pass(self, name: str, inputs: dict[str, Any]) -> tuple[torch.Tensor, ...]:
        """The logits of one pass, as wide as the wider vocabulary; of a pass of both, the base's and the tuned's."""
        return (self._logits(name, inputs),)

    def _logits(self, name: str, inputs: dict[str, Any]) -> torch.Tensor:
        model, keep, width = getattr(self, name), inputs["logits_to_keep"], self.config.get_text_config().vocab_size
        text = model.config.get_text_config()
        if text.vocab_size < width:
            ids = inputs["input_ids"]
            inputs = {**inputs, "input_ids": ids.masked_fill(ids >= text.vocab_size, _padding(model))}
        inputs = {**inputs, str(cache_name(type(model))): inputs["cache"]}
        accepted = {key: value for key, value in inputs.items() if key in self._accepted[name]}
        logits: torch.Tensor = model(**accepted, return_dict=True).logits
        if keep and "logits_to_keep" not in accepted:
            logits = logits[:, -keep:]
        missing = width - logits.shape[-1]
        return functional.pad(logits, (0, missing), value=-math.inf) if missing > 0 else logits

    def _checked(self, cache: Any) -> EnsembleCache:
        """The cache itself. Raises ModelError when it is not one that the present weight can go on with."""
        if not isinstance(cache, EnsembleCache):
            raise ModelError(f"an ensemble cannot use a {type(cache).__name__}", "pass model.new_cache(), or no cache")
        if tuple(cache.parts) != self._passes():
            raise ModelError("the weight was moved to or from 0 or 1 while this cache was in use", "begin a new cache")
        return cache

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False  # `generate` leaves the making of the cache to `forward`

    def train(self, mode: bool = True) -> EnsembleForCausalLM:
        """Evaluation mode. Raises ModelError when asked for training mode."""
        if mode:
            raise ModelError("an ensemble cannot be trained", "tune one of its two models")
        super().train(False)
        return self

    def save_pretrained(self, *_: Any, **__: Any) -> None:
        """Raises ModelError: an ensemble is a way of loading."""
        raise ModelError("an ensemble is a way of loading two models, not a file", "keep both, or merge their weights")


def _padding(model: Any) -> int:
    """The token by which a model reads what it has no row for."""
    configs = (model.generation_config, model.config.get_text_config())
    ids = [getattr(config, name, None) for name in ("pad_token_id", "eos_token_id") for config in configs]
    flat = [i for found in ids for i in (found if isinstance(found, list) else [found])]
    return next((i for i in flat if i is not None and 0 <= i < model.config.get_text_config().vocab_size), 0)


# ---- an adapter on its own base -------------------------------------------------------------------------------------


def leaves_base_alone(config: Any) -> bool:
    """Whether a model with this adapter is its base once the adapter is off, so that it need not be loaded twice.

    Not so for adapters that tune the base's biases, copy its layers, or begin by taking a part out of its weights
    (PiSSA and its like).
    """
    return (
        not config.is_prompt_learning
        and getattr(config, "bias", "none") == "none"
        and not getattr(config, "layer_replication", None)
        and getattr(config, "init_lora_weights", True) in (True, False, "gaussian")
    )


def shares_a_pass(adapted: Any) -> bool:
    """Whether rows with and without the adapter can share a pass: plain LoRA on linear layers outside experts.

    DoRA and other variants, tuned copies of whole modules and adapters on experts, which see tokens and not rows,
    cannot.
    """
    from peft.tuners.lora import LoraLayer
    from peft.tuners.tuners_utils import BaseTunerLayer

    config = adapted.active_peft_config
    if any(getattr(config, name, None) for name in ("modules_to_save", "target_parameters", "trainable_token_indices")):
        return False
    layers = {name: layer for name, layer in adapted.named_modules() if isinstance(layer, BaseTunerLayer)}
    return len(adapted.active_adapters) == 1 and all(
        isinstance(layer, LoraLayer)
        and isinstance(layer.base_layer, (nn.Linear, Conv1D))
        and adapted.active_adapter in layer.lora_A
        and adapted.active_adapter not in layer.lora_variant
        and not layer.merged
        and ".experts." not in name
        and "forward" not in vars(layer)  # somebody's hook already
        for name, layer in layers.items()
    )


def _forward_apart(layer: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """A LoRA layer's forward that leaves the first half of the rows, the base's, without the adapter.

    PEFT's own mixed batch gathers and scatters rows; halves are views, and the product is added in place.
    """
    result: torch.Tensor = layer.base_layer(x, *args, **kwargs)
    (adapter,) = layer.active_adapters
    down, up, scaling = layer.lora_A[adapter], layer.lora_B[adapter], layer.scaling[adapter]
    half = x.shape[0] // 2
    if x.dtype == down.weight.dtype == result.dtype and up.bias is None:
        low = functional.linear(x[half:], down.weight).view(-1, down.weight.shape[0])
        result[half:].view(-1, result.shape[-1]).addmm_(low, up.weight.t(), alpha=scaling)
    else:
        result[half:] += up(down(x[half:].to(down.weight.dtype))) * scaling
    return result


class LoraEnsembleForCausalLM(EnsembleForCausalLM):
    """The ensemble of an adapter and the base that it lies on, with one model in memory.

    adapted is a PeftModel. Plain LoRA takes one pass, of a batch with every row twice; other adapters take two, one of
    them with the adapter off. Raises ModelError for an adapter that has changed its base.
    """

    def __init__(self, adapted: Any, weight: float = 0.5, space: str = "probability") -> None:
        from peft.tuners.lora import LoraLayer

        if not leaves_base_alone(adapted.active_peft_config):
            raise ModelError("this adapter changes its base, so one model cannot be both", "load the base on its own")
        super().__init__(adapted, adapted, weight, space)
        self.adapted = adapted
        self.one_pass = shares_a_pass(adapted)
        layers = [layer for layer in adapted.modules() if isinstance(layer, LoraLayer)]
        self._forwards = [(layer, partial(_forward_apart, layer)) for layer in layers]

    def _passes(self) -> tuple[str, ...]:
        passes = super()._passes()
        return ("both",) if self.one_pass and len(passes) == 2 else passes

    def _pass(self, name: str, inputs: dict[str, Any]) -> tuple[torch.Tensor, ...]:
        if name == "both":
            rows = inputs["input_ids"].shape[0]
            with self._halves_apart():
                logits = self._logits("tuned", {key: _twice(value, rows) for key, value in inputs.items()})
            return logits[:rows], logits[rows:]
        with self.adapted.disable_adapter() if name == "base" else nullcontext():
            return super()._pass(name, inputs)

    @contextmanager
    def _halves_apart(self) -> Iterator[None]:
        """For one pass the LoRA layers tell the halves of the batch apart; after it they are PEFT's own again."""
        for layer, forward in self._forwards:
            vars(layer)["forward"] = forward
        try:
            yield
        finally:
            for layer, _ in self._forwards:
                vars(layer).pop("forward", None)


def _twice(value: Any, rows: int) -> Any:
    """A batch of so many rows with its rows twice; what is not a batch stays as it is."""
    return torch.cat([value, value]) if isinstance(value, torch.Tensor) and len(value) == rows else value
