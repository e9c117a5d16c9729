"""The easy door: train a policy on a task, or on a space and a reward of your own, and get the run."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import optax

from anabranch.environment import Environment
from anabranch.envs.tasks import Task, make
from anabranch.evaluation.affordable import Exact, require_exact
from anabranch.ground.arguments import require_function, require_instance, require_seed
from anabranch.ground.errors import ConfigError
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import Objective
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Policy, PolicyRecipe, require_policy
from anabranch.rewards.anneal import Anneal
from anabranch.rewards.conditions.base import Condition
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward, usable_log_reward
from anabranch.rewards.under import under_condition, without_condition
from anabranch.runs.run import Run
from anabranch.sampling.explore import Exploration
from anabranch.sampling.local_search import LocalSearch
from anabranch.sampling.replay import Replay
from anabranch.sampling.teacher import Teacher
from anabranch.sampling.thompson import Thompson
from anabranch.storage.directory import require_new
from anabranch.training.checkpoint import Checkpoint, checkpoint_of
from anabranch.training.conditioning import condition_of
from anabranch.training.optimizer import Adam
from anabranch.training.peers import Peers
from anabranch.training.progress import ProgressLine, shown_beside
from anabranch.training.settings import SETTINGS
from anabranch.training.setup import setup
from anabranch.training.train import trained


def train(
    env: Environment | Task | str,
    log_reward: LogReward | PythonReward | None = None,
    *,
    objective: str | Objective | None = None,
    backward: str | BackwardPolicy | None = "uniform",
    explore: Exploration | None = None,
    policy: str | PolicyRecipe | None = None,
    optimizer: str | Adam | optax.GradientTransformation | None = None,
    log_z_rate: float | None = None,
    steps: int | None = None,
    batch: int | None = None,
    level: float | None = None,
    seed: int = 0,
    seeds: int | None = None,
    anneal: Anneal | None = None,
    zero_floor: float | None = None,
    replay: Replay | None = None,
    search: LocalSearch | None = None,
    teacher: Teacher | None = None,
    thompson: Thompson | None = None,
    data: Sequence[Any] | None = None,
    condition: str | Condition | None = None,
    prior: Policy | None = None,
    out: str | Path | None = None,
    checkpoint: Checkpoint | Literal["off"] | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    start: Policy | None = None,
    name: str | None = None,
    exact: Exact = "auto",
) -> Run:
    """Train a policy to sample objects in proportion to their reward.

    A task, or its name, brings environment, reward and settings that suit the objective; an argument that is given
    wins. An environment needs `log_reward`, `objective`, `steps` and `batch`. Each of `objective`, `backward`,
    `explore`, `replay`, `search`, `teacher` and `thompson` is chosen on its own.

    Arguments:
        env: a task by name ("faces"), a `Task`, or an environment.
        log_reward: a JAX function of one state, log R(x) in nats, -inf for a reward of 0; or a plain-Python function of
            a list of objects, which returns R of each, alone or with its settings (`python_reward`).
        objective: the balance condition, by name ("tb", "db", ...) or as a record.
        backward: the backward policy P_B, by name ("uniform", "learned", ...) or as a record.
        explore: how the sampler departs from its policy; None: not at all.
        policy: the network's recipe, or its name; None: MLP().
        optimizer: of the network: Adam(...), "adam", or an optax transformation.
        log_z_rate: learning rate of log Z; None: .1.
        steps, batch: gradient steps, and trajectories a step.
        level: log R of a typical object in nats; None: estimated from random ones.
        seed, seeds: seed of all random numbers; with seeds=n the seeds seed .. seed + n - 1 are trained in one program,
            parameters and history have a leading axis, and `run[i]` is one.
        anneal: lets the exponent of R rise to 1; None: where rewards of random objects span more than 100 nats;
            Anneal(steps=0): never.
        zero_floor: a reward of 0 counts as zero_floor times e^level; None: 1e-4.
        replay, search: shares of a batch that were seen before, or are improved by local search.
        teacher, thompson: shares of a batch that are drawn by another sampler, which learns beside the policy: one that
            seeks where the policy is wrong, or an ensemble.
        data: finished objects, kept in the replay buffer, or to learn from.
        condition: what the reward depends on beside the object, such as Temperature(low=0.25, high=8.0): one sampler
            for all its values. It decides what `log_reward` returns: log R(x), or a row of columns.
        prior: the sampler that relative balance starts from.
        out: a new run directory.
        checkpoint: how often the whole state is kept there; None: Checkpoint(); "off": at the end alone.
        callback: gets each row of the history, in place of the progress on stderr; or a logger, such as
            TensorBoard(folder), beside it.
        start: a policy to go on from.
        name: of the task, in the run directory.
        exact: whether the space is listed and all its rewards evaluated, so that the exact total variation stands in
            the history: True, False, or "auto", where both cost little beside the training.

    Returns:
        The run. Ctrl-C after the first step ends with a usable run of what was learned (`run.interrupted`), before it
        with KeyboardInterrupt.

    Raises:
        ConfigError, RewardError: for settings that are none.
        RewardFailureError: where objects have no reward, more than may have none.
        LawError, RewardError: with the state at which sampling or listing failed.
        SpaceTooLargeError: where `exact=True` asks for too much.
        RunError: where `out` cannot be written, or a training has diverged. An error that stops a training has the
            run before it, as `error.run`.

    Example:
        run = anabranch.train("faces", objective="tb")
    """
    settings = {key: value for key, value in locals().items() if key in SETTINGS}
    task = _task_of(env, log_reward)
    if anneal is None and start is not None:
        settings["anneal"] = Anneal(steps=0)  # a sampler that goes on has the narrow target behind it
    if task is not None:
        settings = _with_what_suits(task, settings)
    settings = {key: value for key, value in settings.items() if value is not None or SETTINGS[key].default is None}
    require_exact(exact)
    checkpoint_of(checkpoint)
    _require_places(out=out, name=name, callback=callback, start=start)
    line = ProgressLine(
        settings.get("steps") or 0, label=_label(objective), active=shown_beside(callback) and Peers().first
    )
    space, score = (env, log_reward) if task is None else (task.env, task.log_reward)
    score = _kept_reward(space, score, out, condition)
    with line.during("preparing"):
        ready = setup(space, score, **settings)  # pyright: ignore[reportArgumentType]
    require_seed(seed, count=ready.seeds or 1)
    where = {"seed": int(seed), "start": start, "out": out, "name": name or (task and task.name)}
    where["checkpoint"] = checkpoint_of(checkpoint)
    # What is measured afterwards is answered by what the training has evaluated.
    task = None if task is None else dataclasses.replace(task, log_reward=without_condition(ready.log_reward))
    return Run.of(trained(ready, **where, exact=exact, callback=callback, line=line), task)


def _kept_reward(env: Any, log_reward: Any, out: str | Path | None, condition: Any) -> LogReward:
    """The reward; one in plain Python keeps its evaluations in the run directory, from the first one on."""
    if condition is None:
        score = usable_log_reward(env, log_reward)
    else:
        score = without_condition(under_condition(env, log_reward, condition_of(condition)))
    if not isinstance(score, PythonReward):
        return score
    # A service of its own: what an earlier training has asked for does not count for this one.
    return dataclasses.replace(score.on(env), folder=None if out is None else require_new(out))


def _task_of(env: Any, log_reward: Any) -> Task | None:
    """The task that is meant, with the reward that was given in place of its own; None for an environment."""
    task = make(env) if isinstance(env, str) else env
    if not isinstance(task, Task):
        return None
    return task if log_reward is None else dataclasses.replace(task, log_reward=log_reward)


def _with_what_suits(task: Task, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given, and those of the task for its objective where there are none."""
    if settings["objective"] is None:
        raise ConfigError(f"A training needs objective=: {', '.join(OBJECTIVES)}.")
    suited = task.settings(settings["objective"]).arguments()
    return settings | {key: value for key, value in suited.items() if settings[key] is None}


def _label(objective: Any) -> str:
    return getattr(objective, "name", str(objective))


def _require_places(*, out: Any, name: Any, callback: Any, start: Any) -> None:
    if out is not None:
        require_instance(out, str | Path, argument="out", expected="the path of a new run directory")
    if name is not None:
        require_instance(name, str, argument="name", expected="the name of a task")
    if callback is not None:
        require_function(callback, argument="callback", expected="a function of one row of the history")
    if start is not None:
        require_policy(start, argument="start")
