"""Plug-ins with options, by their text: NAME[:key=value[,key=value]]. Defences, repairs and scanners share this.

    make("defences", "proximal:rho=10")
    options_of(factory)    # every option's kind, default and meaning, from the factory's own signature

A factory's parameters are the plug-in's options: their annotations give the types, their defaults the defaults. `auto`
stands for None, which leaves a choice to the plug-in.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from holdfast.core import registry
from holdfast.core.errors import UsageError

Factory = Callable[..., Any]
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def word(kind: str) -> str:
    """What one plug-in of a registry's kind is called in a message."""
    return kind.removesuffix("s")


# ---- options as dataclass fields ------------------------------------------------------------------------------------


def setting(
    default: Any, about: str, low: float | None = None, high: float | None = None, choices: Sequence[str] = ()
) -> Any:
    """An option of a plug-in: its default, what it is, and what it may be (bounds are allowed values)."""
    return field(default=default, metadata={"about": about, "low": low, "high": high, "choices": tuple(choices)})


def check_options(plugin: Any) -> None:
    """Hold every option against its kind, bounds and choices. Raises UsageError."""
    for option in fields(plugin):
        value, rule = getattr(plugin, option.name), option.metadata
        if value is None or not rule:
            continue
        fault = _fault(value, rule, whole="float" not in str(option.type))
        if fault:
            raise plugin.option_error(f"{option.name} must be {fault} (got {value!r})")


class Optioned:
    """A plug-in whose dataclass fields are its options, held against their bounds when it is made.

    kind is what it is called in an error, hint what the error says to do; without one the options are listed.
    """

    kind = "plug-in"  # without annotations, so that they are no fields
    hint = ""

    def __post_init__(self) -> None:
        check_options(self)

    def option_error(self, message: str) -> UsageError:
        name = getattr(self, "name", type(self).__name__)
        return UsageError(f"the {self.kind} `{name}`: {message}", self.hint or options_hint(type(self)))


def _fault(value: Any, rule: Mapping[str, Any], whole: bool) -> str:
    """What a value must be and is not, or nothing."""
    if rule["choices"]:
        return "" if value in rule["choices"] else " or ".join(rule["choices"])
    low, high = rule["low"], rule["high"]
    if low is None and high is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not math.isfinite(value):
        return "a whole number" if whole else "a number"
    if low is not None and value < low:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None and value > high else ""


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


def convert(value: str, kind: Any) -> Any:
    """A text as a value of an annotated type. Raises ValueError when it is none."""
    origin = get_origin(kind)
    if origin is Literal:
        if value not in get_args(kind):
            raise ValueError(value)
        return value
    if origin in (Union, types.UnionType):
        members = get_args(kind)
        if type(None) in members and value.lower() in ("auto", "none"):
            return None
        for member in members:
            with contextlib.suppress(ValueError):
                if member is not type(None):
                    return convert(value, member)
        raise ValueError(value)
    if kind is bool:
        if value.lower() not in YES + NO:
            raise ValueError(value)
        return value.lower() in YES
    return kind(value) if kind in (int, float) else value


def _kinds(factory: Factory) -> dict[str, Any]:
    own = get_type_hints(factory.__init__) if inspect.isclass(factory) else {}  # type: ignore[misc]
    return {**own, **get_type_hints(factory)}


def _kind_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join("auto" if member is type(None) else _kind_name(member) for member in get_args(kind))
    return {int: "whole number", float: "number", str: "text", bool: "yes|no"}.get(kind, "text")


def options_of(factory: Factory) -> dict[str, tuple[str, str, str]]:
    """Every option of a factory: its kind, its default as text, and what it is."""
    kinds = _kinds(factory)
    rules = {f.name: f.metadata for f in getattr(factory, "__dataclass_fields__", {}).values()}
    found = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            continue
        rule: Mapping[str, Any] = rules.get(name, {})
        kind = "|".join(rule.get("choices", ())) or _kind_name(kinds.get(name, str))
        default = "" if parameter.default is inspect.Parameter.empty else _written(parameter.default)
        found[name] = (kind, default, str(rule.get("about", "")))
    return found


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


def typed_options(kind: str, name: str, factory: Factory, given: Mapping[str, str]) -> dict[str, Any]:
    """The given texts as values of the factory's types.

    Raises UsageError, with the options as a hint, for an unknown key or a text that is no such value.
    """
    known = options_of(factory)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in inspect.signature(factory).parameters.values()):
        known = {**known, **{key: ("text", "", "") for key in given if key not in known}}
    kinds = _kinds(factory)
    values = {}
    for key, text in given.items():
        if key not in known:
            near = registry.unknown("option", key, list(known)).hint.split("known:")[0]
            raise UsageError(f"the {word(kind)} `{name}` has no option `{key}`", near + options_hint(factory))
        try:
            values[key] = convert(text, kinds.get(key, str))
        except ValueError as error:
            raise UsageError(
                f"the {word(kind)} `{name}`: `{text}` is no {known[key][0]} for {key}", options_hint(factory)
            ) from error
    return values


def make(kind: str, text: str) -> Any:
    """A plug-in from NAME[:key=value,...]. Raises UsageError for an unknown name or option, or a value that cannot be."""
    name, given = parse(text)
    factory = registry.load(kind, name)
    plugin = factory(**typed_options(kind, name, factory, given))
    if getattr(plugin, "spec", "none") == "none":
        # Another package's plug-in that names no spec: what was typed must still decide a fingerprint.
        plugin.spec = text
    return plugin
