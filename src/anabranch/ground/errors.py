"""The errors of the library: one base, four kinds, each with the exit code of the command line."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

Entry = TypeVar("Entry")


class Error(Exception):
    """Anything the library refuses, as one sentence: what broke, what was given, what to do."""

    exit_code = 2
    run: Any = None
    """The run as it was before, where a training was stopped: it can be used, saved, and resumed."""


class LawError(Error):
    """An environment breaks a law of the contract."""

    exit_code = 1


class RewardError(Error):
    """A reward is not a number that a flow can end in (NaN, infinite, negative, wrong shape)."""


class ConfigError(Error):
    """An unknown name, a setting out of range, or two settings that exclude each other."""


class SpaceTooLargeError(ConfigError):
    """An exact answer was asked for, but the space cannot be enumerated within the limits."""


class RunError(Error):
    """A run directory exists already, cannot be read, or is not a run."""


class NoCheckpointError(RunError):
    """A run has no checkpoint that can be used."""

    exit_code = 4


def named(choice: str, known: Mapping[str, Entry], what: str) -> Entry:
    """The entry of that name. Raises ConfigError, with the nearest name, where there is none."""
    if not isinstance(choice, str):
        raise ConfigError(f"The {what} must be a name or a record; given {described(choice)}{brackets(choice)}.")
    if choice not in known:
        raise ConfigError(f"There is no {what} {choice!r}{did_you_mean(choice, known)}")
    return known[choice]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known one, and all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}? Known: {', '.join(names)}." if near else f". Known: {', '.join(names)}."


def brackets(value: Any) -> str:
    """The end of a sentence about a class in the place of an instance."""
    return ": write its brackets" if isinstance(value, type) else ""


LONGEST_SHOWN = 60
"""Characters of a value that an error shows whole."""


def described(value: Any) -> str:
    """A value that is of the wrong type, as an error shows it."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST_SHOWN else f"an object of {type(value).__name__}"
