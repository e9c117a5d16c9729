"""The easy door: train a policy, measure it exactly on the way, keep the run."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from anabranch.environment import Environment
from anabranch.evaluation.affordable import Exact, require_exact
from anabranch.ground.arguments import require_function, require_instance, require_seed
from anabranch.objectives.base import Objective
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Policy, PolicyRecipe, require_policy
from anabranch.rewards.anneal import Anneal
from anabranch.rewards.log_reward import LogReward
from anabranch.sampling.explore import Exploration
from anabranch.sampling.local_search import LocalSearch
from anabranch.sampling.replay import Replay
from anabranch.storage.directory import require_new
from anabranch.training.compatibility import require_served
from anabranch.training.configuration import configuration
from anabranch.training.growth import Growth
from anabranch.training.keeping import Keeper
from anabranch.training.optimizer import Adam
from anabranch.training.progress import ProgressLine
from anabranch.training.run import Run
from anabranch.training.settings import SETTINGS, Setup
from anabranch.training.setup import setup
from anabranch.training.step import advance, init
from anabranch.training.truth import Watch

MOST_EVALUATION_SHARE = 0.2


def train(
    env: Environment,
    log_reward: LogReward,
    *,
    objective: str | Objective,
    backward: str | BackwardPolicy | None = "uniform",
    explore: Exploration | None = None,
    policy: str | PolicyRecipe | None = None,
    optimizer: str | Adam | optax.GradientTransformation | None = None,
    log_z_rate: float = 0.1,
    steps: int,
    batch: int,
    level: float | None = None,
    seed: int = 0,
    seeds: int | None = None,
    anneal: Anneal | None = None,
    zero_floor: float = 1e-4,
    replay: Replay | None = None,
    search: LocalSearch | None = None,
    data: Sequence[Any] | None = None,
    prior: Policy | None = None,
    out: str | Path | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    start: Policy | None = None,
    name: str | None = None,
    exact: Exact = "auto",
) -> Run:
    """Train a policy to sample objects in proportion to their reward.

    Each of `objective`, `backward`, `explore`, `replay` and `search` is chosen on its own. `data` is a list of
    finished objects, kept in the replay buffer; `prior` the sampler that relative balance starts from. `level` is log R
    of a typical object in nats, estimated from random ones where it is None; a reward of 0 counts as `zero_floor` times
    e^level. `anneal` lets the exponent of R rise to 1: None where the rewards of random objects span more than 100
    nats, `Anneal(steps=0)` never. `exact` says whether the space is listed and all its rewards evaluated, so that the
    exact total variation stands in the history: True, False, or "auto", where both cost little beside the training.
    `seeds=n` trains the seeds seed .. seed + n - 1 in one program: parameters and history have a leading axis, and
    `run[i]` is one. `callback` gets each row of the history; without one progress is shown on stderr. `out` names a new
    run directory, `name` the task in it; `start` continues from a policy. Ctrl-C after the first step ends with a
    usable run of what was learned (`run.interrupted`), before it with KeyboardInterrupt.

    Raises ConfigError and RewardError for settings that are none, LawError and RewardError with the state at which
    sampling or listing failed, SpaceTooLargeError where `exact=True` asks for too much.
    """
    settings = {name: value for name, value in locals().items() if name in SETTINGS}
    require_exact(exact)
    if anneal is None and start is not None:
        settings["anneal"] = Anneal(steps=0)  # a sampler that goes on has the narrow target behind it
    _require_places(out=out, name=name, callback=callback, start=start)
    line = ProgressLine(steps, label=getattr(objective, "name", str(objective)), active=callback is None)
    with line.during("preparing"):
        ready = setup(env, log_reward, **settings)
    require_seed(seed, count=ready.seeds or 1)
    where = {"seed": int(seed), "start": start, "out": out, "name": name}
    return _trained(ready, **where, exact=exact, callback=callback, line=line)


def _require_places(*, out: Any, name: Any, callback: Any, start: Any) -> None:
    if out is not None:
        require_instance(out, str | Path, argument="out", wanted="the path of a new run directory")
    if name is not None:
        require_instance(name, str, argument="name", wanted="the name of a task")
    if callback is not None:
        require_function(callback, argument="callback", wanted="a function of one row of the history")
    if start is not None:
        require_policy(start, argument="start")


def _trained(
    setup: Setup,
    *,
    seed: int,
    start: Policy | None,
    out: str | Path | None,
    name: str | None,
    exact: Exact,
    callback: Callable[[dict[str, Any]], None] | None,
    line: ProgressLine,
) -> Run:
    require_served(setup)
    if out is not None:
        require_new(out)
    if setup.anneal is not None:
        line.decided(setup.anneal.words)
    watch = None
    if exact is True:
        with line.during("listing the space"):
            watch = Watch.over(setup, exact=exact)
    with line.during("compiling"):
        state = init(setup, seed, start=start)
        jax.block_until_ready(advance(setup, state, jnp.array(0)))
    keeper = Keeper(out, configuration(setup, seed=seed, name=name))
    run = _run(Growth(setup, state), watch, keeper, exact=exact, callback=callback, line=line)
    line.close()
    keeper.finish(run.policy, run.history, **run.result)
    return run


def _watched(growth: Growth, exact: Exact, line: ProgressLine) -> Watch:
    """Choose whether to watch the exact answer, and compile what measures it, so that later times are of measuring."""
    setup = growth.setup
    with line.during("listing the space"):
        watch = Watch.over(setup, exact=exact, seconds=setup.steps * growth.seconds_a_step)
        watch.total_variation(setup, growth.state.policy)
    return watch


def _run(
    growth: Growth,
    watch: Watch | None,
    keeper: Keeper,
    *,
    exact: Exact,
    callback: Callable[[dict[str, Any]], None] | None,
    line: ProgressLine,
) -> Run:
    setup, history, row = growth.setup, [], {}
    evaluated = last = 0.0
    interrupted = False
    try:
        # The time of the first step says what the training will take, and so what the exact answer may cost.
        growth = growth.advanced()
        watch = watch or _watched(growth, exact, line)
        line.decided(watch.words)
        while True:
            if growth.at_report:
                row, began = growth.row(), time.perf_counter()
                if growth.done == setup.steps or evaluated + last <= MOST_EVALUATION_SHARE * growth.seconds:
                    row["total_variation"] = watch.total_variation(setup, growth.state.policy)
                    last = time.perf_counter() - began
                    evaluated += last
                history.append(row)
                keeper.append(row)
                if callback is not None:
                    callback(row)
            line({**row, **growth.glimpse()})
            keeper.keep(growth.done, growth.state.policy)
            if growth.done == setup.steps:
                break
            growth = growth.advanced()
    except KeyboardInterrupt:
        if growth.done == 0:
            raise
        interrupted = True
        if not history or history[-1]["step"] < growth.done:
            history.append(growth.row())
    policy, took = growth.state.policy, growth.seconds
    return Run(policy, history, keeper.config, keeper.path, setup, growth.done, took, interrupted)
