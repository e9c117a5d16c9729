"""What is read beside flags: a data set of objects, and the run whose sampler is a prior."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anabranch.ground.errors import ConfigError

if TYPE_CHECKING:
    from anabranch.environment import Environment
    from anabranch.envs.tasks import Task
    from anabranch.policies.heads import Policy
    from anabranch.runs.run import Run


def data_from(path: str | None, env: "Environment") -> list[Any] | None:
    """The objects of a file, one a line: as text where the space's objects are text, else as JSON."""
    if path is None:
        return None
    import jax
    import numpy as np

    from anabranch.environment import initial_state

    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"There is no file {path}: give a file of objects, one a line.")
    is_text = isinstance(env.decode(jax.tree.map(np.asarray, initial_state(env))), str)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text file: give objects, one a line.") from error
    return [_item(line.strip(), is_text, f"{path}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]


def _item(line: str, is_text: bool, where: str) -> Any:
    if is_text and not line.startswith('"'):
        return line
    try:
        return _hashable(json.loads(line))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where} is no JSON ({error.msg}): give one object a line, such as [1, 2].") from error


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def prior_from(path: str | None, task: "Task") -> "Policy | None":
    """The policy of a run of the same space."""
    if path is None:
        return None
    from anabranch.runs.load import load

    run = load(path, task=task)
    if run.setup.seeds is not None:
        raise ConfigError(f"{path} holds {run.setup.seeds} seeds: a prior is a run of a single seed.")
    if run.setup.env != task.env:
        raise ConfigError(f"The prior {path} is of another space: {run.setup.env} instead of {task.env}.")
    return run.policy


def with_sources(run: "Run", task: "Task", *, prior: str | None, data: str | None) -> "Run":
    """A run that was read back, with the prior and the data of its training, which no run directory keeps."""
    from anabranch.sampling.data_set import DataSet
    from anabranch.training.settings import Prior

    policy, objects = prior_from(prior, task), data_from(data, task.env)
    setup = run.setup
    if policy is not None:
        setup = dataclasses.replace(setup, prior=Prior(policy))
    if objects is not None:
        held = DataSet.of(task.env, task.log_reward, objects, zero_floor=setup.zero_floor, level=setup.level)
        setup = dataclasses.replace(setup, data=held)
    return dataclasses.replace(run, setup=setup)


def missing_source(run: "Run") -> str | None:
    """What to give so that a run can be held against its target; None where nothing is missing."""
    setup = run.setup
    if "log_prior" in setup.objective.needs and setup.prior is None:
        return (
            "The target of this run is its prior's law times R^beta: give --prior RUN to measure the distance from it."
        )
    if setup.objective.needs_data and setup.data is None:
        return "The target of this run is the law of its data: give --data FILE to measure the distance from it."
    return None
