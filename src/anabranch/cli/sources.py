"""Where a verb's subject comes from: a task by name, a stranger's FILE:NAME, or a run directory."""

import dataclasses
import functools
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from anabranch.envs.downloads import user_cache_folder
from anabranch.envs.tasks import Task, make, require_task_name
from anabranch.ground.errors import ConfigError, Error, did_you_mean

if TYPE_CHECKING:
    from anabranch.environment import Environment

_STRANGERS: set[str] = set()
"""Files of a stranger's code that were named on this command line."""


def start_jax() -> None:
    """Keep compiled programs between commands, in the user's cache folder where there is one."""
    folder = user_cache_folder()
    if folder is not None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        import jax

        jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def is_foreign(spec: str) -> bool:
    """Whether a spec names a stranger's code: FILE.py:NAME or package.module:NAME."""
    return ":" in spec


def task_from(spec: str) -> Task:
    """A task by name, or the `anabranch.Task` called NAME in a stranger's file or module."""
    if not is_foreign(spec):
        require_task_name(spec)
        start_jax()
        return make(spec)
    start_jax()
    found = foreign(spec)
    if not isinstance(found, Task):
        raise ConfigError(f"{spec} is {_described(found)}, not an anabranch.Task(env, log_reward).")
    return dataclasses.replace(found, name=spec)


def environment_from(spec: str) -> "Environment | type[Environment]":
    """The environment of a task, or an Environment (class or instance) from a stranger's file or module."""
    if not is_foreign(spec):
        return task_from(spec).env
    from anabranch.environment import Environment

    start_jax()
    found = foreign(spec)
    if isinstance(found, Task):
        return found.env
    if isinstance(found, Environment) or (isinstance(found, type) and issubclass(found, Environment)):
        return found
    raise ConfigError(f"{spec} is {_described(found)}, not an anabranch.Environment, nor an anabranch.Task.")


def _described(found: Any) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"an object of {type(found).__name__}"


def foreign(spec: str) -> Any:
    """The thing called NAME in a stranger's file or module. Raises ConfigError where there is none."""
    place, _, name = spec.rpartition(":")
    if place.endswith(".py"):
        if not os.path.isfile(place):
            raise ConfigError(f"There is no file {place}: give FILE.py:NAME.")
        module = _module_from_file(Path(place), Path(place).resolve(), os.stat(place).st_mtime_ns)
    else:
        module = _module_named(place)
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if key[0] != "_" and not isinstance(value, ModuleType)]
        raise ConfigError(f"{place} has no {name!r}{did_you_mean(name, known)}")
    _STRANGERS.add(str(getattr(module, "__file__", place)))
    return getattr(module, name)


def stranger_fault(error: Exception) -> str | None:
    """The sentence about an exception that a stranger's code raised; None where no such code was involved."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in _STRANGERS]
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
    unique = f"anabranch_stranger_{path.stem}"
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


def require_known_fields(cls: type[Any], values: dict[str, Any]) -> None:
    """Raise ConfigError, naming the flags, where a class needs fields that were not given."""
    missing = [
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name not in values
    ]
    if missing:
        flags = " ".join(f"--env.{name} VALUE" for name in missing)
        raise ConfigError(f"{cls.__name__} needs {', '.join(missing)}: add {flags}.")
