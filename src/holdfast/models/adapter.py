"""An adapter on disk, without torch: its base, whether it fits it, and a LoRA scaled.

check_fit(Path("adapter"), Path("base"))  # refused unless every tensor of the adapter has its place on the base
scale_adapter(Path("adapter"), {0.5: Path("half-adapter")})
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.core.errors import HoldfastWarning, ModelError
from holdfast.data.folders import HUB_ID
from holdfast.models.checkpoint import HEADS, Checkpoint, open_checkpoint
from holdfast.models.files import ADAPTER, Tensor, check_json, fingerprint, listed, read_header, weight_files
from holdfast.models.output_folders import Finish, copy_side_files, fresh_folders
from holdfast.models.stored_numbers import ITEM, fits, read_float32

# These begin by taking something out of the base's own weights, so that the adapter does not start from the base.
ALTERS_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
NOT_LINEAR = ("arrow_config", "kasa_config", "monteclora_config")
PLAIN_LORA = re.compile(r"\.lora_(embedding_)?[AB](\.|$)")
PEFT_PREFIX = "base_model.model."
HINT = "was it trained on this base? else save it again with the PEFT that trained it"


# ---- its base -------------------------------------------------------------------------------------------------------


def base_of_adapter(folder: Path) -> str:
    """The base model that an adapter folder names, looked for beside the adapter too. Raises ModelError without one."""
    base = check_json(folder).get(ADAPTER, {}).get("base_model_name_or_path")
    if not base or not isinstance(base, str):
        raise ModelError(f"the adapter `{folder}` does not name its base model", "add base_model_name_or_path")
    if base == "guild":
        return base
    if Path(base).is_absolute() or HUB_ID.match(base) is None or Path(base).is_dir():
        candidates = [Path(base), folder.parent / base, folder.parent / Path(base).name]
        found = next((str(path) for path in candidates if path.is_dir()), None)
        if found is None:
            raise ModelError(
                f"the base model `{base}` of the adapter `{folder}` is missing",
                "put it there, or set base_model_name_or_path in adapter_config.json",
            )
        return found
    return base


def warn_of_other_base(adapter: Path, base: Path) -> None:
    """Warn when an adapter names another base than the one that is given: other weights, not only another place."""
    try:
        named = base_of_adapter(adapter)
    except ModelError:
        return  # it need not be there to be scaled
    own = Path(named)
    same = own.is_dir() and (own.samefile(base) or fingerprint(weight_files(own)) == fingerprint(weight_files(base)))
    if not same and (own.is_dir() or own.name != base.resolve().name) and named != "guild":
        warnings.warn(
            f"the adapter `{adapter}` names the base `{named}`, which is not `{base}`", HoldfastWarning, stacklevel=2
        )


def check_fit(adapter: Path, base: Path) -> None:
    """Refuse a LoRA adapter that its base has no place for, by the headers of both.

    PEFT passes over keys that fit nothing, and leaves layers without a key as they were: what is measured then is not
    what was trained. Raises ModelError, naming the first tensors.
    """
    config = check_json(adapter).get(ADAPTER, {})
    tensors = {t.name: t for file in weight_files(adapter) for t in read_header(file)[1].values()}
    if config.get("peft_type") != "LORA":
        return
    under = open_checkpoint(base)
    places = {name: name.partition(".lora_")[0] for name in tensors if PLAIN_LORA.search(name)}
    if not places:
        raise ModelError(f"the adapter `{adapter}` holds no LoRA tensors", HINT)
    known = {name.rpartition(".")[0] for name in under.tensors}
    lost = [name for name, place in places.items() if not _has_place(place, config, under, known)]
    if lost:
        raise ModelError(
            f"{len(lost)} of {len(places)} tensors of the adapter `{adapter}` have no place on `{base}`: "
            f"{listed(lost)}",
            prefix_hint(lost) or HINT,
        )
    _check_ranks(adapter, config, tensors, under)
    lacking = _lacking({place.removeprefix(PEFT_PREFIX) for place in places.values()}, config, under)
    if lacking:
        raise ModelError(f"the adapter `{adapter}` has no tensors for its target modules: {listed(lacking)}", HINT)


def prefix_hint(names: list[str]) -> str:
    """What to do about names that begin with a wrapper's prefix, else nothing."""
    for prefix in (PEFT_PREFIX * 2, PEFT_PREFIX + "module.", PEFT_PREFIX + "_orig_mod."):
        if all(name.startswith(prefix) for name in names):
            return f"their names begin with `{prefix}`: save the adapter from the unwrapped model"
    if not any(name.startswith(PEFT_PREFIX) for name in names):
        return f"their names lack `{PEFT_PREFIX}`, with which PEFT's adapters begin: save it with save_pretrained"
    return ""


def _is_target(module: str, config: Mapping[str, Any]) -> bool:
    targets = config.get("target_modules")
    if isinstance(targets, str):
        try:
            return targets == "all-linear" or re.fullmatch(targets, module) is not None
        except re.error as error:
            raise ModelError(f"`{targets}` is no pattern of target modules: {error}", HINT) from error
    return not targets or any(module == target or module.endswith(f".{target}") for target in targets)


def _has_place(place: str, config: Mapping[str, Any], base: Checkpoint, known: set[str]) -> bool:
    """Whether PEFT would find a module for a key: one of the base's, and one of the targets.

    `known` are the modules.
    """
    module = place.removeprefix(PEFT_PREFIX)
    if module == place or not (_is_target(module, config) or config.get("target_parameters")):
        return False
    if module in known or (f"{module}.weight".endswith(HEADS) and base.tied):
        return True
    for name in known:
        if module.endswith(f".{name}"):  # a bare backbone lacks the first part of each name; a wrapper adds one
            before = module[: -len(name) - 1]
            return "." not in before and not any(other.startswith(f"{before}.") for other in known)
    # transformers renames the tensors of some architectures as it loads them; the end of a name stays.
    tail = re.search(r"(?:layers|h|blocks?)\.\d+\..+$", module)
    return tail is not None and any(name.endswith(f".{tail[0]}") for name in known)


def _check_ranks(adapter: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor], base: Checkpoint) -> None:
    """Raise ModelError for a LoRA tensor without its other half, or shapes that do not multiply to the weight's."""
    wrong = []
    for name, down in tensors.items():
        if ".lora_A." not in name:
            continue
        up = tensors.get(name.replace(".lora_A.", ".lora_B."))
        if up is None:
            wrong.append(f"`{name}` without its lora_B")
            continue
        weight = base.tensors.get(f"{name.partition('.lora_')[0].removeprefix(PEFT_PREFIX)}.weight")
        if min(len(down.shape), len(up.shape)) < 2 or 0 in (*down.shape, *up.shape):
            wrong.append(f"`{name}` {list(down.shape)}, {list(up.shape)}: a shard that was not gathered")
            continue
        if max(len(down.shape), len(up.shape)) > 2:
            continue  # convolutions
        product = (up.shape[0], down.shape[1])
        if down.shape[0] != up.shape[1]:
            wrong.append(f"`{name}` {list(down.shape)} and its lora_B {list(up.shape)}")
        elif not config.get("rank_pattern") and down.shape[0] != config.get("r", down.shape[0]):
            wrong.append(f"`{name}` of rank {down.shape[0]}, where adapter_config.json says r = {config['r']}")
        elif weight is not None and weight.dtype in ITEM and weight.shape not in (product, product[::-1]):
            wrong.append(f"`{name}` for {list(product)}, where the base has {list(weight.shape)}")
    wrong += [
        f"`{n}` without its lora_A" for n in tensors if ".lora_B." in n and n.replace("_B.", "_A.") not in tensors
    ]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ModelError(f"the adapter `{adapter}` does not fit `{base.folder}`: {wrong[0]}{more}", HINT)


def _lacking(places: set[str], config: Mapping[str, Any], base: Checkpoint) -> list[str]:
    """The base's modules that are targets and have no tensors, where that can be told from names.

    Experts are left out: they are stored one by one and loaded as one.
    """
    narrowed = ("layers_to_transform", "exclude_modules", "layers_pattern", "target_parameters")
    if any(config.get(key) for key in narrowed) or not isinstance(config.get("target_modules"), list):
        return []
    modules = {
        name.removesuffix(".weight")
        for name, t in base.tensors.items()
        if name.endswith(".weight") and len(t.shape) == 2
    }
    if not places & modules:
        return []
    return sorted(
        m for m in modules - places if _is_target(m, config) and "expert" not in m and not m.endswith("lm_head")
    )


# ---- its values -----------------------------------------------------------------------------------------------------


def _check_values(adapter: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise ModelError, naming the tensors, for values that are no numbers."""
    broken = [t.name for t in tensors.values() if t.dtype in ITEM and not fits(read_float32(t), "F32")]
    if broken:
        raise ModelError(
            f"the adapter `{adapter}` holds NaN or infinite values in {listed(broken)}",
            "its training diverged or the file was damaged: take an earlier checkpoint",
        )


def _changes_nothing(tensors: Mapping[str, Tensor]) -> bool:
    ups = [t for t in tensors.values() if re.search(r"\.lora_(embedding_)?B(\.|$)", t.name) and t.dtype in ITEM]
    return bool(ups) and not any(read_float32(up).any() for up in ups)


# ---- scaled ---------------------------------------------------------------------------------------------------------


def scale_adapter(adapter: Path, targets: Mapping[float, Path], finish: Finish | None = None) -> None:
    """Interpolate a LoRA adapter with its base at every strength, by scaling `lora_alpha`.

    Its weights stay as they are.

    base + s·(α/r)·BA is what interpolating the merged model would give. A strength of 1 is the adapter itself.

    Raises ModelError for an adapter whose effect is not in proportion to `lora_alpha`, is nothing or is no number,
    UsageError for a target that is not empty, RunError when the disk is full.
    """
    config, weights = _scalable(adapter)
    if _changes_nothing(read_header(weights)[1]) and set(targets) != {1.0}:
        raise ModelError(
            f"the repair changed nothing: every product B·A of the adapter `{adapter}` is zero, so it equals its base",
            "was it saved before its training? name the trained one",
        )
    with fresh_folders(targets, weights.stat().st_size) as folders:
        for strength, folder in folders.items():
            shutil.copyfile(weights, folder / weights.name)
            copy_side_files(adapter, folder)
            scaled = config | {"lora_alpha": config["lora_alpha"] * strength}
            if config.get("alpha_pattern"):
                scaled["alpha_pattern"] = {part: alpha * strength for part, alpha in config["alpha_pattern"].items()}
            if finish:
                finish(strength, folder)
            if strength == 1.0:
                shutil.copyfile(adapter / ADAPTER, folder / ADAPTER)
            else:
                (folder / ADAPTER).write_text(json.dumps(scaled, indent=2) + "\n", encoding="utf-8")


def unlike_plain_lora(config: Mapping[str, Any]) -> str:
    """What an adapter's configuration says that plain LoRA on an untouched base has not, in words, or nothing."""
    start = str(config.get("init_lora_weights", "")).lower()
    routed = next((key for key in NOT_LINEAR if config.get(key)), "")
    reasons = {
        f"is of type {config.get('peft_type')}": config.get("peft_type") != "LORA",
        "uses DoRA": config.get("use_dora"),
        f"trained whole modules ({config.get('modules_to_save')})": config.get("modules_to_save"),
        "trained biases": config.get("bias", "none") != "none",
        "trained embeddings": config.get("trainable_token_indices"),
        f"has a {routed}": routed,
        f"began as {start}, which alters the base": start.startswith(ALTERS_BASE),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _scalable(adapter: Path) -> tuple[dict[str, Any], Path]:
    """An adapter's configuration and weights. Raises ModelError when `lora_alpha` would not scale all that it does."""
    config = check_json(adapter).get(ADAPTER, {})
    try:
        kind = config["peft_type"]
        if kind == "LORA":
            float(config["lora_alpha"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"`{adapter}` is no adapter: {error!r}", "name a folder that PEFT saved") from error
    weight_files(adapter)  # a pickle is refused
    weights = adapter / "adapter_model.safetensors"
    if not weights.exists():
        raise ModelError(f"`{adapter}` has no {weights.name}", "name a folder that PEFT saved")
    tensors = read_header(weights)[1]
    _check_values(adapter, tensors)
    more = sorted(name for name in tensors if not PLAIN_LORA.search(name))
    reason = unlike_plain_lora(config) or (f"holds more than LoRA ({', '.join(more[:3])})" if more else "")
    if reason:
        raise ModelError(
            f"the adapter `{adapter}` {reason}; scaling it would not interpolate with its base",
            "merge it first (merge_and_unload, save_pretrained) and repair the merged folder, or add --prompts "
            "FILE: a repair that is measured merges it",
        )
    return config, weights
