"""Where a verb's task comes from: a task by name, or a Task, or an Environment and a reward, in a user's file."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from anabranch.cli.flags import Option
from anabranch.cli.peers import meet
from anabranch.cli.user_files import from_user_file, names_user_file, public_names
from anabranch.envs.tasks import Task, make, rebound, require_task_name, task_names
from anabranch.ground.errors import ConfigError, RunError
from anabranch.ground.fields import converted, fields_of
from anabranch.ground.installed import installed, loaded
from anabranch.storage.compiled import keep_compiled

if TYPE_CHECKING:
    from anabranch.environment import Environment

REWARD = Option(
    name="reward",
    annotation=str | None,
    default=None,
    help="FILE.py:NAME of a reward of your own, for an environment of your own or in place of the task's reward: a "
    "log-reward in JAX, or a function from a list of objects to a list of numbers",
)
REWARDS = "anabranch.rewards"
"""The group of entry points by which installed packages add rewards by name."""
WITH_REWARD = " --reward "
"""Stands between task and reward in the name of a task that was made of both, as on a command line."""


def start_jax() -> None:
    """Keep compiled programs between commands, in the user's cache folder where there is one; meet other processes."""
    meet()
    keep_compiled()


Fields = Callable[[type], Mapping[str, Any]]
"""From a class of environments to the fields of the instance that is meant."""


def task_from(spec: str, *, reward: str | None = None, fields: Fields | None = None, columns: bool = False) -> Task:
    """A task by name, the `anabranch.Task` called NAME in a user's file, or an Environment there with `reward`.

    `reward`, FILE.py:NAME of a log-reward, takes the place of a task's own. `fields` says by which fields an
    Environment that is a class is made. With `columns` a reward may return a row of numbers, for a condition. Raises
    ConfigError where something is missing or of another kind.
    """
    if names_user_file(spec):
        start_jax()
        named = from_user_file(spec, contents=environments_and_tasks)
    else:
        require_task_name(spec)
        start_jax()
        named = make(spec)
    if isinstance(named, Task):
        task = named
        if names_user_file(spec):
            task = _with_log_reward(named, named.log_reward, name=spec, columns=columns)
        return task if reward is None else _with_reward(task, task.env, reward, columns=columns)
    if not _is_environment(named):
        raise ConfigError(f"{spec} is {_described(named)}, not an anabranch.Task(env, log_reward).")
    if reward is None:
        raise _no_task(spec, named)
    env = named if fields is None or not isinstance(named, type) else environment_with(named, fields(named))
    return _with_reward(Task(env, log_reward_from(reward), name=spec), env, reward, columns=columns)


def _with_reward(task: Task, env: "Environment", spec: str, *, columns: bool) -> Task:
    name = f"{task.name}{WITH_REWARD}{spec}"
    return _with_log_reward(task, rebound(log_reward_from(spec), env), name=name, columns=columns)


def _with_log_reward(task: Task, log_reward: Callable[[Any], Any], *, name: str, columns: bool) -> Task:
    """The task with a reward; a plain-Python function becomes a record whose settings are flags."""
    from anabranch.rewards.log_reward import usable_log_reward

    return dataclasses.replace(task, log_reward=usable_log_reward(task.env, log_reward, columns=columns), name=name)


def log_reward_from(spec: str) -> Callable[[Any], Any]:
    """The log-reward called NAME in a user's file or of a package: a function of one state, or an instance that is one.

    Raises ConfigError where it is something else.
    """
    if names_user_file(spec):
        log_reward = from_user_file(spec)
    elif spec in installed(REWARDS):
        log_reward = loaded(installed(REWARDS)[spec])
    else:
        known = f", or one of {', '.join(installed(REWARDS))}" if installed(REWARDS) else ""
        raise ConfigError(f"--reward names a log-reward of your own, FILE.py:NAME{known}; given {spec!r}.")
    if isinstance(log_reward, type) or not callable(log_reward):
        raise ConfigError(
            f"--reward {spec} is {_described(log_reward)}, not a function of one state that returns log R in nats "
            "(or an instance of a frozen dataclass that can be called so), nor one of a list of objects that returns R "
            "of each."
        )
    return log_reward


def environment_from(spec: str) -> "Environment | type[Environment]":
    """The environment of a task, or an Environment (class or instance) from a user's file or module."""
    if not names_user_file(spec):
        return task_from(spec).env
    start_jax()
    named = from_user_file(spec, contents=environments_and_tasks)
    if isinstance(named, Task):
        return named.env
    if _is_environment(named):
        return named
    raise ConfigError(f"{spec} is {_described(named)}, not an anabranch.Environment, nor an anabranch.Task.")


def environment_with(cls: "type[Environment]", values: Mapping[str, Any]) -> "Environment":
    """An instance of a class. Raises ConfigError, naming the flags, where it needs fields that were not given."""
    record: Any = cls
    missing = [
        field.name
        for field in dataclasses.fields(record)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name not in values
    ]
    if missing:
        flags = " ".join(f"--env.{name} VALUE" for name in missing)
        raise ConfigError(f"{cls.__name__} needs {', '.join(missing)}: add {flags}.")
    return cls(**values)


def task_of_run(config: Mapping[str, Any], path: Path, *, task: str | None, reward: str | None) -> Task | None:
    """The task of a run whose code --task and --reward name again; None where the run's own name suffices.

    Raises RunError where the run was trained on a reward that is not named again, or on another.
    """
    base, _, trained = str(config.get("task")).partition(WITH_REWARD)
    if trained and (reward is None or reward.rpartition(":")[2] != trained.rpartition(":")[2]):
        instead = "" if reward is None else f", not on {reward}"
        raise RunError(f"{path} was trained on the reward {trained}{instead}: name it again, --reward {trained}.")
    if task is None and (reward is None or base not in task_names()):
        return None
    recorded = config.get("env")
    return task_from(
        task or base,
        reward=reward,
        fields=lambda cls: _recorded(cls, recorded, path),
        columns=config.get("condition") is not None,
    )


def _recorded(cls: type, recorded: Any, path: Path) -> dict[str, Any]:
    """The fields of an environment as run.json keeps them."""
    kept = recorded if isinstance(recorded, dict) else {}
    if kept.get("class") != cls.__name__:
        raise RunError(f"{path} is a run of the environment {kept.get('class')}; the given task has {cls.__name__}.")
    where = f"{path / 'run.json'}: env"
    settings = [field for field in fields_of(cls) if field.name in kept]
    return {field.name: converted(kept[field.name], field.annotation, f"{where}.{field.name}") for field in settings}


def environments_and_tasks(module: ModuleType) -> str:
    """What a module holds of both, in words; names that it has imported from this library are left out."""
    things = {name: getattr(module, name) for name in public_names(module)}
    own = {name: thing for name, thing in things.items() if not _is_of_library(thing)}
    environments = [name for name, thing in own.items() if _is_environment(thing)]
    tasks = [name for name, thing in own.items() if isinstance(thing, Task)]
    kinds = (("Environment", environments), ("Task", tasks))
    words = [f"the {kind}s {', '.join(names)}" if names else f"no {kind}" for kind, names in kinds]
    return f"it holds {' and '.join(words)}"


def _is_of_library(thing: Any) -> bool:
    return isinstance(thing, type) and thing.__module__.startswith("anabranch.")


def _is_environment(thing: Any) -> bool:
    from anabranch.environment import Environment

    return isinstance(thing, Environment) or (isinstance(thing, type) and issubclass(thing, Environment))


def _no_task(spec: str, env: Any) -> ConfigError:
    """The sentence about an environment where a task is needed."""
    place, _, name = spec.rpartition(":")
    instance = f"{name}(...)" if isinstance(env, type) else name
    return ConfigError(
        f"{spec} is an Environment without a reward: add --reward FILE.py:NAME of a log-reward, or write "
        f"task = anabranch.Task(env={instance}, log_reward=...) there and give {place}:task."
    )


def _described(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"an object of {type(thing).__name__}"
