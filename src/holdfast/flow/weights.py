"""Weights on disk: found, checked and fingerprinted, without loading a model.

safetensors only: a pickle can run code when it is opened, so a pickle checkpoint is refused.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from holdfast.core.errors import ModelError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# Above this size a fingerprint samples the file: headers and evenly spaced blocks differ whenever training touched it.
WHOLE_HASH_BYTES = 1 << 30
BLOCK, BLOCKS = 1 << 16, 256


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
