"""The easy door: train a policy, measure it exactly on the way, keep the run."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from anabranch.anneal import Anneal
from anabranch.backward import BackwardPolicy
from anabranch.drawing import sample
from anabranch.environment import Environment
from anabranch.errors import ConfigError, Error, RunError
from anabranch.evaluation import law_against, learned_log_z
from anabranch.exact.graph import StateGraph, small_state_graph
from anabranch.explore import Explore
from anabranch.local_search import LocalSearch
from anabranch.objectives import Objective
from anabranch.policy import Policy, PolicyRecipe
from anabranch.progress import ProgressLine
from anabranch.replay import Replay
from anabranch.rewards import DEFAULT_ZERO_FLOOR, LogReward, log_rewards
from anabranch.runs.directory import RunDirectory, require_new
from anabranch.targets import log_target
from anabranch.training.optimizer import Adam
from anabranch.training.record import configuration, write_result
from anabranch.training.requirements import require_served
from anabranch.training.step import TrainState, advance, fault_error, init
from anabranch.training.trainer import Trainer, trainer

REPORTS = 50
MOST_EVALUATION_SHARE = 0.2


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A trained policy and how it came about."""

    policy: Policy
    history: list[dict[str, Any]]
    """One row for each report: step, seconds, loss, log_z, log_reward, rows, floored, total_variation."""
    config: dict[str, Any]
    directory: Path | None
    trainer: Trainer
    steps: int
    seconds: float
    """Of compiled training, without compilation and evaluation."""
    interrupted: bool = False

    def __getitem__(self, number: int) -> "Run":
        """The run of one seed of several. Raises ConfigError where there is no such seed."""
        seeds = self.trainer.seeds
        if seeds is None or not -seeds <= number < seeds:
            raise ConfigError(
                f"This run has {'a single seed' if seeds is None else f'{seeds} seeds'}; asked for [{number}]."
            )
        number %= seeds
        history = [
            {key: value[number] if isinstance(value, list) else value for key, value in row.items()}
            for row in self.history
        ]
        return dataclasses.replace(
            self,
            policy=policy_of_seed(self.policy, number),
            history=history,
            config={**self.config, "seed": self.config["seed"] + number, "seeds": None},
            directory=None,
            trainer=dataclasses.replace(self.trainer, seeds=None),
        )

    def each(self) -> "list[Run]":
        """The runs of all seeds; this run alone where there is but one."""
        return [self] if self.trainer.seeds is None else [self[number] for number in range(self.trainer.seeds)]

    def objects(self, n: int, *, seed: int = 0) -> list[Any]:
        """n fresh objects from the policy."""
        return sample(self.trainer.env, self.policy, n, seed=seed).objects

    def save(self, path: str | Path) -> None:
        """Write the run into a new directory. Raises RunError where something is there already."""
        directory = RunDirectory.create(path)
        for row in self.history:
            directory.append_metrics(row)
        self._write(directory)

    def _write(self, directory: RunDirectory) -> None:
        took = {"steps": self.steps, "seconds": self.seconds, "interrupted": self.interrupted}
        write_result(directory, self.config, self.policy, **took)


def train(
    env: Environment,
    log_reward: LogReward,
    *,
    objective: str | Objective,
    backward: str | BackwardPolicy | None = "uniform",
    explore: Explore | None = None,
    policy: PolicyRecipe | None = None,
    optimizer: Adam | optax.GradientTransformation | None = None,
    log_z_rate: float = 0.1,
    steps: int,
    batch: int,
    level: float | None = None,
    seed: int = 0,
    seeds: int | None = None,
    anneal: Anneal | None = None,
    zero_floor: float = DEFAULT_ZERO_FLOOR,
    replay: Replay | None = None,
    search: LocalSearch | None = None,
    data: Sequence[Any] | None = None,
    prior: Policy | None = None,
    out: str | Path | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    start: Policy | None = None,
    name: str | None = None,
) -> Run:
    """Train a policy to sample objects in proportion to their reward.

    Each of `objective`, `backward`, `explore`, `replay` and `search` is chosen on its own. `data` is a list of
    finished objects, kept in the replay buffer; `prior` the sampler that relative balance starts from. A space
    of up to 200,000 states is enumerated, and the exact total variation stands in each report. `seeds=n` trains
    the seeds seed .. seed + n - 1 in one program: parameters and history have a leading axis, and `run[i]` is one.
    `callback` gets each row of the history; without one a terminal shows progress. `out` names a new run
    directory, `name` the task in it; `start` continues from a policy. Ctrl-C ends with a usable run.

    Raises ConfigError and RewardError before anything is compiled, LawError and RewardError with the state
    at which sampling failed.
    """
    setup = trainer(
        env,
        log_reward,
        objective=objective,
        backward=backward,
        explore=explore,
        policy=policy,
        optimizer=optimizer,
        log_z_rate=log_z_rate,
        steps=steps,
        batch=batch,
        level=level,
        zero_floor=zero_floor,
        anneal=anneal,
        seeds=seeds,
        replay=replay,
        search=search,
        data=data,
        prior=prior,
    )
    return _trained(setup, seed=seed, start=start, out=out, name=name, callback=callback)


def _trained(
    setup: Trainer,
    *,
    seed: int,
    start: Policy | None,
    out: str | Path | None,
    name: str | None,
    callback: Callable[[dict[str, Any]], None] | None,
) -> Run:
    require_served(setup)
    if out is not None:
        require_new(out)
    watch, state = Watch.over(setup), init(setup, seed, start=start)
    _compile(setup, state, watch)
    config, directory = configuration(setup, seed=seed, name=name), None
    if out is not None:
        directory = RunDirectory.create(out)
        directory.write_config(config)
    line = ProgressLine(setup.steps, label=setup.objective.name)
    run = _run(setup, watch, state, config, directory, callback or line)
    line.close()
    if directory is not None:
        run._write(directory)
    return run


@dataclasses.dataclass(frozen=True, eq=False)
class Watch:
    """The exact answer, where there is one, to hold the training against."""

    graph: StateGraph | None
    log_target: Float[np.ndarray, " X"] | None

    @classmethod
    def over(cls, setup: Trainer) -> "Watch":
        """Enumerate the space and its rewards. Raises RewardError for a reward that is not one."""
        graph = small_state_graph(setup.env)
        if graph is None:
            return cls(None, None)
        values = log_rewards(graph, setup.log_reward)
        return cls(graph, log_target(graph, values, setup.objective, **setup.sources))

    def total_variation(self, setup: Trainer, policy: Policy) -> float | list[float] | None:
        """The exact distance of a policy (or of each seed's) from its target; None where the space is too large."""
        graph, aim = self.graph, self.log_target
        if graph is None or aim is None:
            return None
        return for_seeds(setup, policy, lambda one: law_against(graph, one, aim).total_variation)


def _compile(setup: Trainer, state: TrainState, watch: Watch) -> None:
    """Compile all that a run needs, so that the times of the run are those of training and of evaluation."""
    jax.block_until_ready(advance(setup, state, jnp.array(0)))
    watch.total_variation(setup, state.policy)


def _run(
    setup: Trainer,
    watch: Watch,
    state: TrainState,
    config: dict[str, Any],
    directory: RunDirectory | None,
    callback: Callable[[dict[str, Any]], None],
) -> Run:
    history: list[dict[str, Any]] = []
    trained = evaluated = 0.0
    every = max(1, math.ceil(setup.steps / REPORTS))
    done, interrupted = 0, False
    try:
        while done < setup.steps:
            count = min(every, setup.steps - done)
            began = time.perf_counter()
            fresh, metrics, fault = advance(setup, state, jnp.array(count))
            jax.block_until_ready(metrics)
            trained += time.perf_counter() - began
            error = _divergence(fresh, metrics.loss, done + count) or fault_error(setup, fault)
            if error is not None:
                raise error
            state, done = fresh, done + count
            row = _row(setup, state, done, trained, metrics)
            began = time.perf_counter()
            if done == setup.steps or evaluated <= MOST_EVALUATION_SHARE * trained:
                row["total_variation"] = watch.total_variation(setup, state.policy)
            evaluated += time.perf_counter() - began
            history.append(row)
            if directory is not None:
                directory.append_metrics(row)
            callback(row)
    except KeyboardInterrupt:
        interrupted = True
    place = None if directory is None else directory.path
    return Run(state.policy, history, config, place, setup, done, trained, interrupted)


def _row(setup: Trainer, state: TrainState, done: int, seconds: float, metrics: Any) -> dict[str, Any]:
    return {
        "step": done,
        "seconds": round(seconds, 6),
        "loss": metrics.loss.tolist(),
        "log_z": for_seeds(setup, state.policy, lambda policy: learned_log_z(policy, setup.objective, setup.env)),
        "log_reward": metrics.log_reward.tolist(),
        "rows": metrics.rows.tolist(),
        "floored": metrics.floored.tolist(),
        "total_variation": None,
    }


def for_seeds(setup: Trainer, policy: Policy, measure: Callable[[Policy], Any]) -> Any:
    """A measurement of a policy, or the list of it over a leading axis of seeds."""
    if setup.seeds is None:
        return measure(policy)
    return [measure(policy_of_seed(policy, number)) for number in range(setup.seeds)]


def policy_of_seed(policy: Policy, number: int) -> Policy:
    """One policy of a leading axis of seeds."""
    return jax.tree.map(lambda leaf: leaf[number] if eqx.is_array(leaf) else leaf, policy)


def _divergence(state: TrainState, loss: Array, done: int) -> Error | None:
    leaves = [loss, *jax.tree.leaves(eqx.filter(state.policy, eqx.is_inexact_array))]
    if all(bool(jnp.isfinite(leaf).all()) for leaf in leaves):
        return None
    return RunError(f"Training diverged before step {done}: loss {loss}. Lower the learning rate or log_z_rate.")
