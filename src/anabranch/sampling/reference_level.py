"""Where log R, log Z and the flows of a space lie, estimated from random walks before the first step of a training.

p(x) is proportional to R(x): multiplying R by a constant changes nothing. So that it changes nothing in training
either, log R enters relative to a reference level, and log Z and log F start near their values instead of at 0. Both
come from walks that draw every allowed label alike: log R of their ends, and the importance weights
R(x) P_B / P_walk of the walks, whose mean is Z for any P_B. The walks are the same for every seed of a run.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.environment import Environment, State, forward_mask, take
from anabranch.ground.arguments import LARGEST_SEED
from anabranch.ground.errors import RewardError
from anabranch.ground.means import log_mean_exp_with_error
from anabranch.objectives.base import Objective
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.policies.wanderer import Wanderer
from anabranch.rewards.conditional import ConditionalReward
from anabranch.rewards.conditional_host import ConditionalPythonReward
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import (
    LARGEST_RELATIVE,
    LogReward,
    energies,
    log_reward_values,
    relative_log_rewards,
    whole_level,
)
from anabranch.rewards.underflow import require_no_underflow
from anabranch.sampling.draw import reading_for
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score

WALKS, MOST_BATCHES = 256, 16
"""Walks in a batch, and how many batches are tried until some object has a reward above 0."""


@dataclasses.dataclass(frozen=True, eq=False)
class Survey:
    """Random walks of a space, in NumPy."""

    states: State
    """Pytree of [rows, W, ...]."""
    length: Int[np.ndarray, " W"]
    log_ratio: Float[np.ndarray, "rows W"]
    """log P_B - log P_walk of each row's action; 0 on padding."""
    log_choices: Float[np.ndarray, "rows W"]
    """log of the number of allowed labels, STOP included; 0 on padding."""
    log_reward: Float[np.ndarray, " W"]
    """Of the ends, in float64; -inf where R = 0 or the reward is none."""

    @property
    def ends(self) -> State:
        """The objects of the walks, a pytree of [W, ...]."""
        return take(self.states, (self.length - 1, np.arange(self.length.size)))

    @property
    def mask(self) -> Bool[np.ndarray, "rows W"]:
        """Which rows are real."""
        return np.arange(self.log_ratio.shape[0])[:, None] < self.length

    @property
    def level(self) -> float:
        """log of the mean reward of the ends with R > 0, in whole nats; 0 where there is none."""
        valid = self.log_reward[np.isfinite(self.log_reward)]
        return whole_level(log_mean_exp_with_error(valid).value) if valid.size else 0.0

    @property
    def span(self) -> float:
        """Nats between the 5 % and the 95 % quantile of log R of the ends with R > 0; 0 where there is none."""
        valid = self.log_reward[np.isfinite(self.log_reward)]
        return float(np.subtract(*np.quantile(valid, (0.95, 0.05)))) if valid.size else 0.0

    def log_weight(self, log_reward: Float[np.ndarray, " W"]) -> Float[np.ndarray, "rows W"]:
        """What each walk, from each row on, says of the log flow of the state there: log(R(x) P_B / P_walk).

        The mean of the weight itself is the flow; in the first row it is Z. Without meaning on padding.
        """
        return np.cumsum(self.log_ratio[::-1], axis=0)[::-1] + log_reward

    def on_rows(self, function: Callable[[State], Float[Array, " n"]]) -> Float[np.ndarray, "rows W"]:
        """A JAX function of a batch of states at every row."""
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), self.states)
        return np.asarray(jax.jit(function)(flat), np.float64).reshape(self.mask.shape)


def survey_of(env: Environment, log_reward: LogReward) -> Survey:
    """Walk at random until some end has a reward above 0, at most MOST_BATCHES times; remembered.

    A reward in plain Python says itself how many ends it evaluates. Raises RewardError where there is none because all
    rewards underflow in float32.
    """
    if not isinstance(log_reward, PythonReward):
        return _traced_survey(env, log_reward)
    service = log_reward.service
    if env not in service.surveys:
        service.surveys[env] = _python_survey(env, log_reward)
    return service.surveys[env]


def _python_survey(env: Environment, reward: PythonReward) -> Survey:
    count = reward.survey_size
    pieces = [_walked(env, number) for number in range(-(-count // WALKS))]
    states = jax.tree.map(lambda *leaves: np.concatenate(leaves, 1)[:, :count], *[piece[0] for piece in pieces])
    numbers = zip(*[piece[1:] for piece in pieces], strict=True)
    length, log_ratio, log_choices = (np.concatenate(parts, -1)[..., :count] for parts in numbers)
    objects = take(states, (length - 1, np.arange(count)))
    reward.warn_unless_repeatable(objects)
    values = reward.log_values(objects, step=BEFORE_THE_FIRST)
    return Survey(states, length, log_ratio.astype(np.float64), log_choices.astype(np.float64), values)


BEFORE_THE_FIRST = -1
"""The step at which the objects of a survey are asked for."""


def median_reward(env: Environment, reward: PythonReward) -> float:
    """log of the median reward above 0 of the random objects, in nats; 0 where there is none."""
    values = survey_of(env, reward).log_reward
    valid = values[np.isfinite(values)]
    return float(np.median(valid)) if valid.size else 0.0


@functools.lru_cache(maxsize=16)
def _traced_survey(env: Environment, log_reward: LogReward) -> Survey:
    survey = None
    for number in range(MOST_BATCHES):
        survey = _survey(env, log_reward, number)
        if np.isfinite(survey.log_reward).any():
            return survey
    assert survey is not None
    require_no_underflow(log_reward, survey.ends)
    return survey


def _survey(env: Environment, log_reward: LogReward, number: int) -> Survey:
    states, length, log_ratio, log_choices = _walked(env, number)
    objects = take(states, (length - 1, np.arange(length.size)))
    values = log_reward_values(log_reward, objects)
    values = np.where(np.isfinite(values), values, -np.inf)
    return Survey(states, length, log_ratio.astype(np.float64), log_choices.astype(np.float64), values)


def _walked(env: Environment, number: int) -> Any:
    """The batch of walks of that number, in NumPy."""
    key = jax.random.fold_in(jax.random.key(SURVEY_SEED), number)
    return jax.tree.map(np.asarray, _walks(reading_for(env, UniformBackward()), key))


SURVEY_SEED = LARGEST_SEED + 1
"""The seed of the walks, whatever the seed of a run: one that no run may have."""


def reference_level(env: Environment, log_reward: LogReward) -> float:
    """The reference level of log R: of the mean reward of random objects with R > 0, in whole nats.

    Raises RewardError where the rewards of random objects span more than float32 can hold.
    """
    survey = survey_of(env, log_reward)
    valid = survey.log_reward[np.isfinite(survey.log_reward)]
    if valid.size and np.ptp(valid) > LARGEST_RELATIVE:
        raise RewardError(
            f"log R of {valid.size} random objects lies between {valid.min():.4g} and {valid.max():.4g}: squares of "
            f"residuals beyond {LARGEST_RELATIVE:g} nats overflow in float32. Temper the reward: divide log R."
        )
    return survey.level


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlowStart:
    """Where log Z and the flow heads start, relative to the level, in nats; None: at 0, the objective has none."""

    log_z: float | None = None
    log_flow: float | None = None


def flow_start(
    env: Environment,
    log_reward: LogReward,
    objective: Objective,
    *,
    level: float,
    zero_floor: float,
    beta: float = 1.0,
) -> FlowStart:
    """log Z and the log flow of the states that random walks pass, as the heads of an objective mean them.

    A training that anneals begins on R^beta, whose log Z may lie hundreds of nats from that of R.

    Each is the median of what the walks to objects with R > 0 say, times the share of these walks. The logarithm of the
    mean weight would not do: the few best walks decide it, and the first batches would nearly all be told that they are
    drawn too often. (On a 2 x 32 grid trajectory balance needs 950 steps to a total variation of .1 from the mean
    weight, and 525 from the median.)
    """
    if not objective.has_log_z:
        return FlowStart()
    survey = survey_of(env, log_reward)
    valid = np.isfinite(survey.log_reward)
    valid = valid if valid.any() else np.ones_like(valid)
    values = _relative(survey, log_reward, level)
    relative = beta * np.where(np.isneginf(survey.log_reward), np.log(zero_floor), values)
    if "log_prior" in objective.needs:
        weight = objective.log_target(relative, np.zeros(relative.size))
        return FlowStart(log_z=_usual(weight, valid))
    head = survey.log_weight(relative)
    log_z = _usual(head[0], valid)
    if objective.outflow:
        head = head - survey.log_choices
    if "energy" in objective.needs:
        floored = {"zero_floor": zero_floor, "level": level}
        head = head + beta * survey.on_rows(lambda states: energies(env, log_reward, states, **floored))
    return FlowStart(log_z=log_z, log_flow=_usual(head, survey.mask & valid))


def _relative(survey: Survey, log_reward: LogReward, level: float) -> Float[np.ndarray, " W"]:
    """log R of the ends less the level; under conditions each has a level of its own."""
    if isinstance(log_reward, ConditionalReward | ConditionalPythonReward):
        return np.asarray(relative_log_rewards(log_reward, survey.ends, level=level), np.float64)
    return survey.log_reward - level


def _usual(log_weight: Float[np.ndarray, "*shape"], of: Bool[np.ndarray, "*shape"]) -> float:
    """The median over some walks, plus log of their share in all walks."""
    share = of.any(0).mean() if of.ndim > 1 else of.mean()
    return float(np.median(log_weight[of]) + np.log(share))


@eqx.filter_jit
def _walks(reading: Reading, key: Key[Array, ""]) -> tuple[State, Any, Any, Any]:
    env = reading.env
    wanderer = Wanderer.of(env, jnp.zeros(env.forward_logits - 1))
    trajectories, seen, _ = rollout(wanderer, reading, key, WALKS, narrow=False)
    scores = score(wanderer, reading, trajectories, jnp.zeros(WALKS), known=seen)
    # Of the moves of a continuous space there is no number; only flow matching asks for it, which they do not have.
    choices = jax.vmap(jax.vmap(lambda state: forward_mask(env, state).sum()))(trajectories.states)
    log_choices = jnp.where(trajectories.mask, jnp.log(jnp.maximum(choices, 1)), 0.0)
    return trajectories.states, trajectories.length, scores.log_pb - scores.log_pf, log_choices
