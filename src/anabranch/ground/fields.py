"""Frozen records to and from JSON and text: one meaning for a field, whether it comes from a file or a flag."""

import dataclasses
import difflib
import functools
import math
import numbers
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from anabranch.ground.errors import ConfigError, described


@dataclasses.dataclass(frozen=True)
class Field:
    """One setting of a record."""

    name: str
    annotation: Any
    default: Any
    """dataclasses.MISSING where it must be given."""
    traced: bool = False
    """Whether the lanes of one program may differ in it, because it shapes no array and no program."""

    @property
    def kind(self) -> str:
        """The type in words, as a help text shows it."""
        return _kind(self.annotation)


TRACED = {"traced": True}
"""Metadata of a field that shapes no array and no program."""


def fields_of(record: Any) -> list[Field]:
    """The plain settings of a dataclass (or of an instance, whose values are then the defaults).

    Fields that hold another record or an array are not settings and are left out; of a field that may be either text
    or an array, text is the setting.
    """
    cls = record if isinstance(record, type) else type(record)
    try:
        hints = typing.get_type_hints(cls)
    except NameError as error:
        raise ConfigError(f"A field of {cls.__name__} has a type that cannot be found: {error}.") from error
    fields = []
    for field in dataclasses.fields(cls):
        annotation = hints[field.name]
        if _kind(annotation) == "?" or not field.init:
            continue
        default = field.default if isinstance(record, type) else getattr(record, field.name)
        if hasattr(default, "shape"):
            continue
        fields.append(Field(field.name, annotation, default, bool(field.metadata.get("traced"))))
    return fields


def _kind(annotation: Any) -> str:
    plain = {int: "INT", float: "FLOAT", str: "TEXT", bool: "BOOL"}
    if annotation in plain:
        return plain[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return "|".join(str(value) for value in arguments)
    if origin in (types.UnionType, typing.Union) and type(None) in arguments:
        inner = [kind for kind in map(_kind, arguments) if kind != "?"]
        return f"{inner[0]}|none" if len(inner) == 1 else "?"
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis and _kind(arguments[0]) != "?":
        return f"{_kind(arguments[0])},..."
    return "?"


def to_json(record: Any) -> dict[str, Any]:
    """The settings of a record as plain JSON values."""
    values = {field.name: field.default for field in fields_of(record)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def replaced(record: Any, values: Mapping[str, Any], *, where: str) -> Any:
    """A record with some settings replaced, each checked and converted.

    Raises ConfigError that names the place and the nearest known key.
    """
    fields = {field.name: field for field in fields_of(record)}
    for name in values:
        if name not in fields:
            raise unknown_key(name, fields, where=where)
    changes = {name: converted(value, fields[name].annotation, f"{where}.{name}") for name, value in values.items()}
    return dataclasses.replace(record, **changes)


def unknown_key(name: str, keys: Any, *, where: str) -> ConfigError:
    """The sentence about a setting that does not exist."""
    near = difflib.get_close_matches(name, list(keys), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else "."
    listed = f" It has: {', '.join(keys)}." if keys else " It has no settings."
    return ConfigError(f"{where} has no setting {name!r}{hint}{listed}")


def require_types(record: Any) -> None:
    """Convert each setting of a new frozen record to the type that it is declared with.

    Raises ConfigError that names the record and the setting, as a flag of the command line does.
    """
    cls = type(record)
    for name, annotation in _annotations(cls):
        given = getattr(record, name)
        value = converted(given, annotation, f"{cls.__name__}.{name}")
        if value is not given:
            object.__setattr__(record, name, value)


@functools.cache
def _annotations(cls: type) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.annotation) for field in fields_of(cls))


def converted(value: Any, annotation: Any, where: str) -> Any:
    """A plain value as the annotation wants it, NumPy's numbers included. Raises ConfigError that names the place."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return converted(value, _without_none(annotation), where)
    if origin is Literal and any(value == choice and type(value) is type(choice) for choice in arguments):
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(converted(item, arguments[0], where) for item in value)
    if annotation is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        size: Any = value
        if value != value:
            raise ConfigError(f"{where} is NaN: give a number.")
        if abs(size) > sys.float_info.max and value not in (math.inf, -math.inf):
            raise ConfigError(f"{where} is beyond the largest float.")
        return float(value)
    if annotation is bool and isinstance(value, bool):
        return value
    if annotation is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if annotation is str and isinstance(value, str):
        return value
    raise ConfigError(f"{where} must be {_kind(annotation)}; given {described(value)}{_nearest(value, arguments)}")


def _nearest(value: Any, choices: tuple[Any, ...]) -> str:
    near = difflib.get_close_matches(str(value), [one for one in choices if isinstance(one, str)], n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "."


def parsed(text: str, annotation: Any, where: str) -> Any:
    """The value that a flag's text stands for. Raises ConfigError as `converted` does."""
    bare = _without_none(annotation)
    if bare is not annotation and text.lower() == "none":
        return None
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin is tuple:
        return tuple(parsed(item.strip(), arguments[0], where) for item in text.split(",") if item.strip())
    if origin is Literal:
        return converted(next((value for value in arguments if str(value) == text), text), bare, where)
    if bare is bool:
        words = {"true": True, "yes": True, "false": False, "no": False}
        return converted(words.get(text.lower(), text), bare, where)
    return converted(text if bare is str else _number(text), bare, where)


def _without_none(annotation: Any) -> Any:
    """The plain X of X | None; anything else unchanged."""
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return annotation
    return next(argument for argument in typing.get_args(annotation) if _kind(argument) != "?")


def _number(text: str) -> Any:
    """The whole number or float that a text stands for (1e3 is a whole number), or the text."""
    for read in (int, float):
        try:
            value = read(text)
        except ValueError:
            continue
        return int(value) if isinstance(value, float) and value.is_integer() else value
    return text
