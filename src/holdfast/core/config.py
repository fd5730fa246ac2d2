"""One schema per verb: the YAML file, the flags, the help and the record in the run folder are the same fields.

A verb's schema is a pydantic model. `flags` turns its fields into a typer signature; `resolve` lays defaults, the YAML
file and the flags over each other, reports every fault at once, and says where each value came from.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

import typer
import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from holdfast.core.errors import UsageError
from holdfast.core.registry import unknown
from holdfast.core.secrets import sealed

_REFERENCE = re.compile(r"(?:openai:.*)?https?://", re.IGNORECASE)  # a text that only mentions a URL stays


class Settings(BaseModel):
    """The base of every verb's schema; a key that is not a field is an error. Secrets in URLs are sealed at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    first: ClassVar[tuple[str, ...]] = ()  # the options that most users need, shown before the panels

    @model_validator(mode="before")
    @classmethod
    def seal(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: sealed(v) if isinstance(v, str) and _REFERENCE.match(v) else v for name, v in values.items()}

    # Files that stand for what a caller of the library gave in memory: their paths, and a name by content.
    _given: dict[str, str] = PrivateAttr(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The settings by which a run is kept and found; what was given in memory stands there by its content."""
        known = self._given

        def named(value: Any) -> Any:
            if isinstance(value, list):
                return [named(one) for one in value]
            return known.get(value, value) if isinstance(value, str) else value

        return {name: named(value) for name, value in self.model_dump().items()}


def option(default: Any, description: str, panel: str, above: float | None = None, **extra: Any) -> Any:
    """A setting with its help text and the panel it stands in; with `above`, a number that must be larger.

    extra: `metavar`; `flag`, the name on the command line and in YAML where it is not the field's; `aliases`, other
    names for the same setting, which the help shows beside the flag.
    """
    return Field(default, description=description, gt=above, json_schema_extra={"panel": panel, **extra})


def argument(description: str, metavar: str) -> Any:
    """A setting that is given by its place and must be there."""
    return Field(description=description, json_schema_extra={"argument": True, "metavar": metavar})


S = TypeVar("S", bound=Settings)

# ---- the help -------------------------------------------------------------------------------------------------------

FIRST_PANEL = 12  # options that a verb shows before its panels; a verb with no more than these has no panels
_METAVARS = {int: "N", float: "NUMBER", str: "TEXT", bool: ""}


def _extra(info: FieldInfo) -> dict[str, Any]:
    return dict(info.json_schema_extra) if isinstance(info.json_schema_extra, dict) else {}


def flag_names(name: str, info: FieldInfo) -> list[str]:
    """How a setting is written on the command line: its flag, and then its declared aliases."""
    extra = _extra(info)
    return [f"--{said.replace('_', '-')}" for said in (extra.get("flag", name), *extra.get("aliases", ()))]


def names_in_yaml(schema: type[Settings]) -> dict[str, str]:
    """Every name that a YAML file may use, with the field that it sets: the field's own, its flag's, its aliases'."""
    said = {flag.removeprefix("--").replace("-", "_"): name
            for name, info in schema.model_fields.items() for flag in flag_names(name, info)}  # fmt: skip
    return said | {name: name for name in schema.model_fields}


def _members(annotation: Any) -> list[Any]:
    """The types that a field may have, without None; a list counts as what it holds."""
    inner = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return [get_args(kind)[0] if get_origin(kind) is list else kind for kind in inner if kind is not type(None)]


def _flag(name: str, info: FieldInfo, panel: str | None) -> Any:
    extra, (kind, *_) = _extra(info), _members(info.annotation)
    if extra.get("argument"):
        return typer.Argument(
            help=info.description, metavar=str(extra.get("metavar") or name.upper()), show_default=False
        )
    choices = f" One of: {', '.join(map(str, get_args(kind)))}." if get_origin(kind) is Literal else ""
    return typer.Option(
        *flag_names(name, info),
        help=f"{info.description}{choices}",
        show_default=info.default not in (None, "", False, [], ()),
        metavar=str(extra.get("metavar", "NAME" if choices else _METAVARS.get(kind, "TEXT"))),
        rich_help_panel=panel,
    )


def in_order(schema: type[Settings]) -> list[tuple[str, str | None]]:
    """The fields as the help shows them, each with its panel: arguments, what most users need, the rest by panel."""
    fields = schema.model_fields
    arguments = [name for name, info in fields.items() if _extra(info).get("argument")]
    options = [name for name in fields if name not in arguments]
    first = options if len(options) <= FIRST_PANEL else list(schema.first)
    panels = {name: str(_extra(fields[name]).get("panel", "More")) for name in options if name not in first}
    return [*((name, None) for name in (*arguments, *first)), *panels.items()]


def flags(schema: type[Settings], verb: Callable[..., Any]) -> Callable[..., int]:
    """A typer command whose parameters are the schema's fields, plus --config; calls `verb(settings, origins)`.

    It returns the exit code: the `exit_code` of the document that the verb gives, or 0.
    """

    def command(ctx: typer.Context, **given: Any) -> int:
        config = given.pop("config", None)
        named = {
            name: value
            for name, value in given.items()
            if (source := ctx.get_parameter_source(name)) is not None and source.name != "DEFAULT"
        }
        settings, origins = resolve(schema, named, Path(config) if config else None)
        document = verb(settings, origins)
        return int(document.get("exit_code", 0)) if isinstance(document, dict) else 0

    parameters = [_parameter("ctx", typer.Context)]
    for name, panel in in_order(schema):
        info = schema.model_fields[name]
        # Everything may come from the YAML file instead, so nothing is required on the command line.
        kind: Any = info.annotation if _optional(info) else info.annotation | None  # type: ignore[operator]
        parameters.append(_parameter(name, Annotated[kind, _flag(name, info, panel)], _default(info)))
    config_flag = typer.Option("--config", help="A YAML file with any of these settings.", metavar="FILE")
    parameters.append(_parameter("config", Annotated[str | None, config_flag], None))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__doc__ = inspect.getdoc(verb)
    return command


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _default(info: FieldInfo) -> Any:
    return None if info.is_required() else info.get_default(call_default_factory=True)


def _optional(info: FieldInfo) -> bool:
    return info.annotation is bool or type(None) in get_args(info.annotation)


# ---- the YAML file --------------------------------------------------------------------------------------------------


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
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    known = names_in_yaml(schema)
    if config:
        for key, value in read_config(config).items():
            name = known.get(key)
            if name is None:
                raise unknown("setting", key, list(known))
            if name in values:
                raise UsageError(f"`{config}` gives the setting `{key}` under two names", "keep one of them")
            values[name], origins[name] = value, str(config)
    for key, value in named.items():
        values[key], origins[key] = value, "flag"
    try:
        return schema(**values), origins
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"]).replace("_", "-")
            got = f" (got {fault['input']!r})" if fault["type"] != "missing" else ""
            faults.append(f"--{name}: {fault['msg'].removeprefix('Value error, ')}{got}")
        raise UsageError("; ".join(faults), "see the command's --help for what each setting takes") from error
