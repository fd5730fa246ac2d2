"""Which files a dataset is: a file, a folder of data files, a folder that `save_to_disk` wrote, the splits among them.

found = files_of("folder"); found.paths, found.split, found.left

What is left aside is named: other splits, hidden and empty files, files of other kinds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from holdfast.core.errors import DataError, HoldfastError
from holdfast.data.blocks import first_line

ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
SUFFIXES = {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".gz"}
DESCRIPTIONS = {"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"}  # of `datasets`
USUAL = "train"
SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
MOST_FILES = 20_000


@dataclass(frozen=True)
class Files:
    """The files of a dataset in the order in which they are read, the split that they are, and what was left aside."""

    paths: list[Path]
    split: str = ""
    left: list[str] = field(default_factory=list)

    @property
    def of_hub(self) -> bool:
        return not self.paths


def files_of(source: str, split: str | None = None) -> Files:
    """The files that a path stands for; none for a hub id.

    Raises DataError when there is nothing of that name, or no split of that name, or several and none is called train.
    """
    path = place_of(source)
    try:
        if path.is_file():
            return Files([path])
        if path.is_dir():
            return _saved(path, split) if _is_saved(path) else _folder(path, split)
    except HoldfastError:
        raise
    except Exception as error:
        if not ADDRESS.match(source):
            raise
        raise unreachable(source, error) from error
    if HUB_ID.match(source) and not path.suffix:
        return Files([], split or USUAL)
    raise DataError(f"there is no file or folder `{source}`", "check the path")


def place_of(source: str) -> Path:
    """A path; for an address (s3://…, gs://…, hf://…) what does its work, over fsspec.

    Raises DataError where a package is missing, or fsspec knows no such file system.
    """
    if not ADDRESS.match(source):
        return Path(source)
    try:
        from upath import UPath
    except ModuleNotFoundError as error:
        raise DataError(
            f"`{source}` is read by universal-pathlib, which is not installed", 'pip install "holdfast[remote]"'
        ) from error
    try:
        return cast(Path, UPath(source))
    except (ValueError, ImportError) as error:
        raise unreachable(source, error) from error


def unreachable(source: str, error: Exception) -> DataError:
    """The error of an address that cannot be reached: file systems raise what they like."""
    return DataError(
        f"cannot reach `{source}`: {first_line(error)}",
        "install what fsspec needs for it (s3fs, gcsfs, adlfs, …), and check the address and your access",
    )


def _choose(path: Path, names: Iterable[str], split: str | None) -> str:
    """The split to read: the one that was asked for, else train, else the only one."""
    names = sorted(names)
    if split is None and len(names) == 1:
        return names[0]
    wanted = split or USUAL
    for name in (wanted, SPLITS.get(wanted, wanted)):
        if name in names:
            return name
    raise DataError(
        f"`{path}` has no split `{wanted}`; it has: {', '.join(names) or 'none'}", "name one with --data-split"
    )


def _others(names: Iterable[str], chosen: str) -> list[str]:
    return [f"the split `{name}`" for name in sorted(names) if name != chosen]


def _is_saved(path: Path) -> bool:
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def _saved(path: Path, split: str | None) -> Files:
    """A folder that `save_to_disk` wrote: of one dataset, or of one in each split."""
    if not (path / "dataset_dict.json").is_file():
        return Files(_arrows(path), left=_other_data_files(path))
    # A split is a folder in this one; the names in the list beside it could lead out of it.
    names = [entry.name for entry in path.iterdir() if (entry / "state.json").is_file()]
    chosen = _choose(path, names, split)
    return Files(_arrows(path / chosen), chosen, _others(names, chosen) + _other_data_files(path))


def _arrows(folder: Path) -> list[Path]:
    """The arrow files of a saved dataset, in the order that its state says."""
    try:
        state = json.loads((folder / "state.json").read_text("utf-8"))
        names = [str(entry["filename"]) for entry in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError):
        names = []
    inside = [folder / name for name in names if "/" not in name and "\\" not in name]
    found = inside or sorted(folder.glob("*.arrow"))
    missing = next((file for file in found if not file.is_file()), None)
    if missing or not found:
        what = f"lacks `{missing.name}`" if missing else "holds no arrow files"
        raise DataError(f"the saved dataset `{folder}` {what}", "write it again with save_to_disk")
    return found


def _other_data_files(path: Path) -> list[str]:
    """Data files beside those of a saved dataset, which are not read."""
    found = sorted(p.name for p in path.iterdir() if p.is_file() and _is_data(p) and p.suffix.lower() != ".arrow")
    return [f"`{name}`" for name in found]


def _is_data(path: Path) -> bool:
    return (
        path.suffix.lower() in SUFFIXES
        and path.name not in DESCRIPTIONS
        and not (path.suffix == ".arrow" and path.name.startswith("cache-"))
    )


def _split_of(path: Path) -> str | None:
    """The split that a file is named after, in its own name or its folder's: `train-0-of-2.parquet`, `test/a.csv`."""
    for part in (path.name.split(".")[0], *reversed(path.parts[:-1])):
        words = re.split(r"[^a-z]+", part.lower())
        found = {SPLITS[word] for word in words if word in SPLITS}
        if len(found) == 1:
            return found.pop()
    return None


def _folder(path: Path, split: str | None) -> Files:
    """A folder of data files, its own or those of its folders."""
    inside, hidden, empty, other = [], 0, [], []
    for file in sorted(path.rglob("*")):
        own = file.relative_to(path)
        if not file.is_file():
            continue
        if any(part.startswith((".", "_")) for part in own.parts):
            hidden += 1
        elif not _is_data(file):
            other.append(f"`{own}`")
        elif file.stat().st_size == 0:
            empty.append(f"`{own}` (empty)")
        else:
            inside.append(own)
        if len(inside) > MOST_FILES:
            raise DataError(f"`{path}` holds more than {MOST_FILES} data files", "name a folder inside it")
    left = [*empty, *other, *([f"{hidden} hidden files"] if hidden else [])]
    if not inside:
        raise DataError(f"`{path}` holds no data files", f"it should hold some of: {', '.join(sorted(SUFFIXES))}")
    splits = {own: _split_of(own) for own in inside}
    names = {name for name in splits.values() if name}
    if None in splits.values() or not names:  # not all files are named after a split: they are one set
        return Files([path / own for own in inside], "", left)
    chosen = _choose(path, names, split)
    return Files([path / own for own in inside if splits[own] == chosen], chosen, [*_others(names, chosen), *left])
