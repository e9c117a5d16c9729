"""What the doors of the library take: an argument of the wrong type is a sentence before anything is traced."""

import numbers
from typing import Any

from anabranch.ground.errors import ConfigError, brackets, described

LARGEST_SEED = 2**31 - 2
"""Seeds are 32-bit integers inside JAX."""


def require_instance(value: Any, kind: Any, *, argument: str, expected: str) -> None:
    """Raise ConfigError, with what is expected in words, where an argument is no instance of a class."""
    if isinstance(value, kind) and not isinstance(value, type):
        return
    raise ConfigError(f"{argument} takes {expected}; given {described(value)}{brackets(value)}.")


def require_record(value: Any, kind: type, *, argument: str, example: str) -> None:
    """Raise ConfigError where an argument is neither None nor a record of a class."""
    if value is not None:
        require_instance(value, kind, argument=argument, expected=f"a record such as {example}, or None")


def require_function(value: Any, *, argument: str, expected: str) -> None:
    """Raise ConfigError where an argument cannot be called, or is a class."""
    if not callable(value) or isinstance(value, type):
        require_instance(value, (), argument=argument, expected=expected)


def require_objects(data: Any, *, argument: str) -> None:
    """Raise ConfigError where an argument is no list of objects."""
    if isinstance(data, str | bytes | dict) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        require_instance(data, (), argument=argument, expected="a list of finished objects")


def is_whole(value: Any) -> bool:
    """Whether something is a whole number, NumPy's included, and no boolean."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def require_whole(**counts: Any) -> None:
    """Raise ConfigError where a count is not a positive whole number."""
    for name, value in counts.items():
        if not is_whole(value) or value < 1:
            raise ConfigError(f"{name} must be a positive whole number; given {value!r}.")


def require_seed(seed: Any, *, count: int = 1) -> None:
    """Raise ConfigError where seed .. seed + count - 1 are not whole numbers that a 32-bit integer holds."""
    if not is_whole(seed) or not 0 <= seed <= LARGEST_SEED - (count - 1):
        last = "" if count == 1 else f", with the last of {count} seeds"
        raise ConfigError(f"seed must be a whole number from 0 to {LARGEST_SEED:,}{last}; given {described(seed)}.")
