"""The run folder: opened, resumed, appended to, hashed; every write is atomic or tolerates its own torn last line.

    run = Run.open("stress", "guild", settings, out=None)
    run.append("metrics", record)
    run.finish({...})

The same command finds its own unfinished folder by the digest of its settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from holdfast.core.errors import RunError
from holdfast.core.faults import GONE, hint_for
from holdfast.core.records import digest
from holdfast.core.remarks import remarks
from holdfast.core.secrets import sealed, without_secrets

# Settings that decide nothing of what a run does.
WHERE_IT_GOES = ("out", "json_output", "ray", "ray_cpus", "ray_gpus", "dry_run", "price_per_hour", "price_per_verdict")

PACKAGES = ("holdfast", "torch", "transformers", "trl", "peft", "datasets", "safetensors", "numpy", "scipy")


def runs_root() -> Path:
    """Where runs go: `HOLDFAST_RUNS`, or `runs` in the present folder."""
    return Path(os.environ.get("HOLDFAST_RUNS", "runs"))


def versions() -> dict[str, str]:
    """The versions of whatever can change a figure, of those that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    return {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()}


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file whole or not at all, text without secrets. Raises RunError when the disk is full or read-only."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(without_secrets(data).encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> RunError:
    return RunError(f"cannot write `{path}`: {error.strerror or error}", hint_for(error))


def to_json(record: Any) -> str:
    value = record.to_dict() if hasattr(record, "to_dict") else asdict(record) if is_dataclass(record) else record  # type: ignore[arg-type]
    return json.dumps(value, ensure_ascii=False, sort_keys=False)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of a JSONL file; a last line torn by a kill is left out, a broken one before it is an error."""
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except ValueError as error:
            if number == len(lines):
                return
            raise RunError(
                f"`{path}` line {number} is not JSON", "restore the file, or start over in a new folder"
            ) from error


def append_jsonl(path: Path, records: Iterable[Any]) -> None:
    """Append records; a torn last line of an earlier, killed process is cut off first.

    Raises RunError when the disk is full or gone: of the file's folder only the last part is made, so that a run whose
    folder has vanished is not begun again beside it.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        with open(path, "ab+") as file:
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    whole = path.read_bytes().rfind(b"\n") + 1
                    file.truncate(whole)
            lines = "".join(to_json(record) + "\n" for record in records)
            file.write(without_secrets(lines).encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise cannot_write(path, error) from error


def file_facts(path: Path) -> dict[str, Any]:
    """The size in bytes and the SHA-256 of a file, read in pieces. Raises OSError when it cannot be read."""
    with open(path, "rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def record_files(folder: Path) -> list[Path]:
    """The files of a run that later steps read: its records, its summary and its settings."""
    return [*sorted(folder.glob("*.jsonl")), *(p for n in ("run.yaml", "summary.json") if (p := folder / n).exists())]


LOCK = ".lock"
# What a folder may hold in which a run was begun, and whose first manifest could not be written.
BEGUN = (LOCK, "run.yaml", ".run.yaml.partial", ".manifest.json.partial")
_held: dict[Path, FileLock] = {}  # folders that this process works in


def hold(folder: Path) -> None:
    """Keep other processes out of a run's folder, until this one ends or lets go.

    Raises RunError when one is at work there.
    """
    place = folder.resolve()
    if place in _held:
        return
    lock = FileLock(place / LOCK, timeout=0)
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RunError(
            f"another process is at work in `{folder}`", "wait until it ends, or name another folder with --out"
        ) from None
    except NotImplementedError:
        return  # a file system that knows no locks
    except OSError as error:
        raise cannot_write(folder, error) from error
    _held[place] = lock


def let_go(folder: Path) -> None:
    """Let other processes into a run's folder again."""
    if lock := _held.pop(folder.resolve(), None):
        lock.release()
        (folder / LOCK).unlink(missing_ok=True)


@dataclass
class Run:
    """One run's folder."""

    path: Path
    verb: str
    manifest: dict[str, Any]
    resumed: bool = False

    @classmethod
    def open(cls, verb: str, model: str, settings: dict[str, Any], origins: dict[str, str], out: str | None) -> Run:
        """Make the folder of a run, or resume the unfinished one of the same settings.

        Raises RunError when `out` holds another run, and when another process is at work in it.
        """
        deciding = {key: value for key, value in settings.items() if key not in WHERE_IT_GOES}
        identity = digest({"verb": verb, "settings": deciding})
        path = Path(out) if out else cls.unfinished(verb, identity)
        if path and (path / "manifest.json").exists():
            return cls.resume(path, verb, identity)
        if path and path.exists() and any(one.name not in BEGUN for one in path.iterdir()):
            raise RunError(f"`{path}` is not empty and holds no run", "name an empty or a new folder with --out")
        if path is None:
            slug = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(model).name or model).strip("-")[:40] or "model"
            stamp = time.strftime("%Y%m%d-%H%M%S")
            path = runs_root() / f"{stamp}-{verb}-{slug}"
            while path.exists():
                path = path.with_name(path.name + "x")
        manifest = {
            "schema_version": 1,
            "verb": verb,
            "identity": identity,
            "status": "running",
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "command": [Path(sys.argv[0]).name, *map(sealed, sys.argv[1:])],
            "versions": versions(),
            "machine": machine(),
        }
        hold(path)
        run = cls(path, verb, manifest)
        resolved = {key: {"value": value, "from": origins.get(key, "default")} for key, value in settings.items()}
        write_atomic(path / "run.yaml", yaml.safe_dump({"verb": verb, "settings": resolved}, sort_keys=False))
        run.save_manifest()
        return run

    @classmethod
    def unfinished(cls, verb: str, identity: str) -> Path | None:
        """The newest unfinished folder of the same command, if there is one."""
        root = runs_root()
        for path in sorted(root.glob(f"*-{verb}-*/manifest.json"), reverse=True) if root.exists() else []:
            try:
                manifest = json.loads(path.read_text())
            except ValueError:
                continue
            if manifest.get("identity") == identity and manifest.get("status") == "running":
                return path.parent
        return None

    @classmethod
    def resume(cls, path: Path, verb: str, identity: str) -> Run:
        manifest = json.loads((path / "manifest.json").read_text())
        if manifest.get("identity") != identity:
            raise RunError(
                f"`{path}` holds another run: {manifest.get('verb')} with other settings",
                "name a new folder with --out, or repeat that run's own command to resume it",
            )
        hold(path)
        return cls(path, verb, manifest, resumed=True)

    def file(self, kind: str) -> Path:
        return self.path / f"{kind}.jsonl"

    def check_there(self) -> None:
        """Raise RunError when the folder has vanished, which must not be begun again beside what it held."""
        if not self.path.is_dir():
            raise RunError(f"the run's folder `{self.path}` is gone", GONE)

    def append(self, kind: str, records: Iterable[Any]) -> None:
        self.check_there()
        append_jsonl(self.file(kind), records)

    def read(self, kind: str) -> list[dict[str, Any]]:
        return list(read_jsonl(self.file(kind)))

    def replace(self, kind: str, records: Iterable[Any]) -> None:
        self.check_there()
        write_atomic(self.file(kind), "".join(to_json(record) + "\n" for record in records))

    def note(self, **facts: Any) -> None:
        """Add facts to the manifest."""
        self.manifest.update(facts)
        self.save_manifest()

    def save_manifest(self) -> None:
        self.check_there()
        write_atomic(self.path / "manifest.json", json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n")

    def finish(self, readme: str) -> None:
        """Close the run: the hashes of its records go into the manifest, so that a later change is seen."""
        write_atomic(self.path / "README.md", readme)
        files = {path.name: file_facts(path) for path in record_files(self.path)}
        if said := list(dict.fromkeys((*self.manifest.get("remarks", ()), *remarks()))):
            self.note(remarks=said)
        self.note(status="complete", finished=time.strftime("%Y-%m-%dT%H:%M:%S%z"), files=files)
        let_go(self.path)
