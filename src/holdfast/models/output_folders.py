"""Model folders that appear whole or not at all, and the files that go with the weights.

with fresh_folders({0.5: Path("out")}) as folders: ...  # `folders[0.5]` becomes `out` when the block ends well
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from holdfast.core.errors import RunError, UsageError
from holdfast.models.files import INDEX

Finish = Callable[[float, Path], None]  # adds files to a strength's folder before it appears

# What goes with a model beside its weights; code is copied and never run.
SIDE_SUFFIXES = {".json", ".jinja", ".model", ".txt", ".tiktoken", ".py", ".md"}
SIDE_NAMES = ("license", "notice")
NOT_COPIED = {"trainer_state.json", "config.json", "adapter_config.json"}  # the configurations are written last of all


@contextmanager
def fresh_folders(targets: Mapping[float, Path], needed: int = 0) -> Iterator[dict[float, Path]]:
    """A partial folder beside every strength's target; renamed when the block ends well, removed when it raises.

    A partial folder that a killed run left is removed first. `needed` is the bytes of one folder. Before anything is
    written, raises UsageError for a target that is not empty or a strength that is no number, and RunError when the
    disk has too little space; RunError also when it fills up meanwhile.
    """
    if not targets or not all(map(math.isfinite, targets)):
        raise UsageError(
            f"these are no strengths: {', '.join(map(str, targets)) or 'none'}", "name one or more numbers"
        )
    places = [target.resolve() for target in targets.values()]
    for place in places:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(f"`{place}` exists and is not empty", "name a new folder")
    if len(set(places)) < len(places):
        raise UsageError("two results would go to the same folder", "name one folder for every strength")
    partials = [place.with_name(f".{place.name}.partial") for place in places]
    try:
        for partial in partials:
            _remove(partial)
            partial.parent.mkdir(parents=True, exist_ok=True)
        _check_space([place.parent for place in places], needed)
        for partial in partials:
            partial.mkdir()
        yield dict(zip(targets, partials, strict=True))
        for partial in partials:
            for path in (*partial.rglob("*"), partial):
                sync(path)
        for partial, place in zip(partials, places, strict=True):
            if place.exists():
                place.rmdir()  # empty; not every system renames onto a folder
            partial.rename(place)
            sync(place.parent)
    except OSError as error:
        raise RunError(
            f"cannot write `{error.filename or places[0]}`: {error.strerror or error}",
            "free some space or name another folder; no half-written folder was left behind",
        ) from error
    finally:
        for partial in partials:
            with suppress(OSError):
                _remove(partial)


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _check_space(parents: list[Path], needed: int) -> None:
    """Raise RunError when the results cannot fit. Targets on several disks are counted as if on one."""
    free, size = min(shutil.disk_usage(parent).free for parent in parents), needed * len(parents)
    if size > free:
        raise RunError(
            f"`{parents[0]}` has {free / 1e9:.1f} GB free, and {size / 1e9:.1f} GB would be written",
            "free some space, name another folder, or ask for fewer strengths",
        )


def sync(path: Path) -> None:
    """Have a file or a folder reach the disk; systems that cannot open a folder sync it by themselves."""
    folder = path.is_dir()
    with suppress(OSError) if folder else nullcontext():
        handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def copy_side_files(source: Path, folder: Path, sharded: bool = False) -> None:
    """Copy what goes with the weights (tokenizer, templates, licence, card, index of shards), but not config.json."""
    for path in sorted(source.iterdir()):
        known = path.suffix in SIDE_SUFFIXES or path.name.lower().startswith(SIDE_NAMES)
        stale = path.name.endswith((".index.json", "_results.json")) and not (sharded and path.name == INDEX)
        if path.is_file() and known and not stale and path.name not in NOT_COPIED:
            shutil.copyfile(path, folder / path.name)
    templates = source / "additional_chat_templates"
    if templates.is_dir():
        (folder / templates.name).mkdir()
        for path in templates.glob("*.jinja"):
            shutil.copyfile(path, folder / templates.name / path.name)
