"""Flags are the fields of records: `--reward.happy 4` sets the field `happy` of the reward."""

import argparse
import dataclasses
import difflib
from collections.abc import Container, Mapping, Sequence
from typing import Any, NoReturn

from anabranch.ground.arguments import LARGEST_SEED
from anabranch.ground.errors import ConfigError
from anabranch.ground.field_help import help_of
from anabranch.ground.fields import Field, fields_of, parsed, replaced

LARGEST = 2**31 - 1
"""The largest whole number that a flag takes: JAX's integers have 32 bits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """A flag of a verb that is no field of a record."""

    name: str
    annotation: Any
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    least: int | None = None
    """Of a whole number from there to the largest seed; None: any that JAX's integers hold."""
    repeated: bool = False
    """May be given several times; its value is then a list."""


def seed_option(help: str) -> Option:
    """The flag --seed."""
    return Option(name="seed", annotation=int, default=0, least=0, help=help)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}. See {self.prog} --help.")


@dataclasses.dataclass(frozen=True)
class Flags:
    """What a command line said: values of options, and of the fields of each record."""

    positional: str
    """Empty where it was not given, which only a partial reading allows."""
    options: dict[str, Any]
    records: dict[str, dict[str, Any]]
    named: frozenset[str]
    """Names of the options that were given, not defaulted."""

    def record(self, group: str, default: Any) -> Any:
        """The record `default` with the given fields of its group replaced."""
        return replaced(default, self.records.get(group, {}), where=f"--{group}")


def parse(
    verb: str,
    positional: tuple[str, str] | None,
    options: Sequence[Option],
    arguments: Sequence[str],
    *,
    records: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> Flags:
    """Read a verb's arguments; `records` maps a flag prefix to the record whose fields it sets.

    With `partial`, the fields of other records are left for a second reading, and help is not printed. Raises
    ConfigError for an unknown flag, with the nearest one, or a value of the wrong type.
    """
    arguments = _without_fields(arguments, records or {}) if partial else arguments
    name, meaning = positional or ("", "")
    parser = _Parser(prog=f"anabranch {verb}", allow_abbrev=False, add_help=not partial, exit_on_error=False)
    if positional is not None:
        parser.add_argument(name, nargs="?" if partial else None, help=meaning)
    for option in options:
        flag = "--" + option.name.replace("_", "-")
        shown = "" if option.default in (None, False) else f" (default {option.default})"
        if option.annotation is bool:
            parser.add_argument(flag, dest=option.name, action="store_true", help=option.help)
        else:
            metavar = "|".join(option.choices) or Field("", option.annotation, None).kind
            action = "append" if option.repeated else "store"
            parser.add_argument(flag, dest=option.name, action=action, metavar=metavar, help=option.help + shown)
    fields = {f"{name}.{field.name}": field for name, record in (records or {}).items() for field in fields_of(record)}
    for group, record in (records or {}).items():
        kind = record if isinstance(record, type) else type(record)
        title, helps = parser.add_argument_group(f"{group}: {kind.__name__}"), help_of(kind)
        for field in fields_of(record):
            default = "required" if field.default is dataclasses.MISSING else f"default {field.default}"
            words = f"{helps.get(field.name, '').rstrip('.')} ({default})".strip().replace("%", "%%")
            title.add_argument(f"--{group}.{field.name}", metavar=field.kind, help=words)
    try:
        space, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise ConfigError(f"{error}. See anabranch {verb} --help.") from error
    if partial:
        unknown = [word for word in unknown if word.startswith("--") and word != "--help"]
    if unknown:
        raise _unknown_flag(verb, unknown[0], parser)
    return _read_values(vars(space), name, options, fields)


def _without_fields(arguments: Sequence[str], groups: Container[str]) -> list[str]:
    """The arguments without the flags of other records (--GROUP.FIELD VALUE, or with =) and their values."""
    kept: list[str] = []
    value_follows = False
    for argument in arguments:
        is_field = argument.startswith("--") and "." in argument.partition("=")[0]
        is_field = is_field and argument[2:].partition(".")[0] not in groups
        if not (is_field or value_follows):
            kept.append(argument)
        value_follows = is_field and "=" not in argument
    return kept


def _read_values(
    values: dict[str, Any], positional: str, options: Sequence[Option], fields: Mapping[str, Field]
) -> Flags:
    resolved = {}
    for option in options:
        text = values[option.name]
        resolved[option.name] = option.default if text is None else text
        if isinstance(text, str):
            resolved[option.name] = _value(text, option.annotation, f"--{option.name.replace('_', '-')}", option.least)
    groups: dict[str, dict[str, Any]] = {}
    for name, field in fields.items():
        if values[name] is not None:
            group, _, key = name.partition(".")
            groups.setdefault(group, {})[key] = _value(values[name], field.annotation, f"--{name}")
    named = frozenset(option.name for option in options if values[option.name] not in (None, False))
    return Flags(values.get(positional) or "", resolved, groups, named)


def _value(text: str, annotation: Any, flag: str, least: int | None = None) -> Any:
    value = parsed(text, annotation, flag)
    if least is not None and not least <= value <= LARGEST_SEED:
        raise ConfigError(f"{flag} must be a whole number from {least} to {LARGEST_SEED:,}; given {text}.")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ConfigError(f"{flag} must lie within {LARGEST:,} of 0; given {text}.")
    return value


def _unknown_flag(verb: str, flag: str, parser: argparse.ArgumentParser) -> ConfigError:
    if not flag.startswith("-"):
        return ConfigError(f"{flag!r} is one argument too many. See anabranch {verb} --help.")
    bare = flag.split("=")[0]
    spellings = [text for action in parser._actions for text in action.option_strings]
    near = difflib.get_close_matches(bare, spellings, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else "."
    return ConfigError(f"{verb} has no flag {bare}{hint} See anabranch {verb} --help.")
