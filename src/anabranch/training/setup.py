"""The configuration of a training: all that a step depends on, resolved and checked before anything is compiled."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import optax
from jaxtyping import Array, Float

from anabranch.environment import Environment
from anabranch.ground.arguments import require_instance, require_objects, require_record, require_whole
from anabranch.ground.errors import ConfigError, named
from anabranch.ground.fields import converted
from anabranch.objectives import BalanceObjective, Objective, objective_named
from anabranch.policies.backward import BackwardPolicy, backward_policy
from anabranch.policies.heads import Policy, PolicyRecipe, require_policy
from anabranch.policies.mlp import MLP
from anabranch.policies.observation import observer
from anabranch.policies.recipes import POLICIES
from anabranch.rewards.anneal import Anneal
from anabranch.rewards.log_reward import (
    DEFAULT_ZERO_FLOOR,
    LogReward,
    require_level,
    require_log_reward,
    require_zero_floor,
)
from anabranch.sampling.data_set import DataSet
from anabranch.sampling.explore import ON_POLICY, Explore
from anabranch.sampling.local_search import LocalSearch
from anabranch.sampling.reference_level import reference_level, survey_of
from anabranch.sampling.replay import Replay
from anabranch.scoring.reading import CHUNK, Reading
from anabranch.training.optimizer import Adam, with_log_z_rate

SEEDS_AXIS = "seeds"


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """A sampler that another is measured against; compared by identity."""

    policy: Policy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    """All that a training step depends on; hashable, so that equal trainers share one compilation."""

    env: Environment
    log_reward: LogReward
    objective: Objective
    backward: BackwardPolicy | None
    """None for objectives without a P_B."""
    explore: Explore
    policy: PolicyRecipe
    optimizer: Adam | optax.GradientTransformation
    log_z_rate: float
    steps: int
    batch: int
    level: float
    """The reference level of log R, in nats: what is learned is relative to it."""
    zero_floor: float
    """What stands in for a reward of 0, as a share of exp(level)."""
    chunk: int | None
    """Real rows a gradient chunk; None: one plain vmap over all rows."""
    anneal: Anneal | None = None
    """Fitted to the rewards; None for the reward itself from the first step on."""
    seeds: int | None = None
    """So many runs in one program, on a leading axis of the state; None for a single run without that axis."""
    replay: Replay | None = None
    search: LocalSearch | None = None
    data: DataSet | None = None
    prior: Prior | None = None
    vectorised: bool = False
    """Whether seeds advance side by side, as one batch, or each in its turn within the program: so on a CPU, where one
    seed's matrices fill the cores already, and a batch of matrix products is slower."""

    @property
    def reading(self) -> Reading:
        """How this trainer reads a policy's heads."""
        axis = SEEDS_AXIS if self.seeds is not None and self.vectorised else None
        return Reading(self.env, self.backward, self.objective.outflow, self.chunk, axis)

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as one gradient transformation."""
        return with_log_z_rate(self.optimizer, log_z_rate=self.log_z_rate, steps=self.steps)

    @property
    def sources(self) -> dict[str, Any]:
        """The prior, and the data as a batch of states: what a target may come from, beside the reward."""
        return {
            "prior": None if self.prior is None else self.prior.policy,
            "data": None if self.data is None else self.data.states,
        }

    @property
    def lag_rate(self) -> float:
        """How fast a lagged copy of the policy follows; 0 where nobody needs one."""
        return max(self.objective.lag_rate, 0.0 if self.backward is None else self.backward.lag_rate)

    @property
    def parts(self) -> tuple[int, int, int]:
        """How many trajectories of a batch are drawn anew, replayed, and improved by local search."""
        if self.objective.needs_data:
            return 0, self.batch, 0
        replayed = 0 if self.replay is None else round(self.batch * self.replay.share)
        searched = 0 if self.search is None else round(self.batch * self.search.share)
        return self.batch - replayed - searched, replayed, searched


def trainer(
    env: Environment,
    log_reward: LogReward,
    *,
    objective: str | Objective,
    backward: str | BackwardPolicy | None = "uniform",
    explore: Explore | None = None,
    policy: str | PolicyRecipe | None = None,
    optimizer: str | Adam | optax.GradientTransformation | None = None,
    log_z_rate: float = 0.1,
    steps: int,
    batch: int,
    level: float | None = None,
    zero_floor: float = DEFAULT_ZERO_FLOOR,
    chunk: int | None = CHUNK,
    anneal: Anneal | None = None,
    seeds: int | None = None,
    replay: Replay | None = None,
    search: LocalSearch | None = None,
    data: Sequence[Any] | None = None,
    prior: Policy | None = None,
) -> Trainer:
    """Resolve names and defaults into a Trainer. Raises ConfigError and RewardError for settings that are none.

    Whether the parts fit together is asked by `init`, before anything is compiled.
    """
    goal = objective_named(objective)
    require_whole(steps=steps, batch=batch, chunk=1 if chunk is None else chunk, seeds=1 if seeds is None else seeds)
    _require_records(explore=explore, anneal=anneal, replay=replay, search=search)
    if not goal.has_backward and backward not in (None, "uniform"):
        raise ConfigError(f"The objective {goal.name} has no backward policy; leave out backward={backward!r}.")
    zero_floor, rate = _floor(zero_floor), _log_z_rate(log_z_rate)
    require_log_reward(env, log_reward)
    observer(env)
    level = reference_level(env, log_reward) if level is None else require_level(level)
    _require_given(data=data, prior=prior)
    held = None if data is None else DataSet.of(env, log_reward, data, zero_floor=zero_floor, level=level)
    return Trainer(
        env=env,
        log_reward=log_reward,
        objective=goal,
        backward=backward_policy(backward or "uniform", env) if goal.has_backward else None,
        explore=explore or ON_POLICY,
        policy=_recipe(policy),
        optimizer=_optimizer(optimizer),
        log_z_rate=rate,
        steps=int(steps),
        batch=int(batch),
        level=level,
        zero_floor=zero_floor,
        chunk=chunk,
        anneal=_annealing(anneal or Anneal(), env, log_reward, goal, steps),
        seeds=None if seeds is None else int(seeds),
        replay=_replay_for(replay, held, goal),
        search=search if search is not None and search.share > 0.0 else None,
        data=held,
        prior=None if prior is None else Prior(prior),
        vectorised=jax.default_backend() != "cpu",
    )


def _log_z_rate(value: Any) -> float:
    rate = converted(value, float, "log_z_rate")
    if not 0.0 < rate < float("inf"):
        raise ConfigError(f"log_z_rate must be positive and finite; given {rate}.")
    return rate


def _floor(value: Any) -> float:
    floor = converted(value, float, "zero_floor")
    require_zero_floor(floor)
    return floor


def _require_given(*, data: Any, prior: Any) -> None:
    if data is not None:
        require_objects(data, argument="data")
    if prior is not None:
        require_policy(prior, argument="prior")


def _annealing(
    anneal: Anneal, env: Environment, log_reward: LogReward, objective: Objective, steps: int
) -> Anneal | None:
    """How the exponent of the reward rises, where it has anything to do with the loss."""
    if anneal.open and not isinstance(objective, BalanceObjective):
        return None
    return anneal.fitted(survey_of(env, log_reward).span if anneal.open else 0.0, steps)


def _replay_for(replay: Replay | None, data: DataSet | None, objective: Objective) -> Replay | None:
    """The replay that was asked for, or one that holds a data set."""
    if replay is not None and replay.share > 0.0:
        return replay
    if data is None:
        return None
    share, least = (1.0, 1) if objective.needs_data else (0.5, Replay().capacity)
    return Replay(share=share, capacity=max(data.size, least))


RECORDS: dict[str, tuple[type, str]] = {
    "explore": (Explore, "Explore(epsilon=0.1)"),
    "anneal": (Anneal, "Anneal(start=0.01)"),
    "replay": (Replay, "Replay(share=0.5)"),
    "search": (LocalSearch, "LocalSearch(rounds=4)"),
}


def _require_records(**records: Any) -> None:
    for name, record in records.items():
        kind, example = RECORDS[name]
        require_record(record, kind, argument=name, example=example)


def _recipe(policy: Any) -> PolicyRecipe:
    if policy is None or isinstance(policy, str):
        return MLP() if policy is None else named(policy, POLICIES, "policy")()
    trained = isinstance(policy, Policy)
    hint = " (a trained policy is given as start=)" if trained else ""
    wanted = f'a recipe such as MLP(width=64), or a name such as "mlp"{hint}'
    require_instance(policy, PolicyRecipe, argument="policy", wanted=wanted)
    return policy


def _optimizer(choice: Any) -> Adam | optax.GradientTransformation:
    if choice is None or isinstance(choice, str):
        return named("adam" if choice is None else choice, {"adam": Adam}, "optimizer")()
    wanted = 'Adam(learning_rate=0.001), "adam", or an optax transformation'
    require_instance(choice, (Adam, optax.GradientTransformation), argument="optimizer", wanted=wanted)
    return choice


TRACED = ("optimizer.learning_rate", "log_z_rate", "explore.epsilon", "explore.temperature")
"""Settings that shape no array and no program: they may differ between the lanes of one program."""


def with_values(trainer: Trainer, values: Mapping[str, Float[Array, ""]]) -> Trainer:
    """The trainer with some of TRACED replaced by traced numbers, which are not checked again."""
    for path, value in values.items():
        *groups, name = path.split(".")
        record = trainer if not groups else getattr(trainer, groups[0])
        changed = _with_field(record, name, value)
        trainer = changed if not groups else _with_field(trainer, groups[0], changed)
    return trainer


def _with_field(record: Any, name: str, value: Any) -> Any:
    fresh = copy.copy(record)
    object.__setattr__(fresh, name, value)
    return fresh
