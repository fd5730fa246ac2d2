"""A model moved through a repair's strengths in memory: nothing is loaded twice, and a LoRA adapter is never merged.

    with open_sweep(repair, base, tuned, key) as sweep:
        for strength in repair.strengths:
            evaluate(sweep.at(strength), condition, bench)

`at` changes the tuned model in place and names what it gives by the repair and its strength; afterwards the tuned model
is as it was. The repair must be prepared.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from holdfast.core.contracts import Repair
from holdfast.core.errors import ModelError
from holdfast.core.records import digest
from holdfast.models.adapter import scale_adapter
from holdfast.models.load import Lineage, LoadedModel, joined, set_weight
from holdfast.models.load_check import token_difference
from holdfast.models.quantised_load import quantised_by
from holdfast.models.served import at_strength
from holdfast.repairing.inputs import named_weights


def is_adapter(loaded: LoadedModel) -> bool:
    """Whether a model carries a LoRA adapter that has not been merged."""
    return hasattr(loaded.model, "peft_config")


def is_quantised(*models: LoadedModel) -> bool:
    """Whether one of them holds packed numbers, which no repair of weights can compute with."""
    return any(quantised_by(loaded.model) for loaded in models)


def merged(loaded: LoadedModel) -> LoadedModel:
    """The model with its adapter merged into its weights, in place; a plain model as it is."""
    return replace(loaded, model=loaded.model.merge_and_unload()) if is_adapter(loaded) else loaded


def check_pair(base: LoadedModel, tuned: LoadedModel) -> None:
    """Raise ModelError, naming a tensor, unless the tuned model's tensors are the base's, but for added rows.

    An adapter was checked when it was put on its own base; another one than this makes a warning. Raises ModelError
    also when an ordinary token has another id in the tuned model.
    """
    if difference := token_difference(base.tokenizer, tuned.tokenizer):
        raise ModelError(
            f"`{base.name}` and `{tuned.name}` do not share a vocabulary: {difference}",
            "name the base that the tuned model was made from",
        )
    Lineage.of(tuned).warn_of(base)
    for loaded in (base, tuned):
        if loaded.served is None and any(p.device.type == "meta" for p in loaded.model.parameters()):
            raise ModelError(
                f"`{loaded.name}` does not fit into this machine's memory: some of its layers lie on disk",
                "repair it where base and tuned model fit, or an adapter by --repair wise-ft --engine vllm",
            )
    if is_adapter(tuned) or is_adapter(base) or is_quantised(base, tuned):
        return  # packed numbers have no shape to compare; `open_sweep` refuses to repair them
    before, own = named_weights(base.model), named_weights(tuned.model)
    unmatched = sorted(own.keys() ^ before.keys())
    if unmatched:
        raise ModelError(
            f"`{base.name}` and `{tuned.name}` do not belong together: {len(unmatched)} tensors are in one of them "
            f"only, the first is `{unmatched[0]}`",
            "name the base that the tuned model was made from",
        )
    for name, weight in own.items():
        first = before[name]
        if first.shape[1:] != weight.shape[1:] or first.shape[:1] > weight.shape[:1]:
            raise ModelError(
                f"`{name}` is {list(first.shape)} in `{base.name}` and {list(weight.shape)} in `{tuned.name}`",
                "name the base that the tuned model was made from",
            )


class Sweep:
    """A tuned model at any strength of a repair, in place; `serving_cost` is in forward passes of one model."""

    serving_cost = 1.0

    def __init__(self, base: LoadedModel, tuned: LoadedModel, repair: Repair, key: str) -> None:
        self.base, self.tuned, self.repair, self.key = base, tuned, repair, key

    def at(self, strength: float) -> LoadedModel:
        """The model at a strength, named by it."""
        raise NotImplementedError

    def changed(self, strength: float) -> bool:
        """Whether the model at this strength, where it has been, differs from the tuned one."""
        raise NotImplementedError

    def __enter__(self) -> Sweep:
        return self

    def named(self, strength: float) -> LoadedModel:
        if strength == self.repair.neutral:
            return self.tuned
        facts = {**self.tuned.facts, "name": f"{self.tuned.name}, {self.repair.spec} at {strength:g}"}
        made_of = {
            "base": self.base.fingerprint,
            "tuned": self.tuned.fingerprint,
            "repair": self.repair.spec,
            "strength": strength,
            "inputs": self.key,
        }
        return replace(self.tuned, fingerprint=digest(made_of), facts=facts)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the tuned model back as it was."""


class WeightSweep(Sweep):
    """Every parameter repaired in place, from the two models' own values."""

    def __init__(self, base: LoadedModel, tuned: LoadedModel, repair: Repair, key: str) -> None:
        super().__init__(base, tuned, repair, key)
        check_pair(base, tuned)
        self.before = named_weights(base.model)
        self.own = {name: weight.clone() for name, weight in named_weights(tuned.model).items()}
        self._changed: dict[float, bool] = {}

    @torch.no_grad()
    def at(self, strength: float) -> LoadedModel:
        changed = False
        for name, parameter in self.tuned.model.named_parameters():
            own = self.own[name]
            result = self.one(name, own, strength)
            if result is own:
                parameter.copy_(own)
            else:
                parameter.copy_(result)
                changed = changed or not torch.equal(parameter, own)
        self._changed[strength] = changed
        return self.named(strength)

    def one(self, name: str, own: torch.Tensor, strength: float) -> torch.Tensor:
        """A repaired tensor in float32, or the tuned one itself; rows that the base lacks stay the tuned model's."""
        base = self.before[name].to(own.device)
        shared = own[: base.shape[0]] if own.ndim and base.shape != own.shape else own
        before, after = base.float(), shared.float()
        result: torch.Tensor = self.repair.tensor(name, before, after, strength)
        if result is after:
            return own
        return result if shared is own else torch.cat([result, own[base.shape[0] :].float()])

    def changed(self, strength: float) -> bool:
        return self._changed[strength]

    @torch.no_grad()
    def close(self) -> None:
        for name, parameter in self.tuned.model.named_parameters():
            parameter.copy_(self.own[name])


class AdapterSweep(Sweep):
    """A LoRA adapter scaled in place: base + α·(scale·BA) is the interpolation with the base."""

    def __init__(self, base: LoadedModel, tuned: LoadedModel, repair: Repair, key: str) -> None:
        from peft.tuners.lora import LoraLayer

        super().__init__(base, tuned, repair, key)
        self.layers = [layer for layer in tuned.model.modules() if isinstance(layer, LoraLayer)]
        self.scales = [dict(layer.scaling) for layer in self.layers]

    def at(self, strength: float) -> LoadedModel:
        for layer, scales in zip(self.layers, self.scales, strict=True):
            layer.scaling.update({adapter: scale * strength for adapter, scale in scales.items()})
        return self.named(strength)

    def changed(self, strength: float) -> bool:
        ups: list[Any] = [up for layer in self.layers for up in layer.lora_B.values()]
        return strength != 1.0 and any(bool(up.weight.any()) for up in ups)

    def close(self) -> None:
        for layer, scales in zip(self.layers, self.scales, strict=True):
            layer.scaling.update(scales)


class ServedSweep(Sweep):
    """A LoRA adapter served by an engine, at each strength from a folder of its own in which it is scaled."""

    def __init__(self, base: LoadedModel, tuned: LoadedModel, repair: Repair, key: str) -> None:
        super().__init__(base, tuned, repair, key)
        self.folders = tempfile.TemporaryDirectory(prefix="holdfast-strengths-")

    def at(self, strength: float) -> LoadedModel:
        named = self.named(strength)
        if strength == self.repair.neutral or named.served is None or named.served.adapter is None:
            return named
        if strength == 0.0:
            return at_strength(named, None)
        folder = Path(self.folders.name) / f"{strength:g}"
        if not folder.exists():
            scale_adapter(Path(named.served.adapter), {strength: folder})
        return at_strength(named, folder)

    def changed(self, strength: float) -> bool:
        return strength != self.repair.neutral  # an adapter that changes nothing is refused when it is scaled

    def close(self) -> None:
        self.folders.cleanup()


class DecodingSweep(Sweep):
    """Base and tuned model decoded together, at another weight each time."""

    serving_cost = 2.0

    def __init__(self, base: LoadedModel, tuned: LoadedModel, repair: Repair, key: str) -> None:
        super().__init__(base, tuned, repair, key)
        # An adapter lies on weights that equal the base's, so one model is both.
        self.both = joined(base, tuned, is_adapter(tuned), 0.5, repair.decoding)

    def at(self, strength: float) -> LoadedModel:
        set_weight(self.both, strength)
        return replace(self.both, facts=dict(self.both.facts)) if strength != self.repair.neutral else self.tuned

    def changed(self, strength: float) -> bool:
        return strength != self.repair.neutral


def scales_adapter(loaded: LoadedModel) -> bool:
    """Whether scaling a model's adapter interpolates it with its base: plain LoRA that leaves its base alone."""
    if not is_adapter(loaded):
        return False
    config: Any = loaded.model.active_peft_config
    plain = not (getattr(config, "use_dora", False) or getattr(config, "modules_to_save", None))
    return plain and config.peft_type == "LORA" and getattr(config, "bias", "none") == "none"


def keeps_adapter(repair: Repair, tuned: LoadedModel) -> bool:
    """Whether a repair works on an adapter as it is: by scaling it, or at decoding."""
    return bool(repair.decoding) or (repair.linear and scales_adapter(tuned))


def open_sweep(repair: Repair, base: LoadedModel, tuned: LoadedModel, key: str = "") -> Sweep:
    """The sweep that fits a repair and a tuned model; `key` names whatever else the repair draws on.

    An adapter is scaled for a linear repair, and merged in place for any other that works on weights. Raises ModelError
    for models that do not belong together, and for quantised weights that would be changed.
    """
    if tuned.served is not None:
        return ServedSweep(base, tuned, repair, key)
    if repair.decoding:
        return DecodingSweep(base, tuned, repair, key)
    if keeps_adapter(repair, tuned):
        return AdapterSweep(base, tuned, repair, key)
    if is_quantised(base, tuned):
        raise ModelError(
            f"the repair `{repair.spec}` works on whole weights, and `{base.name}` or `{tuned.name}` is quantised",
            "repair the weights before they were quantised",
        )
    return WeightSweep(base, merged(tuned), repair, key)
