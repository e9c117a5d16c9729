"""Draws objects and trajectories from a policy, for users outside of a training: seeds in, NumPy and Python out."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from anabranch.environment import Environment, require_environment, take
from anabranch.ground.arguments import require_whole
from anabranch.ground.errors import ConfigError
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.at_condition import at_condition, require_conditioned, require_held
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.backward.named import backward_policy
from anabranch.policies.heads import Policy, require_policy
from anabranch.rewards.log_reward import LogReward, log_reward_values, usable_log_reward
from anabranch.rewards.under import under_condition
from anabranch.sampling.regrow import walk_back
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from anabranch.trajectories import Scores, Trajectories

BATCH = 1024
"""Trajectories of one compiled call."""


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Objects drawn from a policy."""

    objects: list[Any]
    """Decoded, plain Python."""
    states: Any
    """Pytree of [n, ...] NumPy arrays."""
    log_reward: Float[np.ndarray, " n"] | None
    """log R of each object in nats, -inf where R = 0; None where no reward was given."""


def reading_for(env: Environment, backward: str | BackwardPolicy | None, *, outflow: bool = False) -> Reading:
    """A Reading outside of training."""
    require_environment(env)
    return Reading(env, None if backward is None else backward_policy(backward, env), outflow)


def sample(
    env: Environment,
    policy: Policy,
    n: int,
    *,
    seed: int,
    log_reward: LogReward | None = None,
    condition: Any = None,
) -> Samples:
    """Draw n finished objects from the unperturbed policy.

    Arguments:
        env: the space that the policy was trained on.
        policy: the sampler, such as run.policy.
        n: how many objects are drawn.
        seed: the seed of all draws; the same seed draws the same objects.
        log_reward: log R(x) in nats, to be evaluated at each of them; None: not at all.
        condition: the condition to draw under, for a policy that was trained under conditions.

    Returns:
        `Samples`: plain-Python objects, their states [n, ...] in NumPy, and log R [n] in nats.

    Raises:
        ConfigError: for an n that is not positive, or a whole run in place of its policy.

    Example:
        anabranch.sample(env, run.policy, 10, seed=1).objects
    """
    require_whole(n=n)
    require_policy(policy)
    if condition is not None:
        kind = require_conditioned(policy).condition
        if log_reward is not None:
            reward: Any = under_condition(env, log_reward, kind)
            log_reward = reward.at(kind.settled(condition))
        policy = at_condition(policy, condition)
    require_held(policy)
    states = sample_states(env, policy, n, key=key_of(seed, Stream.SAMPLE))
    objects = [env.decode(take(states, number)) for number in range(n)]
    if log_reward is None:
        return Samples(objects, states, None)
    return Samples(objects, states, log_reward_values(usable_log_reward(env, log_reward), states))


def sample_states(env: Environment, policy: Policy, n: int, *, key: Key[Array, ""]) -> Any:
    """Draw n finished objects as a batch of states in NumPy."""
    reading = reading_for(env, None)
    require_policy(policy)
    pieces = []
    for number in range(whole_batches(n)):
        # Batches of a fixed size, each with its own key: no n compiles anew, and a larger n only adds objects.
        some = _objects(policy, reading, jax.random.fold_in(key, number), BATCH)
        pieces.append(jax.tree.map(np.asarray, some))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:n], *pieces)


def whole_batches(n: int) -> int:
    """How many batches of one size cover n samples. Raises ConfigError where n is not positive."""
    require_whole(samples=n)
    return -(-n // BATCH)


@eqx.filter_jit
def _objects(policy: Policy, reading: Reading, key: Key[Array, ""], size: int) -> Any:
    return rollout(policy, reading, key, size)[0].objects


def sample_trajectories(env: Environment, policy: Policy, batch: int, *, seed: int) -> Trajectories:
    """Draw a batch of complete trajectories from the unperturbed policy.

    Arguments:
        env: the space that the policy was trained on.
        policy: the sampler, such as run.policy.
        batch: B, how many trajectories are drawn.
        seed: the seed of all draws.

    Returns:
        `Trajectories`, time-major: states [rows, B, ...], actions [rows, B] that end with STOP, lengths [B].

    Raises:
        ConfigError: for a class in the place of an environment, and a seed out of range.
    """
    return _trajectories(policy, reading_for(env, None), key_of(seed, Stream.TRAJECTORIES), batch)


@eqx.filter_jit
def _trajectories(policy: Policy, reading: Reading, key: Key[Array, ""], batch: int) -> Trajectories:
    return rollout(policy, reading, key, batch)[0]


def sample_backward(
    env: Environment, policy: Policy, states: Any, *, seed: int, backward: str | BackwardPolicy = "uniform"
) -> Trajectories:
    """Draw trajectories that end in given finished objects, by P_B from the end.

    Arguments:
        env: the space that the policy was trained on.
        policy: the network whose backward head a learned P_B reads.
        states: a batch of finished objects, a pytree of arrays [B, ...], such as `sample(...).states`.
        seed: the seed of all draws.
        backward: P_B, by name or as a record.

    Returns:
        `Trajectories`, time-major [rows, B], each from the initial state to its object.

    Raises:
        ConfigError: for an unknown backward policy, a class in the place of an environment, and a seed out of range.

    Example:
        objects = anabranch.sample(env, run.policy, 4, seed=1).states
        trajectories = anabranch.sample_backward(env, run.policy, objects, seed=2)
    """
    key = key_of(seed, Stream.BACKWARD_TRAJECTORIES)
    return _walked_back(policy, reading_for(env, backward), key, states)


@eqx.filter_jit
def _walked_back(policy: Policy, reading: Reading, key: Key[Array, ""], states: Any) -> Trajectories:
    return walk_back(policy, reading, key, jax.tree.map(jnp.asarray, states))


def score_trajectories(
    env: Environment,
    policy: Policy,
    trajectories: Trajectories,
    log_reward: Float[Array, " B"] | Float[np.ndarray, " B"],
    *,
    backward: str | BackwardPolicy = "uniform",
    outflow: bool = False,
    needs_inflow: bool = False,
) -> Scores:
    """Score given trajectories under a policy, everything recomputed (valid off-policy).

    Flows and rewards of the result are relative to `policy.level`, which is subtracted from `log_reward` in float64.

    Arguments:
        env: the space of the trajectories.
        policy: the network that says log P_F, log F and a learned log P_B.
        trajectories: time-major, [rows, B].
        log_reward: log R of each object [B], in nats.
        backward: P_B, by name or as a record.
        outflow: whether the forward head holds log edge flows, as in flow matching.
        needs_inflow: whether the inflow of each state is asked for; it costs a pass over its parents.

    Returns:
        `Scores` [rows, B] in nats, from which any objective computes its residuals.

    Raises:
        ConfigError: for an unknown backward policy, and a class in the place of an environment.
    """
    if callable(log_reward):
        raise ConfigError("log_reward takes log R of each object, an array [B], and not the function that gives it.")
    reading = reading_for(env, backward, outflow=outflow)
    # In float64: of log R = -10,000 float32 keeps three decimals, of its distance from the level six.
    relative = jnp.asarray(np.asarray(log_reward, np.float64) - policy.level, float)
    return _scored(policy, reading, trajectories, relative, needs_inflow)


@eqx.filter_jit
def _scored(
    policy: Policy, reading: Reading, trajectories: Trajectories, log_reward: Any, needs_inflow: bool
) -> Scores:
    return score(policy, reading, trajectories, log_reward, needs_inflow=needs_inflow)
