"""A model reference to a loaded model: `guild`, a directory, a LoRA adapter, a hub id, an ensemble of two of these.

    loaded = load_model("guild")
    loaded.model, loaded.tokenizer, loaded.fingerprint

safetensors only, no code from the hub unless asked, offline for what lies on disk.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from holdfast.core.errors import ModelError, reason_of
from holdfast.core.records import digest
from holdfast.core.worlds import REAL, World, world_of
from holdfast.models.adapter import base_of_adapter
from holdfast.models.chat import TemplateArguments, given_arguments, require_template
from holdfast.models.ensemble import EnsembleForCausalLM, LoraEnsembleForCausalLM, leaves_base_alone
from holdfast.models.ensemble_reference import PREFIX, EnsembleReference, check_vocabularies, parse_reference
from holdfast.models.files import check_json, fingerprint, locate, weight_files
from holdfast.models.load_check import (
    check_adapter,
    check_numbers,
    check_report,
    check_tokens,
    read_adapter,
    token_difference,
    warn,
)
from holdfast.models.quantised import bits_of, check_library, quantisation
from holdfast.models.quantised_load import by_bitsandbytes, check_computes, quantised_by
from holdfast.models.vllm_server import Engine, Served

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class ModelOptions:
    """How to load a model, whichever it is."""

    dtype: str = "auto"
    device: str = "auto"
    chat_template: str | None = None
    trust_remote_code: bool = False
    template_args: TemplateArguments = ()
    quantise: str = ""  # 4bit or 8bit: by bitsandbytes, as the model is loaded (QLoRA)
    device_map: str = ""  # transformers': auto, balanced or sequential, over all GPUs, then the CPU
    engine: Engine | None = None  # see models.served; None is transformers, in this process


@dataclass
class LoadedModel:
    """A model with its tokenizer and what names its weights."""

    reference: str
    model: Any
    tokenizer: Any
    fingerprint: str
    world: World = REAL
    adapter_of: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    served: Served | None = None  # what an engine is asked for; the weights are not here then

    @property
    def name(self) -> str:
        if "name" in self.facts:
            return str(self.facts["name"])
        return self.reference if not Path(self.reference).exists() else Path(self.reference).resolve().name

    @property
    def embedded(self) -> bool:
        """Whether its world brings prompts and rows of its own; for plug-ins of other packages that ask so."""
        return self.world.embedded

    @property
    def engine(self) -> Engine | None:
        """The engine that makes the replies; None is transformers, in this process."""
        return self.served.engine if self.served else None

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    def describe(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "fingerprint": self.fingerprint,
            "architecture": type(self.model).__name__,
            "parameters": self.parameters,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "device": str(self.device) if self.served is None else self.served.root.device,
            "engine": self.engine.describe() if self.engine else {"name": "hf", "version": transformers.__version__},
            "chat_template": digest(self.tokenizer.chat_template),
            **({"template_args": given} if (given := given_arguments(self.tokenizer)) else {}),
            **({"adapter_of": self.adapter_of} if self.adapter_of else {}),
            **({"ensemble": dict(self.facts["ensemble"])} if "ensemble" in self.facts else {}),
            **({"quantised": self.facts["quantised"]} if "quantised" in self.facts else {}),
        }

    @property
    def parameters(self) -> int:
        """How many there are; where two lie in a byte they count as two."""
        if quantised_by(self.model) and hasattr(self.model, "num_parameters"):
            return int(self.model.num_parameters())
        return sum(p.numel() for p in self.model.parameters())


# Models in memory by the reference that names them, for as long as a caller of the library lends them.
_LIVE: ContextVar[Mapping[str, LoadedModel]] = ContextVar("live_models", default=MappingProxyType({}))


@contextmanager
def live_models(models: Mapping[str, LoadedModel]) -> Iterator[None]:
    """Within it `load_model` finds these models by their references, ahead of folders and hub ids."""
    token = _LIVE.set({**_LIVE.get(), **models})
    try:
        yield
    finally:
        _LIVE.reset(token)


def is_live(reference: str) -> bool:
    """Whether a caller lends the model of this reference, in memory."""
    return reference in _LIVE.get()


def choose_device(wanted: str) -> torch.device:
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def has_fast_bfloat16() -> bool:
    """Whether this CPU has bfloat16 instructions; without them bfloat16 is some fifty times slower than float32."""
    abilities = torch.cpu.get_capabilities()
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def choose_dtype(wanted: str, stored: torch.dtype | None, device: torch.device) -> torch.dtype:
    """The checkpoint's own on an accelerator; float32 on a CPU that would emulate it."""
    if wanted != "auto":
        if wanted not in DTYPES:
            raise ModelError(f"unknown dtype `{wanted}`", f"known: auto, {', '.join(DTYPES)}")
        return DTYPES[wanted]
    if device.type == "cpu" and not has_fast_bfloat16():
        return torch.float32
    return stored if stored is not None and stored in DTYPES.values() else torch.float32


def pretrained(kind: Any, source: str, **options: Any) -> Any:
    """`from_pretrained`, with its failures as ModelError: whatever a library raises here is about what it was given."""
    try:
        return kind.from_pretrained(source, **options)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(
            f"cannot load `{source}`: {reason_of(error)}", "check the folder or id, the network and your access"
        ) from error


def load_tokenizer(source: str, options: ModelOptions) -> Any:
    tokenizer = pretrained(AutoTokenizer, source, trust_remote_code=options.trust_remote_code)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _load_weights(source: str, options: ModelOptions) -> Any:
    config = pretrained(AutoConfig, source, trust_remote_code=options.trust_remote_code)
    entry = quantised_by(SimpleNamespace(config=config))
    check_library(source, {"quantization_config": entry})
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, getattr(config, "dtype", None), device)
    given: dict[str, Any] = {}
    if options.quantise and not entry:
        given = {"quantization_config": by_bitsandbytes(options.quantise, dtype)}
        entry = given["quantization_config"].to_dict()
    if options.device_map:
        given["device_map"] = options.device_map
    elif entry:
        given["device_map"] = {"": device}  # packed numbers are not moved afterwards
    model, report = pretrained(
        AutoModelForCausalLM,
        source,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=options.trust_remote_code,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        **given,
    )
    check_report(source, model, report)  # what has another shape is refused there, by name
    if entry is None:
        model = model if options.device_map else model.to(device)
    elif getattr(getattr(model, "quantization_method", None), "value", None) is None and model.dtype != dtype:
        model = model.to(dtype)  # transformers made plain numbers of it, in a format of its own choice
    check_numbers(source, model)
    if entry:
        check_computes(source, model, bits_of(entry))
    return model


def _load_adapter(
    reference: str, folder: Path, options: ModelOptions, loaded: LoadedModel | None = None
) -> LoadedModel:
    """The adapter of a folder on its base, which is loaded unless it is given."""
    from peft import PeftModel

    base = base_of_adapter(folder)
    weight_files(folder)
    weights = read_adapter(folder)
    loaded = loaded or load_model(base, options)
    model = _pretrained_adapter(PeftModel, loaded.model, folder)
    check_adapter(folder, model, weights)
    own_tokenizer = (folder / "tokenizer_config.json").exists()
    tokenizer = load_tokenizer(str(folder), options) if own_tokenizer else loaded.tokenizer
    require_template(tokenizer, reference, options.chat_template, options.template_args)
    check_tokens(reference, model, tokenizer)
    name = digest({"base": loaded.fingerprint, "adapter": fingerprint(weight_files(folder))})
    facts = {"base_fingerprint": loaded.fingerprint}
    if "quantised" in loaded.facts:
        facts["quantised"] = loaded.facts["quantised"]
    return LoadedModel(reference, model, tokenizer, name, loaded.world, adapter_of=base, facts=facts)


def _pretrained_adapter(kind: Any, model: Any, folder: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # `check_adapter` refuses them
            return kind.from_pretrained(model, str(folder))
    except MemoryError:
        raise
    except Exception as error:
        shapes = re.search(
            r"size mismatch for (\S+): copying a param with shape torch.Size\((.*?)\).*?torch.Size\((.*?)\)", str(error)
        )
        reason = f"`{shapes[1]}` is {shapes[2]} and should be {shapes[3]}" if shapes else reason_of(error)
        raise ModelError(
            f"cannot put the adapter `{folder}` on its base: {reason}",
            "was it trained on this base, and is adapter_config.json its own?",
        ) from error


def _is_model(reference: str) -> bool:
    try:
        locate(reference)
    except ModelError:
        return False
    return True


def _lies_on(adapter: str, base: str) -> bool:
    """Whether a reference is an adapter on this base, and leaves its weights as they are."""
    from peft import PeftConfig

    folder = locate(adapter)
    if folder is None or not (folder / "adapter_config.json").exists():
        return False
    own, given = locate(base_of_adapter(folder)), locate(base)
    same = base_of_adapter(folder) == base if own is None or given is None else own.resolve() == given.resolve()
    return same and leaves_base_alone(pretrained(PeftConfig, str(folder)))


def _load_ensemble(reference: str, options: ModelOptions) -> LoadedModel:
    """Base and tuned model as one; an adapter on the base shares its weights."""
    asked = parse_reference(reference, _is_model)
    base = load_model(asked.base, options)
    once = _lies_on(asked.tuned, asked.base)
    tuned = _load_adapter(asked.tuned, Path(asked.tuned), options, base) if once else load_model(asked.tuned, options)
    return joined(base, tuned, once, asked.weight, asked.space)


def joined(base: LoadedModel, tuned: LoadedModel, once: bool, weight: float, space: str) -> LoadedModel:
    """The ensemble of two loaded models; `once` says that the tuned one is an adapter on the base's own weights.

    Raises ModelError when their vocabularies differ.
    """
    check_vocabularies(base.tokenizer, tuned.tokenizer)
    if once:
        model: Any = LoraEnsembleForCausalLM(tuned.model, weight, space)
    else:
        model = EnsembleForCausalLM(base.model, tuned.model, weight, space)
    facts = {"base": base.fingerprint, "tuned": tuned.fingerprint, "space": space}
    reference = str(EnsembleReference(base.reference, tuned.reference, weight, space))
    loaded = LoadedModel(reference, model, tuned.tokenizer, "", tuned.world, facts={"ensemble": facts})
    loaded.facts["name"] = f"{PREFIX}{base.name}+{tuned.name}@"
    set_weight(loaded, weight)
    return loaded


def set_weight(loaded: LoadedModel, weight: float) -> None:
    """Move an ensemble to another weight on the tuned model; its name and fingerprint follow, and nothing is loaded.

    Raises ModelError for a model that is no ensemble, and for a weight outside [0, 1].
    """
    if "ensemble" not in loaded.facts:
        raise ModelError(f"`{loaded.name}` is one model and has no weight", f"load {PREFIX}BASE+TUNED")
    loaded.model.weight = weight
    loaded.facts["ensemble"]["weight"] = loaded.model.weight
    loaded.fingerprint = digest(loaded.facts["ensemble"])
    ending = f"{loaded.model.weight}{',log' if loaded.model.space == 'log-probability' else ''}"
    loaded.reference, loaded.facts["name"] = (
        f"{text.rpartition('@')[0]}@{ending}" for text in (loaded.reference, loaded.facts["name"])
    )


def load_model(reference: str, options: ModelOptions | None = None, fresh: bool = False) -> LoadedModel:
    """Load a model by reference, in evaluation mode. Raises ModelError with a hint for whatever is wrong with it.

    fresh: whether the model will be changed, so that one that a caller lends (see `live_models`) must be copied.
    """
    options = options or ModelOptions()
    if live := _LIVE.get().get(reference):
        return replace(live, model=copy.deepcopy(live.model)) if fresh else live
    if reference.startswith(PREFIX):
        return _load_ensemble(reference, options)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it says for every product that it casts
    folder = locate(reference)
    facts: dict[str, Any] = {}
    if folder is None:
        model = _load_weights(reference, options)
        tokenizer = load_tokenizer(reference, options)
        name = digest({"hub": reference, "commit": getattr(model.config, "_commit_hash", None)})
        world = REAL
        if entry := quantised_by(model):
            facts["quantised"] = bits_of(entry)
    elif (folder / "adapter_config.json").exists():
        return _load_adapter(reference, folder, options)
    else:
        if not (folder / "config.json").exists():
            raise ModelError(f"`{reference}` has no config.json", "name a folder that save_pretrained wrote")
        config = check_json(folder)["config.json"]
        check_library(reference, config)
        weights = weight_files(folder)
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        tokenizer = load_tokenizer(str(folder), options)
        require_template(tokenizer, reference, options.chat_template, options.template_args)
        model = _load_weights(str(folder), options)
        name, world = fingerprint(weights), world_of(folder, tokenizer.all_special_tokens)
        if entry := quantisation(config):
            facts["quantised"] = bits_of(entry)
    if options.quantise and "quantised" not in facts:
        name, facts["quantised"] = digest({"weights": name, "as": options.quantise}), f"bitsandbytes {options.quantise}"
    require_template(tokenizer, reference, options.chat_template, options.template_args)
    check_tokens(reference, model, tokenizer)
    model.eval()
    return LoadedModel(reference, model, tokenizer, name, world, facts=facts)


@dataclass(frozen=True)
class Lineage:
    """What a tuned model says of its base, kept while the model itself may be let go."""

    name: str
    tokenizer: Any
    adapter_of: str | None
    base_fingerprint: str | None

    @classmethod
    def of(cls, tuned: LoadedModel) -> Lineage:
        return cls(tuned.name, tuned.tokenizer, tuned.adapter_of, tuned.facts.get("base_fingerprint"))

    def warn_of(self, base: LoadedModel) -> None:
        """Warn of a base that the tuned model was not made from: an adapter's other base, another model's tokenizer."""
        if self.base_fingerprint is not None and self.base_fingerprint != base.fingerprint:
            warn(
                f"the adapter `{self.name}` lies on `{self.adapter_of}`, and is compared with another base, "
                f"`{base.name}`"
            )
        if difference := token_difference(base.tokenizer, self.tokenizer):
            warn(f"`{base.name}` and `{self.name}` have different tokenizers: {difference}")
