"""A run read back: built-in tasks are rebuilt by name, a user's own must be given; nothing on disk is executed."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optax

from anabranch.envs.tasks import BUILT_IN, Task, make, task_names
from anabranch.evaluation.targets import TabulatedReward
from anabranch.graph.state_graph import state_graph
from anabranch.ground.errors import RunError
from anabranch.ground.fields import converted, replaced, unknown_key
from anabranch.objectives.base import Objective
from anabranch.objectives.named import objective_named
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import PolicyRecipe
from anabranch.rewards.conditions.base import Condition
from anabranch.rewards.edited import EditedReward
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import log_rewards, usable_log_reward
from anabranch.runs.given import policy_shape, with_given
from anabranch.runs.run import Run
from anabranch.sampling.explore import Exploration
from anabranch.storage.checkpoints import Saved
from anabranch.storage.directory import RunDirectory
from anabranch.storage.own_parts import own_part
from anabranch.training.optimizer import Adam
from anabranch.training.saved_state import POLICY, is_of_policy, tree_from
from anabranch.training.setting import REQUIRED, Setting
from anabranch.training.settings import SETTINGS, Setup
from anabranch.training.setup import setup

KEPT = {name: one for name, one in SETTINGS.items() if one.kept}
ADDED = {name: one.before for name, one in KEPT.items() if one.before is not REQUIRED}
"""Settings that earlier runs of this format did not have, with the values by which these were trained."""
TOGETHER = frozenset({"level", "anneal"})
"""Of these, two that came together: a run that lacks one of them is damaged. The others came one by one."""
RESULT = {"steps": int, "seconds": float, "interrupted": bool}
STEERED = ("edited", "steered")
"""Of a training that a page has steered: how its reward was edited, and that it was."""
KEYS = ("format", "task", "versions", "result", "env", "reward", *KEPT, "seed", "checkpoint", "machine", "resumed")
KEYS = (*KEYS, *STEERED)


def load(
    path: str | Path,
    *,
    task: Task | None = None,
    objective: Objective | None = None,
    policy: PolicyRecipe | None = None,
    backward: BackwardPolicy | None = None,
    optimizer: Adam | optax.GradientTransformation | None = None,
    explore: Exploration | None = None,
    condition: Condition | None = None,
    checkpoint: str | int = "last",
) -> Run:
    """Read a run directory: its policy, history and configuration. Loading never executes code.

    A run of a built-in or installed task is rebuilt by its name; any other needs `task`. So does one with parts of your
    own: each is given again as it was given to `train`, and takes the settings that the run had.

    Arguments:
        path: the run directory.
        task: the task of a run that is not known by name.
        objective, policy, backward, explore, condition: your own parts, where the run had them; the network as its
            recipe.
        optimizer: an optax transformation; it may be left out, since reading a run does not need it.
        checkpoint: which state of the run: "last", "best" (of the least exact distance, so not one to report), or a
            step of which there is one. A damaged one is passed over for the one before it, with a warning.

    Returns:
        The run, which can be evaluated, sampled from and plotted.

    Raises:
        RunError: for what is missing, damaged or does not fit.
        NoCheckpointError: where no checkpoint can be used.

    Example:
        run = anabranch.load("runs/faces")
    """
    directory = RunDirectory.open(path)
    config = directory.read_config()
    older = not TOGETHER & config.keys()
    config = {**{name: value for name, value in ADDED.items() if older or name not in TOGETHER}, **config}
    for key in config:
        if key not in KEYS:
            raise unknown_key(key, KEYS, where=str(directory.path / "run.json"))
    described = _with_kept_rewards(task_of(config, directory.path, task), directory.path)
    own = {"objective": objective, "policy": policy, "backward": backward, "optimizer": optimizer}
    own |= {"explore": explore, "condition": condition}
    ready = with_given(_setup_of(config, described, own, directory.path), directory)
    saved = _checkpoint_of(directory, checkpoint)
    learned = tree_from(policy_shape(ready, saved.arrays), saved.arrays, POLICY, directory.path)
    result = _part({"result": {}, **config}, "result", directory.path)
    history = directory.read_metrics()
    written = {"steps": saved.step, **_unfinished(history), **result}
    took = {name: _plain(written, name, kind, directory.path) for name, kind in RESULT.items()}
    took |= {"steps": saved.step, "interrupted": took["interrupted"] or saved.step < ready.steps}
    return Run(
        task=described,
        policy=learned,
        history=history,
        config={key: value for key, value in config.items() if key not in ("format", "result")},
        directory=directory.path,
        setup=ready,
        **took,
    )


def _with_kept_rewards(task: Task, path: Path) -> Task:
    """The task, with a reward in plain Python that knows what the run has evaluated."""
    reward: Any = task.log_reward
    if not isinstance(reward, PythonReward):
        return task
    return dataclasses.replace(task, log_reward=reward.on(task.env, folder=path))


def _checkpoint_of(directory: RunDirectory, which: str | int) -> Saved:
    """The parameters of one checkpoint. Raises RunError where it is not there."""
    kept = directory.checkpoints
    if which == "last":
        return kept.newest(is_of_policy)
    step = which
    if which == "best":
        best = kept.newest(lambda name: False).progress.get("best")
        if best is None:
            raise RunError(f"{directory.path} has no best checkpoint: no exact distance was measured on the way.")
        step = best[1]
    if not isinstance(step, int) or step not in kept.steps():
        there = ", ".join(str(one) for one in kept.steps()) or "none"
        raise RunError(f"{directory.path} has no checkpoint {which!r}; it has last, best, and the steps {there}.")
    return kept.read(step, is_of_policy)


def _unfinished(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Steps and seconds of a run that still goes on, or whose process ended before it wrote its result."""
    seconds = history[-1].get("seconds") if history else None
    return {"seconds": seconds if isinstance(seconds, float) else 0.0, "interrupted": True}


def task_of(config: Mapping[str, Any], path: Path, task: Task | None) -> Task:
    """The task of a run's configuration, or the one given, with the settings that the run had.

    Raises RunError where it has another environment, or is not known by name and not given.
    """
    space, reward = dict(_part(config, "env", path)), _part(config, "reward", path)
    kind, name = space.pop("class", None), config.get("task")
    if task is None and (not isinstance(name, str) or (name not in BUILT_IN and name not in task_names())):
        raise RunError(
            f"{path} is a run of {name or 'an environment of your own'}, which is not a task known by name: name its "
            "file again (--task FILE:NAME, or load(path, task=...)). Loading a run never executes code."
        )
    rebuilt = make(str(name)) if task is None else task
    usable = usable_log_reward(rebuilt.env, rebuilt.log_reward, columns=config.get("condition") is not None)
    rebuilt = dataclasses.replace(rebuilt, log_reward=usable)
    own_kind = type(rebuilt.env).__name__
    if own_kind != kind:
        raise RunError(f"{path} is a run of the environment {kind}; the given task has {own_kind}.")
    rebuilt = rebuilt.with_settings(space, reward, where=str(path / "run.json"))
    return rebuilt if config.get("edited") is None else _with_edited_reward(rebuilt, config["edited"])


def _with_edited_reward(task: Task, edited: Any) -> Task:
    """The task with a reward that a user has edited, as a table."""
    reward = EditedReward.of(edited)
    if reward == EditedReward():
        return task
    graph = state_graph(task.env)
    values = reward.log_values(log_rewards(graph, task.log_reward), {})
    return dataclasses.replace(task, log_reward=TabulatedReward.of(graph, values))


def _part(config: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    part = config.get(name)
    if not isinstance(part, dict):
        raise RunError(f"{path / 'run.json'} has no {name!r}: it is damaged, or not a run of this library.")
    return part


def _setup_of(config: Mapping[str, Any], task: Task, own: Mapping[str, Any], path: Path) -> Setup:
    settings = {name: _read(one, config, own.get(name), path) for name, one in KEPT.items() if one.kind != "source"}
    for name, one in KEPT.items():  # of a data set and a prior only a mark is kept: reading a run needs neither
        if one.kind == "source":
            _plain(config, name, one.mark, path)
    _plain(config, "seed", int, path)
    return setup(task.env, task.log_reward, **settings)


def _read(setting: Setting, config: Mapping[str, Any], own: Any, path: Path) -> Any:
    """A setting as `setup` takes it, from what a run kept of it; `own` is the part that was given for it."""
    name = setting.name
    if setting.kind == "number":
        return _plain(config, name, setting.annotation, path)
    if setting.kind == "record":
        if name in config and config[name] is None:
            return setting.record(off=True)
        if own is not None or "class" in _part(config, name, path):
            return own_part(name, _part(config, name, path), own, path)
        return replaced(setting.record(), _part(config, name, path), where=f"{path / 'run.json'}: {name}")
    kept = config.get(name)
    if name == "backward" and not isinstance(kept, dict):
        return _plain(config, name, str | None, path) if own is None else own_part(name, {"name": kept}, own, path)
    if setting.optional and name in config and kept is None:
        return None
    part = dict(_part(config, name, path))
    if part.get("name") == "optax":
        return own
    if "class" in part or own is not None:
        return own_part(name, part, own, path)
    kind = part.pop("name", None)
    if name == "objective":
        return replaced(objective_named(str(kind)), part, where=f"{path / 'run.json'}: {name}")
    if not isinstance(kind, str) or kind not in setting.table:
        raise RunError(f"{path / 'run.json'} names the {name} {kind!r}; this version knows {', '.join(setting.table)}.")
    return replaced(setting.table[kind](), part, where=f"{path / 'run.json'}: {name}")


def _plain(config: Mapping[str, Any], name: str, kind: Any, path: Path) -> Any:
    if name not in config:
        raise RunError(f"{path / 'run.json'} has no {name!r}: it is damaged, or not a run of this library.")
    return converted(config[name], kind, f"{path / 'run.json'}: {name}")
