"""Weights on disk: found by a reference, checked and fingerprinted, without loading a model.

safetensors only: a pickle can run code when it is opened, so a pickle checkpoint is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from importlib.resources import files as resource_files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from holdfast.core.errors import ModelError
from holdfast.data.folders import HUB_ID
from holdfast.models.converted import BY_NAME, by_name, converted

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# Above this size a fingerprint samples the file: headers and evenly spaced blocks differ whenever training touched it.
WHOLE_HASH_BYTES = 1 << 30
BLOCK, BLOCKS = 1 << 16, 256
SINGLE, INDEX, ADAPTER = "model.safetensors", "model.safetensors.index.json", "adapter_config.json"
NAMED = 4  # tensors that a message names before it counts the rest
SETTINGS = ("config.json", "generation_config.json", "tokenizer_config.json", ADAPTER)


@dataclass(frozen=True)
class Tensor:
    """Where one tensor lies: `offset` and `size` in bytes, from the beginning of its file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    size: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def item(self) -> int:
        """Bytes of one element."""
        return self.size // max(self.elements, 1)


def counted(names: Sized) -> str:
    """How many tensors there are, in words."""
    return f"{len(names)} tensor{'' if len(names) == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """A few names, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(f"`{name}`" for name in names[:NAMED]) + more


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
    if reference in BY_NAME:
        return by_name(reference)
    if path.is_file() and path.suffix == ".gguf":
        return converted(path)
    if path.is_file() and path.suffix != ".safetensors":
        raise ModelError(
            f"`{reference}` is a file, not a model folder",
            "name the folder that holds config.json and *.safetensors; pickle files are refused",
        )
    if HUB_ID.match(reference) and not reference.startswith((".", "/")) and not path.parent.is_dir():
        return None
    raise ModelError(
        f"there is no model folder `{reference}`",
        "name `guild`, a folder, a GGUF file, a hub id such as org/name, or one of `holdfast models`",
    )


def check_json(folder: Path) -> dict[str, dict[str, Any]]:
    """The settings files of a model or adapter folder that are there, by name.

    Raises ModelError for one that is no object.

    transformers passes over a generation config that it cannot read, and the end marks in it are lost.
    """
    found = {}
    for path in (folder / name for name in SETTINGS):
        if not path.exists():
            continue
        try:
            found[path.name] = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError, RecursionError) as error:
            raise ModelError(f"`{path}` is broken: {error}", "copy or download it again") from error
        if not isinstance(found[path.name], dict):
            raise ModelError(f"`{path}` is broken: it holds no JSON object", "copy or download it again")
    return found


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that a model or adapter folder is loaded from, whole and readable.

    Raises ModelError for a pickle checkpoint, a missing shard, a shard outside the folder, a truncated file, an index
    that does not fit its shards, and a tensor that two shards give different values.
    """
    index = _index(folder)
    files = sorted({folder / name for name in index.values()}) or sorted(folder.glob("*.safetensors"))
    if (folder / SINGLE).exists() and not (folder / ADAPTER).exists():
        files, index = [folder / SINGLE], {}  # transformers takes it before an index, and leaves other files alone
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
    if index:
        _check_shards(folder, index, {file.name: read_header(file)[1] for file in files})
    return files


def _index(folder: Path) -> dict[str, str]:
    """The shard of every tensor by a folder's index, empty without one.

    Raises ModelError for one that cannot be used.
    """
    path = folder / INDEX
    if not path.exists():
        return {}
    try:
        index: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        odd = next((repr(name) for name in index.values() if not isinstance(name, str)), None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"`{path}` is broken: {error}", "download the checkpoint again") from error
    if not index:
        raise ModelError(f"`{path}` is broken: it names no tensors", "download the checkpoint again")
    if odd:
        raise ModelError(f"`{path}` is broken: {odd} is no file's name", "download the checkpoint again")
    for name in sorted(set(index.values())):
        if (folder / name).resolve().parent != folder.resolve():
            raise ModelError(f"`{path}` points outside its folder: {name}", "do not use this checkpoint")
        if not (folder / name).is_file():
            raise ModelError(f"the shard `{name}` of `{folder}` is missing", "download the checkpoint again")
    return index


def _check_shards(folder: Path, index: dict[str, str], shards: dict[str, dict[str, Tensor]]) -> None:
    """Raise ModelError when an index names tensors that its shards lack, or when two shards differ in a tensor."""
    lost = [name for name, file in index.items() if name not in shards[file]]
    if lost:
        raise ModelError(
            f"the index of `{folder}` names tensors that their shards lack: {listed(lost)}",
            "download the checkpoint again, or save it again in one go",
        )
    seen: dict[str, Tensor] = {}
    for tensors in shards.values():
        for name in tensors.keys() & seen.keys():
            one, other = seen[name], tensors[name]
            if (one.dtype, one.shape) != (other.dtype, other.shape) or not _same_bytes(one, other):
                raise ModelError(
                    f"`{folder}` holds `{name}` twice with different values: in {one.file.name} and {other.file.name}",
                    "the folder mixes two checkpoints: remove the older one's files, or download it again",
                )
        seen |= tensors


def _same_bytes(one: Tensor, other: Tensor) -> bool:
    with open(one.file, "rb") as first, open(other.file, "rb") as second:
        first.seek(one.offset)
        second.seek(other.offset)
        left = one.size
        while left > 0:
            count = min(left, 1 << 22)
            if first.read(count) != second.read(count):
                return False
            left -= count
    return True


def check_whole(file: Path) -> None:
    """Raise ModelError unless the file's header and length agree."""
    try:
        with safe_open(file, framework="np") as tensors:
            tensors.keys()
    except (SafetensorError, OSError, ValueError) as error:
        with open(file, "rb") as handle:
            pointer = handle.read(40).startswith(b"version https://git-lfs")
        if pointer:
            raise ModelError(
                f"`{file}` is a pointer of Git LFS, not the weights", "fetch them: git lfs pull"
            ) from error
        raise ModelError(f"`{file}` is truncated or broken: {error}", "copy or download it again") from error


def read_header(file: Path) -> tuple[bytes, dict[str, Tensor]]:
    """A safetensors file's bytes before its data, and its tensors. The file must have passed `check_whole`."""
    with open(file, "rb") as handle:
        length = handle.read(8)
        header = handle.read(int.from_bytes(length, "little"))
    before = len(length) + len(header)
    tensors = {}
    for name, entry in json.loads(header).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[name] = Tensor(name, entry["dtype"], tuple(entry["shape"]), file, before + begin, end - begin)
    return length + header, tensors


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
