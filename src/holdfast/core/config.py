"""One schema per verb: the YAML file, the flags, the help and the record in the run folder are the same fields.

A verb's schema is a pydantic model. `flags` turns its fields into a typer signature; `resolve` lays defaults, the YAML
file and the flags over each other, reports every fault at once, and says where each value came from.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from holdfast.core.errors import UsageError
from holdfast.core.registry import unknown
from holdfast.core.secrets import sealed

_REFERENCE = re.compile(r"(?:openai:.*)?https?://", re.IGNORECASE)  # a text that only mentions a URL stays


class Settings(BaseModel):
    """The base of every verb's schema; a key that is not a field is an error. Secrets in URLs are sealed at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def seal(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: sealed(v) if isinstance(v, str) and _REFERENCE.match(v) else v for name, v in values.items()}


def option(default: Any, description: str, panel: str, above: float | None = None, **extra: Any) -> Any:
    """A setting with its help text and the panel it stands in; with `above`, a number that must be larger."""
    return Field(default, description=description, gt=above, json_schema_extra={"panel": panel, **extra})


def argument(description: str, metavar: str) -> Any:
    """A setting that is given by its place and must be there."""
    return Field(description=description, json_schema_extra={"argument": True, "metavar": metavar})


S = TypeVar("S", bound=Settings)


def _flag(name: str, info: FieldInfo) -> Any:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    if extra.get("argument"):
        return typer.Argument(
            help=info.description, metavar=str(extra.get("metavar") or name.upper()), show_default=False
        )
    default = info.default
    shown = default if default not in (None, "", False, [], ()) else False
    return typer.Option(
        f"--{str(extra.get('flag', name)).replace('_', '-')}",
        *([str(extra["short"])] if "short" in extra else []),
        help=info.description,
        show_default=shown is not False,
        metavar=str(extra["metavar"]) if "metavar" in extra else None,
        rich_help_panel=str(extra["panel"]) if "panel" in extra else None,
    )


def flags(schema: type[Settings], verb: Callable[..., Any]) -> Callable[..., int]:
    """A typer command whose parameters are the schema's fields, plus --config; calls `verb(settings, origins)`.

    It returns the exit code: the `exit_code` of the document that the verb gives, or 0.
    """

    def command(ctx: typer.Context, **given: Any) -> int:
        config = given.pop("config", None)
        named = {
            name: value
            for name, value in given.items()
            if ctx.get_parameter_source(name) is not None and ctx.get_parameter_source(name).name != "DEFAULT"  # type: ignore[union-attr]
        }
        settings, origins = resolve(schema, named, Path(config) if config else None)
        document = verb(settings, origins)
        return int(document.get("exit_code", 0)) if isinstance(document, dict) else 0

    parameters = [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for name, info in schema.model_fields.items():
        # Everything may come from the YAML file instead, so nothing is required on the command line.
        kind: Any = info.annotation if _optional(info) else info.annotation | None  # type: ignore[operator]
        annotation: Any = Annotated[kind, _flag(name, info)]
        default = info.default if not info.is_required() else None
        default = info.default_factory() if info.default_factory else default  # type: ignore[call-arg]
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        )
    parameters.append(
        inspect.Parameter(
            "config",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None, typer.Option("--config", help="A YAML file with any of these settings.", metavar="FILE")
            ],
        )
    )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__doc__ = inspect.getdoc(verb)
    return command


def _optional(info: FieldInfo) -> bool:
    return info.annotation is bool or type(None) in getattr(info.annotation, "__args__", ())


def read_config(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises UsageError when it is not one."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the config `{path}`: {error.strerror}", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` is not YAML: {str(error).splitlines()[0]}", "see docs/configuration.md") from error
    if not isinstance(data, dict):
        raise UsageError(f"`{path}` holds no settings", "write one `name: value` a line")
    return {str(key).replace("-", "_"): value for key, value in data.items()}


def resolve(schema: type[S], named: dict[str, Any], config: Path | None = None) -> tuple[S, dict[str, str]]:
    """Settings and where each value came from. Raises UsageError with every fault in one message."""
    values, origins = {}, {}
    if config:
        for key, value in read_config(config).items():
            if key not in schema.model_fields:
                raise unknown("setting", key, list(schema.model_fields))
            values[key], origins[key] = value, str(config)
    for key, value in named.items():
        values[key], origins[key] = value, "flag"
    try:
        return schema(**values), origins
    except ValidationError as error:
        faults = [
            f"--{'.'.join(str(part) for part in fault['loc']).replace('_', '-')}: "
            f"{fault['msg'].removeprefix('Value error, ')}"
            + (f" (got {fault['input']!r})" if fault["type"] != "missing" else "")
            for fault in error.errors()
        ]
        raise UsageError("; ".join(faults), "see the command's --help for what each setting takes") from error
