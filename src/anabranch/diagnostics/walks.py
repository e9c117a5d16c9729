"""Objects that no sampler chose: ends of random walks, and of a search that starts from them."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from anabranch.continuous.contract import is_continuous
from anabranch.continuous.targets.base import Target
from anabranch.environment import Environment, State, take
from anabranch.ground.means import log_mean_exp_with_error
from anabranch.ground.streams import Stream, generator_of, key_of
from anabranch.policies.wanderer import Wanderer
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward, log_reward_values, relative_log_rewards, rewarded
from anabranch.sampling.draw import reading_for
from anabranch.sampling.local_search import LocalSearch, improved
from anabranch.sampling.reference_level import survey_of
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score

GROUPS, PER_GROUP, RESAMPLED = 32, 32, 256
MOST_TILT = 3.0
"""The spread, in nats, of the logits of labels in the most one-sided group of walks."""
SEARCH = LocalSearch(rounds=32, accept="metropolis")


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceObjects:
    """Finished objects with R > 0 that the sampler under test did not choose."""

    source: str
    """Where they come from, in words."""
    states: Any
    """Pytree of [n, ...] NumPy arrays."""
    log_reward: Float[np.ndarray, " n"]
    log_mass: float | None = None
    """Where the objects are distributed as R / Z within what walks reach: the log of their summed reward, estimated."""

    @classmethod
    def of(cls, source: str, states: Any, log_reward: LogReward) -> "ReferenceObjects":
        """The given states, without those whose reward is 0."""
        values = log_reward_values(log_reward, states)
        good = np.isfinite(values)
        return cls(source, jax.tree.map(lambda leaf: np.asarray(leaf)[good], states), values[good])


def walked(
    env: Environment, log_reward: LogReward, *, zero_floor: float, level: float, seed: int
) -> list[ReferenceObjects]:
    """Ends of random walks by their importance weights, and what a Metropolis-Hastings search makes of some ends.

    Walks come in groups, from one to which all labels are alike to one that prefers some by far, so that they do not
    all run down the middle of the space. A walk of weight w = R(x) P_B / P_walk tells of the mass w: the mean of w is
    Z, without bias, but where walks rarely reach what counts it is mostly too low. The search leaves R / Z in place,
    and gets nearer to it the longer it runs. Neither looks at the sampler. Where the reward is a target that can be
    drawn from, its draws stand before both; a continuous space has no search.
    """
    if isinstance(log_reward, PythonReward):  # whose evaluations cost: those of its survey are there
        return [ReferenceObjects.of("random walks", survey_of(env, log_reward).ends, log_reward)]
    reading = reading_for(env, "uniform")
    walk_key, search_key = jax.random.split(key_of(seed, Stream.REFERENCE_OBJECTS))
    ends, log_weight = jax.tree.map(np.asarray, _walks(reading, log_reward, level, walk_key))
    groups = _of_the_target(env, log_reward, seed)
    mass = log_mean_exp_with_error(log_weight.astype(np.float64)).value
    if np.isfinite(mass):
        chosen = _resampled(log_weight.astype(np.float64))
        some = ReferenceObjects.of("random walks", take(ends, chosen), log_reward)
        groups.append(dataclasses.replace(some, log_mass=mass + level))
    if is_continuous(env):  # whose moves are no labels to search by
        return groups
    starts = take(ends, slice(None, None, GROUPS * PER_GROUP // RESAMPLED))
    improved_ends = _searched(reading, log_reward, level, search_key, starts, zero_floor)
    groups.append(ReferenceObjects.of("a search that starts from random walks", improved_ends, log_reward))
    return groups


def _of_the_target(env: Environment, log_reward: Any, seed: int) -> list[ReferenceObjects]:
    """Perfect draws, where the reward is a target that has them; none of other rewards."""
    generator = generator_of(seed, Stream.REFERENCE_OBJECTS)
    places = log_reward.draws(RESAMPLED, generator) if isinstance(log_reward, Target) else None
    if places is None:
        return []
    states = [jax.tree.map(np.asarray, env.encode(tuple(place))) for place in places]
    found = ReferenceObjects.of("draws of the target", jax.tree.map(lambda *all_: np.stack(all_), *states), log_reward)
    return [dataclasses.replace(found, log_mass=log_reward.log_z)]


def _resampled(log_weight: Float[np.ndarray, " n"]) -> np.ndarray:
    """Walks in proportion to their weights, at even distances in the cumulated weight."""
    weight = np.exp(log_weight - log_weight.max())
    reached = np.cumsum(weight)
    places = np.searchsorted(reached, (np.arange(RESAMPLED) + 0.5) / RESAMPLED * reached[-1])
    return np.minimum(places, log_weight.size - 1)


@eqx.filter_jit
def _walks(
    reading: Reading, log_reward: LogReward, level: float, key: Key[Array, ""]
) -> tuple[State, Float[Array, " B"]]:
    """Ends of walks, and log R - level + pb - pf of each."""
    env = reading.env
    drawn = jax.random.normal(jax.random.fold_in(key, GROUPS), (GROUPS, env.forward_logits - 1))
    preferences = jnp.linspace(0.0, MOST_TILT, GROUPS)[:, None] * drawn

    def group(entry: Any) -> tuple[State, Float[Array, " b"]]:
        number, preference = entry
        wanderer = Wanderer.of(env, preference)
        trajectories, seen, _ = rollout(wanderer, reading, jax.random.fold_in(key, number), PER_GROUP, narrow=False)
        values = relative_log_rewards(log_reward, trajectories.objects, level=level)
        return trajectories.objects, score(wanderer, reading, trajectories, values, known=seen).zeta

    ends = jax.lax.map(group, (jnp.arange(GROUPS), preferences))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), ends)


@eqx.filter_jit
def _searched(
    reading: Reading, log_reward: LogReward, level: float, key: Key[Array, ""], starts: State, zero_floor: float
) -> State:
    wanderer = Wanderer.of(reading.env, jnp.zeros(reading.env.forward_logits - 1))

    def values_of(states: State) -> Float[Array, " B"]:
        return rewarded(log_reward, states, zero_floor=zero_floor, level=level).log_reward

    starts = jax.tree.map(jnp.asarray, starts)
    return improved(wanderer, reading, values_of, key, starts, values_of(starts), SEARCH)[0]
