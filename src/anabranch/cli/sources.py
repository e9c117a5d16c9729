"""Where a verb's subject comes from: a task by name, a stranger's FILE:NAME, or a run directory."""

import dataclasses
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from anabranch.errors import ConfigError, did_you_mean
from anabranch.tasks import Task, make, require_task_name

if TYPE_CHECKING:
    from anabranch.environment import Environment


def start_jax() -> None:
    """Keep compiled programs between commands, in the user's cache folder where there is one."""
    home = os.environ.get("XDG_CACHE_HOME") or (os.path.expanduser("~/.cache") if os.environ.get("HOME") else "")
    if home and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        import jax

        jax.config.update("jax_compilation_cache_dir", str(Path(home) / "anabranch" / "compiled"))
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
    found = _foreign(spec)
    if not isinstance(found, Task):
        raise ConfigError(f"{spec} is {_described(found)}, not an anabranch.Task(env, log_reward).")
    return dataclasses.replace(found, name=spec)


def environment_from(spec: str) -> "Environment | type[Environment]":
    """The environment of a task, or an Environment (class or instance) from a stranger's file or module."""
    if not is_foreign(spec):
        return task_from(spec).env
    from anabranch.environment import Environment

    start_jax()
    found = _foreign(spec)
    if isinstance(found, Task):
        return found.env
    if isinstance(found, Environment) or (isinstance(found, type) and issubclass(found, Environment)):
        return found
    raise ConfigError(f"{spec} is {_described(found)}, not an anabranch.Environment, nor an anabranch.Task.")


def _described(found: Any) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"an object of {type(found).__name__}"


def _foreign(spec: str) -> Any:
    place, _, name = spec.rpartition(":")
    module = _module_from_file(Path(place)) if place.endswith(".py") else _module_named(place)
    if not hasattr(module, name):
        known = [key for key in vars(module) if not key.startswith("_")]
        raise ConfigError(f"{place} has no {name!r};{did_you_mean(name, known)}")
    return getattr(module, name)


def _module_from_file(path: Path) -> ModuleType:
    """Load a file by its own spec, so that files beside it can never shadow a library."""
    if not path.is_file():
        raise ConfigError(f"There is no file {path}: give FILE.py:NAME.")
    unique = f"anabranch_stranger_{path.stem}"
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    spec.loader.exec_module(module)
    return module


def _module_named(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and not name.startswith(error.name):
            raise
        raise ConfigError(f"There is no module {name!r}: give FILE.py:NAME or package.module:NAME.") from error


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
