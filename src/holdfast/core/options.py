"""Plug-ins with options, by their text: NAME[:key=value[,key=value]]. Every kind of plug-in shares this.

    make("defences", "proximal:rho=10")
    options_of(factory)    # every option's kind, default and meaning, from the factory's own signature

A factory's parameters are the plug-in's options: their annotations give the types, their defaults the defaults, and
pydantic reads the values, as it does for the settings of the verbs in `core.config`. `auto` stands for None, which
leaves a choice to the plug-in. A bound and a meaning are written with `setting` in a dataclass,
or as `Annotated[float, pydantic.Field(gt=0, description="…")]` in the signature of a function.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from holdfast.core import registry
from holdfast.core.contracts import CONTRACTS, complete
from holdfast.core.errors import UsageError

Factory = Callable[..., Any]
SCALARS = {int: "whole number", float: "number", str: "text", bool: "yes|no"}
# What a value beyond a bound must be, by the name of pydantic's error and the entry of its context that holds the
# bound.
BOUNDS = {
    "greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le"), "greater_than": ("more than", "gt"),
    "less_than": ("less than", "lt"),
}  # fmt: skip


def word(kind: str) -> str:
    """What one plug-in of a registry's kind is called in a message."""
    return kind.removesuffix("s")


# ---- what options there are -----------------------------------------------------------------------------------------


def setting(
    default: Any, about: str, low: float | None = None, high: float | None = None, choices: Sequence[str] = ()
) -> Any:
    """An option of a plug-in: its default, what it is, and what it may be (bounds are allowed values)."""
    return field(default=default, metadata={"about": about, "low": low, "high": high, "choices": tuple(choices)})


@dataclass(frozen=True)
class Option:
    """One option of a factory.

    What reads and checks a value, what its type is called, its default as text, its meaning.
    """

    reader: TypeAdapter[Any]
    kind: str
    default: str
    about: str
    ruled: bool = False  # whether it has bounds or choices, which hold for values from code too
    between: str = ""  # "between 0 and 1" for a number that is neither


@cache
def declared(factory: Factory) -> dict[str, Option]:
    """Every option of a factory by its name, read from its signature and, of a dataclass, from its fields."""
    made_by = [factory.__init__] if inspect.isclass(factory) else []  # type: ignore[misc]
    hints = {
        name: kind for one in (*made_by, factory) for name, kind in get_type_hints(one, include_extras=True).items()
    }
    rules = {f.name: f.metadata for f in fields(factory)} if is_dataclass(factory) else {}
    found = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            continue
        rule: Mapping[str, Any] = rules.get(name, {})
        hint = hints.get(name, str)
        own_type = hint if _is_scalar(hint) else str  # another type gets the text as it was typed
        default = "" if parameter.default is inspect.Parameter.empty else _written(parameter.default)
        kind = "|".join(rule.get("choices", ())) or _kind_name(own_type)
        found[name] = Option(
            TypeAdapter(_ruled(own_type, rule)),
            kind,
            default,
            str(rule.get("about", "")) or _description(hint),
            bool(rule),
            _between(hint),
        )
    return found


def _is_scalar(hint: Any) -> bool:
    """Whether a type can be read from a text: a number, a truth value, a choice, or a union of them."""
    if get_origin(hint) is Annotated:
        return _is_scalar(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return all(member is type(None) or _is_scalar(member) for member in get_args(hint))
    return hint in SCALARS or get_origin(hint) is Literal


def _ruled(hint: Any, rule: Mapping[str, Any]) -> Any:
    """A type within the bounds and choices of a rule, which reads `auto` as None where None may be."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    members = get_args(bare) if get_origin(bare) in (Union, types.UnionType) else (bare,)
    optional = type(None) in members
    if rule.get("choices"):
        hint = Literal[tuple(rule["choices"])] | None if optional else Literal[tuple(rule["choices"])]
    elif rule and (rule["low"], rule["high"]) != (None, None):
        hint = Annotated[hint, Field(ge=rule["low"], le=rule["high"])]
        if float in members:
            hint = Annotated[hint, Field(allow_inf_nan=False)]
    elif len(members) - optional > 1:
        hint = Annotated[hint, Field(union_mode="left_to_right")]
    return Annotated[hint, BeforeValidator(_none_of)] if optional else hint


def _description(hint: Any) -> str:
    return next((str(one.description) for one in get_args(hint) if isinstance(one, FieldInfo) and one.description), "")


def _between(hint: Any) -> str:
    """What a number must be that lies between two bounds and is neither; empty for any other type."""
    marks = [mark for one in get_args(hint) if isinstance(one, FieldInfo) for mark in one.metadata]
    found = {type(mark).__name__: mark for mark in marks}
    return f"between {found['Gt'].gt:g} and {found['Lt'].lt:g}" if {"Gt", "Lt"} <= found.keys() else ""


def _none_of(value: Any) -> Any:
    return None if isinstance(value, str) and value.lower() in ("auto", "none") else value


def _kind_name(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return _kind_name(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join("auto" if member is type(None) else _kind_name(member) for member in get_args(kind))
    return SCALARS.get(kind, "text")


def options_of(factory: Factory) -> dict[str, tuple[str, str, str]]:
    """Every option of a factory: its kind, its default as text, and what it is."""
    return {name: (option.kind, option.default, option.about) for name, option in declared(factory).items()}


def options_hint(factory: Factory) -> str:
    """One line for each option, for the hint of an error."""
    options = options_of(factory)
    if not options:
        return "it has no options"
    lines = [
        f"{name}={default or '…'} ({kind})" + (f": {about}" if about else "")
        for name, (kind, default, about) in options.items()
    ]
    return "its options: " + "; ".join(lines)


# ---- values held against them ---------------------------------------------------------------------------------------


def _refusal(option: Option, name: str, value: Any, strict: bool) -> str:
    """Why an option cannot have this value, as a sentence; nothing where it can.

    strict: whether the value comes from code, where a text is no number.
    """
    try:
        option.reader.validate_python(value, strict=strict)
    except ValidationError as error:
        fault = error.errors()[0]
        if fault["type"] in BOUNDS:
            how, entry = BOUNDS[fault["type"]]
            must = option.between or f"{how} {fault['ctx'][entry]:g}"
            return f"{name} must be {must} (got {value})"
        if strict or "|" in option.kind or fault["type"] == "finite_number":
            must = option.kind.replace("|", " or ") if "|" in option.kind else f"a {option.kind}"
            return f"{name} must be {must} (got {value!r})"
        return f"`{value}` is no {option.kind} for {name}"
    return ""


def _hint(factory: Factory) -> str:
    """What the error about a wrong value says to do."""
    own = factory.hint if inspect.isclass(factory) and issubclass(factory, Optioned) else ""
    return own or options_hint(factory)


def typed_options(kind: str, name: str, factory: Factory, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, texts or values, as values of the factory's types.

    Raises UsageError, with the options as a hint, for an unknown key or a value that cannot be.
    """
    known = declared(factory)
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in inspect.signature(factory).parameters.values())
    values = {}
    for key, value in given.items():
        if key not in known and not open_ended:
            near = registry.unknown("option", key, list(known)).hint.split("known:")[0]
            raise UsageError(f"the {word(kind)} `{name}` has no option `{key}`", near + options_hint(factory))
        if key in known and (why := _refusal(known[key], key, value, strict=False)):
            raise UsageError(f"the {word(kind)} `{name}`: {why}", _hint(factory))
        values[key] = known[key].reader.validate_python(value) if key in known else value
    return values


def check_options(plugin: Optioned) -> None:
    """Hold the options of a plug-in that was made in code against their bounds and choices. Raises UsageError."""
    for name, option in declared(type(plugin)).items():  # type: ignore[arg-type]
        value = vars(plugin)[name]
        if option.ruled and value is not None and (why := _refusal(option, name, value, strict=True)):
            raise plugin.option_error(why)


class Optioned:
    """A plug-in whose dataclass fields are its options, held against their bounds when it is made.

    kind is what it is called in an error, hint what the error says to do; without one the options are listed.
    """

    name = "none"  # without annotations, so that they are no fields
    kind = "plug-in"
    hint = ""

    def __post_init__(self) -> None:
        check_options(self)

    def option_error(self, message: str) -> UsageError:
        return UsageError(f"the {self.kind} `{self.name}`: {message}", self.hint or options_hint(type(self)))


def _written(value: Any) -> str:
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, ".12g") if isinstance(value, float) else str(value)


def spec_of(plugin: Any, brief: bool = False) -> str:
    """The name with every option, or in brief those that are not at their defaults; `make` reads it back."""
    shown = [o for o in fields(plugin) if not brief or getattr(plugin, o.name) != o.default]
    options = ",".join(f"{option.name}={_written(getattr(plugin, option.name))}" for option in shown)
    return f"{plugin.name}:{options}" if options else str(plugin.name)


# ---- text to plug-in ------------------------------------------------------------------------------------------------


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Name and options of a text. A comma parts two options only where `key=` follows, so a value may hold commas.

    Raises UsageError for a piece that is no `key=value` and for a key that is given twice.
    """
    name, _, rest = text.strip().partition(":")
    options: dict[str, str] = {}
    for piece in re.split(r",(?=\s*\w+=)", rest) if rest.strip() else []:
        key, equals, value = piece.partition("=")
        key = key.strip()
        if not equals or not key:
            raise UsageError(f"`{piece}` in `{text}` is no key=value", f"write {name}:key=value,key=value")
        if key in options:
            raise UsageError(f"`{text}` gives `{key}` twice", "keep one of them")
        options[key] = value.strip()
    return name.strip(), options


def make(kind: str, text: str) -> Any:
    """A plug-in from NAME[:key=value,...].

    Raises UsageError for an unknown name or option, or a value that cannot be.
    """
    name, given = parse(text)
    factory = registry.load(kind, name)
    plugin = complete(factory(**typed_options(kind, name, factory, given)), CONTRACTS[kind])
    if plugin.spec == "none":
        # Another package's plug-in that names no spec: what was typed must still decide a fingerprint.
        plugin.spec = text
    return plugin
