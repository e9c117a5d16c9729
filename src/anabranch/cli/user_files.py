"""What a user's file or module holds, FILE.py:NAME or package.module:NAME, and a fault of such code as a sentence."""

import functools
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from anabranch.ground.errors import ConfigError, Error, did_you_mean

_USER_FILES: set[str] = set()
"""Files of a user's code that were named on this command line."""


def names_user_file(spec: str) -> bool:
    """Whether a spec names a user's code: FILE.py:NAME, package.module:NAME, or a file whose NAME is missing."""
    return ":" in spec or spec.endswith(".py")


def from_user_file(spec: str, *, contents: Callable[[ModuleType], str] | None = None) -> Any:
    """The thing called NAME in a user's file or module.

    `contents` says in words what a module holds of the kind that is asked for. Raises ConfigError where there is no
    such thing, and where no NAME is given.
    """
    place, _, name = spec.rpartition(":") if ":" in spec else (spec, "", "")
    if place.endswith(".py"):
        if not os.path.isfile(place):
            raise ConfigError(f"There is no file {place}: give FILE.py:NAME.")
        module = _module_from_file(Path(place), Path(place).resolve(), os.stat(place).st_mtime_ns)
    else:
        module = _module_named(place)
    _USER_FILES.add(str(getattr(module, "__file__", place)))
    names = public_names(module)
    if not name:
        words = f"it holds {', '.join(names) or 'nothing'}" if contents is None else contents(module)
        raise ConfigError(f"{place} is a whole file: give FILE.py:NAME, here {place}:NAME; {words}.")
    if not hasattr(module, name):
        raise ConfigError(f"{place} has no {name!r}{did_you_mean(name, names)}")
    return getattr(module, name)


def public_names(module: ModuleType) -> list[str]:
    """What a module holds, but for other modules and for names with an underscore in front."""
    return [key for key, value in vars(module).items() if key[0] != "_" and not isinstance(value, ModuleType)]


def fault_in_user_file(error: Exception) -> str | None:
    """The sentence about an exception that a user's code raised; None where no such code was involved."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in _USER_FILES]
    if not frames:
        return None
    where = f"{frames[-1].filename}, line {frames[-1].lineno}, in {frames[-1].name}"
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words} (from {where}). Mend it; anabranch check tests an environment."


@functools.cache
def _module_from_file(path: Path, place: Path, written: int) -> ModuleType:
    """Load a file by its own spec, so that files beside it can never shadow a library; once as long as it is the same.

    The whole path and the time of writing are there to tell it from another.
    """
    del place, written
    unique = f"anabranch_user_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except Error:
        raise
    except (Exception, SystemExit) as error:
        raise _import_error(str(path), error) from error
    return module


def _module_named(name: str) -> ModuleType:
    try:
        if all(part.isidentifier() for part in name.split(".")):
            return importlib.import_module(name)
    except Error:
        raise
    except (Exception, SystemExit) as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}.")
        if not absent:
            raise _import_error(name, error) from error
    raise ConfigError(f"There is no module {name!r}: give FILE.py:NAME or package.module:NAME.")


def _import_error(name: str, error: BaseException) -> ConfigError:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).name == Path(name).name] or frames
    line = error.lineno if isinstance(error, SyntaxError) else own[-1].lineno
    return ConfigError(f"{name} cannot be imported, {type(error).__name__} at line {line}: {error}. Mend it first.")
