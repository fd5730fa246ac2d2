"""Weights on disk: found by a reference, checked and fingerprinted, without loading a model.

safetensors only: a pickle can run code when it is opened, so a pickle checkpoint is refused.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files as resource_files
from pathlib import Path

from safetensors import SafetensorError, safe_open

from holdfast.core.errors import ModelError
from holdfast.flow.folders import HUB_ID

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# Above this size a fingerprint samples the file: headers and evenly spaced blocks differ whenever training touched it.
WHOLE_HASH_BYTES = 1 << 30
BLOCK, BLOCKS = 1 << 16, 256


def guild_path() -> Path:
    """Where the embedded model's files lie. Raises ModelError when the package came without them."""
    path = Path(str(resource_files("holdfast.guild").joinpath("weights")))
    if not (path / "model.safetensors").exists():
        raise ModelError(
            "the embedded model's weights are not in this installation", "make them: holdfast guild build --out DIR"
        )
    return path


def locate(reference: str) -> Path | None:
    """The folder of a reference, or None for a hub id. Raises ModelError when it is neither."""
    if reference == "guild":
        return guild_path()
    path = Path(reference)
    if path.is_dir():
        return path
    if path.is_file() and path.suffix != ".safetensors":
        raise ModelError(
            f"`{reference}` is a file, not a model folder",
            "name the folder that holds config.json and *.safetensors; pickle files are refused",
        )
    if HUB_ID.match(reference) and not reference.startswith((".", "/")) and not path.parent.is_dir():
        return None
    raise ModelError(f"there is no model folder `{reference}`", "name `guild`, a folder, or a hub id such as org/name")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint folder, whole and readable.

    Raises ModelError for a pickle checkpoint, a missing shard, a shard outside the folder or a truncated file.
    """
    files = sorted(folder.glob("*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise ModelError(f"`{index}` is broken: {error}", "download the checkpoint again") from error
        for name in names:
            if (folder / name).resolve().parent != folder.resolve():
                raise ModelError(f"`{index}` points outside its folder: {name}", "do not use this checkpoint")
            if not (folder / name).exists():
                raise ModelError(f"the shard `{name}` of `{folder}` is missing", "download the checkpoint again")
        files = [folder / name for name in names]
    if not files:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise ModelError(
                f"`{folder}` holds a pickle checkpoint ({pickles[0]}), which can run code when it is opened",
                "convert it to safetensors where you trust it: model.save_pretrained(DIR)",
            )
        raise ModelError(f"`{folder}` holds no weights (*.safetensors)", "name a folder that save_pretrained wrote")
    for file in files:
        check_whole(file)
    return files


def check_whole(file: Path) -> None:
    """Raise ModelError unless the file's header and length agree."""
    try:
        with safe_open(file, framework="np") as tensors:
            tensors.keys()
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"`{file}` is truncated or broken: {error}", "copy or download it again") from error


def fingerprint(files: list[Path]) -> str:
    """A hash of weight files, whole up to 1 GiB each, sampled above."""
    total = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        total.update(f"{file.name}:{size}".encode())
        with open(file, "rb") as handle:
            if size <= WHOLE_HASH_BYTES:
                while block := handle.read(1 << 22):
                    total.update(block)
                continue
            for i in range(BLOCKS):
                handle.seek((size - BLOCK) * i // (BLOCKS - 1))
                total.update(handle.read(BLOCK))
    return total.hexdigest()[:16]
