"""One call of the library: the folder of its run, what its caller lends, and its settings.

    with Call(out=None, show=False) as call:
        settings = call.settings(AuditSettings, model=call.lend.model(model, tokenizer, "model"), ...)
        ... measure(settings, call.origins, call.progress)

The settings are those of the command line, under the same names, so that both do the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, TypeVar

from holdfast.api.inputs import Lend
from holdfast.core.config import Settings, names_in_yaml, resolve
from holdfast.core.errors import UsageError
from holdfast.core.progress import Progress, Silent
from holdfast.core.records import digest
from holdfast.core.registry import unknown

S = TypeVar("S", bound=Settings)
R = TypeVar("R")


class Call:
    """A call's own temporary folder, its progress and its settings; `out` names a folder for the run that stays."""

    def __init__(self, out: str | Path | None, show: bool) -> None:
        self.temporary = TemporaryDirectory(prefix="holdfast-", ignore_cleanup_errors=True)
        self.out = out
        self.path = Path(out) if out is not None else Path(self.temporary.name) / "run"
        self.lend = Lend(Path(self.temporary.name) / "given")
        self.progress: Progress = Progress() if show else Silent()
        self.origins: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def settings(self, schema: type[S], more: Mapping[str, Any], **named: Any) -> S:
        """Settings by name, checked as the command line checks them; the lent models can be loaded from here on.

        more: what the caller wrote as further keywords. Raises UsageError for a name that is none, or a value that
        cannot be.
        """
        known = names_in_yaml(schema)  # the names of the flags too, and those that a flag had before
        given: dict[str, Any] = {}
        for key, value in [*named.items(), *more.items()]:
            if key in ("out", "json_output", "json", "config"):
                raise UsageError(f"`{key}` is a setting of the command line", "use `out=` and the result's `to_json`")
            if key not in known:
                raise unknown("setting", key, sorted(set(known) - {"out", "json_output", "json"}))
            if value is None:
                continue
            if known[key] in given:
                raise UsageError(f"`{key}` is given twice", "give it once")
            given[known[key]] = value
        if self.out is None:
            self.path = Path(self.temporary.name) / "runs" / self._title(given)
        if "out" in schema.model_fields:
            given["out"] = str(self.path)
        settings, self.origins = resolve(schema, {name: _as_typed(value) for name, value in given.items()})
        self.origins = dict.fromkeys(self.origins, "call")
        for path in self.lend.files:
            settings._given[str(path)] = f"given:{digest(path.read_text(encoding='utf-8', errors='surrogatepass'))}"
        self._stack.enter_context(self.lend.lent())
        return settings

    def result(self, kind: Callable[..., R], document: dict[str, Any], *more: Any) -> R:
        """What the call gives back; it holds the temporary folder as long as it lives."""
        return kind(document, self.path, self.warnings, self.temporary, *more)

    def _title(self, given: Mapping[str, Any]) -> str:
        """What a run is called on its page: the model that it is about, or the data."""
        about = str(next((given[key] for key in ("tuned", "model", "data") if given.get(key)), "run"))
        live = self.lend.models.get(about)
        return re.sub(r"[^A-Za-z0-9.-]+", "-", live.name if live else Path(about).name).strip("-.")[:40] or "run"

    @property
    def warnings(self) -> list[str]:
        """What the run warned of, where nothing was shown."""
        return list(self.progress.warnings) if isinstance(self.progress, Silent) else []


def _as_typed(value: Any) -> Any:
    """A value as a flag would hold it: paths as text."""
    if isinstance(value, Path):
        return str(value)
    return [_as_typed(one) for one in value] if isinstance(value, (list, tuple)) else value
