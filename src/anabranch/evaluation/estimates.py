"""Estimates by sampling, each with its standard error: what is left where a space cannot be enumerated."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from anabranch.environment import Environment, State, take
from anabranch.evaluation.flows import edge_law, object_numbers, terminal_distribution
from anabranch.evaluation.metrics.effective_samples import effective_sample_size
from anabranch.graph.state_graph import small_state_graph, state_graph
from anabranch.ground.arguments import require_objects, require_seed, require_whole
from anabranch.ground.errors import ConfigError
from anabranch.ground.means import Estimate, log_mean_exp_with_error, mean_with_error
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.at_condition import at_condition, require_held
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Policy, require_policy
from anabranch.rewards.log_reward import LogReward, log_reward_values, usable_log_reward
from anabranch.sampling.draw import BATCH, reading_for, whole_batches
from anabranch.sampling.regrow import walk_back
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimates:
    """What `samples` trajectories say about a policy, in nats."""

    samples: int
    """Trajectories drawn."""
    elbo: Estimate | None
    """E[log R + log P_B - log P_F] over P_F: at most log Z, equal to it at a flow; None where zeros were drawn."""
    eubo: Estimate | None
    """The same over objects of the target and P_B: at least log Z; None where no such objects are at hand."""
    log_z: Estimate
    """Importance-weighted; its error is that of the delta method, blind to regions that were never drawn."""
    effective_samples: float
    """(sum w)^2 / sum w^2 of the importance weights; `samples` for a perfect sampler."""
    log_reward: Estimate | None
    """Mean log R over the draws; None where zeros were drawn."""
    zero_share: float
    """Share of the draws with R = 0."""
    rows: float
    """Mean real rows of a trajectory, STOP included."""


def estimate(
    env: Environment,
    policy: Policy,
    log_reward: LogReward,
    *,
    backward: str | BackwardPolicy | None = "uniform",
    samples: int = 10_000,
    seed: int = 0,
    target_states: Any = None,
) -> Estimates:
    """ELBO, EUBO, importance-weighted log Z and effective sample size, from fresh trajectories.

    Arguments:
        env: the space.
        policy: the sampler, such as run.policy.
        log_reward: log R(x) in nats, a JAX function of one state.
        backward: P_B of the weights R P_B / P_F, by name or as a record; any P_B gives a right estimate, a good one a
            narrow one.
        samples: how many trajectories are drawn.
        seed: the seed of all draws.
        target_states: a batch of objects distributed as R / Z (from data, or an exact sampler), for EUBO.

    Returns:
        `Estimates` in nats, each with its standard error.

    Raises:
        ConfigError: for an unknown backward policy, and counts that are not positive.
        RewardError: where the reward is no JAX function of one state.

    Example:
        print(anabranch.estimate(env, run.policy, log_reward, samples=1_000).log_z)
    """
    log_reward = usable_log_reward(env, log_reward)
    require_policy(policy)
    reading = reading_for(env, backward or "uniform")
    pieces = []
    for number in range(whole_batches(samples)):
        key = jax.random.fold_in(key_of(seed, Stream.ESTIMATE), number)
        pieces.append(jax.tree.map(np.asarray, log_ratio_forward(policy, reading, key, BATCH)))
    ratios, objects, rows = jax.tree.map(lambda *leaves: np.concatenate(leaves)[:samples], *pieces)
    rewards = log_reward_values(log_reward, objects, chunk=BATCH)
    zetas = ratios.astype(np.float64) + rewards
    finite = bool(np.isfinite(rewards).all())
    eubo = None
    if target_states is not None:
        backward_ratios = _log_ratios_of(policy, reading, target_states, key_of(seed, Stream.EUBO))
        eubo = mean_with_error(backward_ratios + log_reward_values(log_reward, target_states, chunk=BATCH))
    return Estimates(
        samples=samples,
        elbo=mean_with_error(zetas) if finite else None,
        eubo=eubo,
        log_z=log_mean_exp_with_error(zetas),
        effective_samples=effective_sample_size(zetas),
        log_reward=mean_with_error(rewards) if finite else None,
        zero_share=float(np.isneginf(rewards).mean()),
        rows=float(rows.mean()),
    )


def drawn_states(policy: Policy, reading: Reading, samples: int, *, key: Key[Array, ""]) -> State:
    """Finished objects as a batch of states in NumPy: those of `sample_states`, by the program of an estimate."""
    pieces = []
    for number in range(whole_batches(samples)):
        _, states, _ = log_ratio_forward(policy, reading, jax.random.fold_in(key, number), BATCH)
        pieces.append(jax.tree.map(np.asarray, states))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:samples], *pieces)


def _log_ratios_of(policy: Policy, reading: Reading, states: Any, key: Key[Array, ""]) -> Float[np.ndarray, " n"]:
    """pb - pf of one backward trajectory from each state of a batch."""
    count, pieces = jax.tree.leaves(states)[0].shape[0], []
    for number in range(whole_batches(count)):
        some = take(states, np.arange(number * BATCH, (number + 1) * BATCH) % count)
        ratio = log_ratio_backward(policy, reading, jax.random.fold_in(key, number), some)
        pieces.append(np.asarray(ratio, np.float64))
    return np.concatenate(pieces)[:count]


def log_prob(
    env: Environment,
    policy: Policy,
    objects: list[Any],
    *,
    backward: str | BackwardPolicy = "uniform",
    samples: int = 1024,
    seed: int = 0,
    exact: bool | None = None,
    condition: Any = None,
) -> list[Estimate]:
    """log p(x) of plain-Python objects: exact (error 0) where the space can be enumerated, else importance-sampled.

    Arguments:
        env: the space; it needs `encode`, the inverse of `decode`.
        policy: the sampler, such as run.policy.
        objects: finished objects, as `decode` gives them.
        backward: P_B, by which trajectories are drawn back from each object.
        samples: how many trajectories are drawn from each object.
        seed: the seed of all draws.
        exact: None is exact where the space is small; False samples in any case, True raises instead of sampling.
        condition: the condition c of log p(x | c), for a policy that was trained under conditions.

    Returns:
        An `Estimate` in nats for each object, in their order.

    Raises:
        ConfigError: where the space has no `encode`, or something is not an object of it.
        SpaceTooLargeError: where `exact=True` asks for too much.
    """
    require_policy(policy)
    if condition is not None:
        policy = at_condition(policy, condition)
    require_held(policy)
    require_objects(objects, argument="objects")
    require_whole(samples=samples)
    require_seed(seed)
    if exact is not False:
        graph = state_graph(env) if exact else small_state_graph(env)
        if graph is not None:
            chance = terminal_distribution(graph, edge_law(graph, policy, reading_for(env, None)))
            with np.errstate(divide="ignore"):
                values = np.log(chance[object_numbers(graph, objects)])
            return [Estimate(value=float(value), error=0.0) for value in values]
    if not env.overrides("encode"):
        raise ConfigError(
            f"{type(env).__name__} does not define encode(object), which log_prob needs to find the state of an object."
        )
    reading = reading_for(env, backward)
    results = []
    for number, item in enumerate(objects):
        state = jax.tree.map(jnp.asarray, env.encode(item))
        own = jax.random.fold_in(key_of(seed, Stream.LOG_PROB), number)
        results.append(_sampled_log_prob(policy, reading, state, samples, own))
    return results


def log_probs(
    env: Environment, policy: Policy, states: Any, *, backward: str | BackwardPolicy, samples: int, key: Key[Array, ""]
) -> list[Estimate]:
    """log p(x) of each finished object of a batch of states, estimated by `samples` trajectories drawn back from it."""
    count = jax.tree.leaves(states)[0].shape[0]
    copies = jax.tree.map(lambda leaf: jnp.repeat(jnp.asarray(leaf), samples, axis=0), states)
    ratios = _log_ratios_of(policy, reading_for(env, backward), copies, key)
    return [log_mean_exp_with_error(-row) for row in ratios.reshape(count, samples)]


def _sampled_log_prob(policy: Policy, reading: Reading, state: Any, samples: int, key: Key[Array, ""]) -> Estimate:
    copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (samples, *leaf.shape)), state)
    ratios = _log_ratios_of(policy, reading, copies, key)
    return log_mean_exp_with_error(-ratios)


@eqx.filter_jit
def log_ratio_forward(
    policy: Policy, reading: Reading, key: Key[Array, ""], size: int
) -> tuple[Float[Array, " B"], State, Int[Array, " B"]]:
    """pb - pf of `size` trajectories drawn by P_F, their objects, and their rows."""
    trajectories, seen, _ = rollout(policy, reading, key, size)
    scores = score(policy, reading, trajectories, jnp.zeros(size), known=seen)
    return scores.zeta, trajectories.objects, trajectories.length


@eqx.filter_jit
def log_ratio_backward(policy: Policy, reading: Reading, key: Key[Array, ""], states: State) -> Float[Array, " B"]:
    """pb - pf of trajectories drawn by P_B that end in the given objects."""
    trajectories = walk_back(policy, reading, key, states)
    return score(policy, reading, trajectories, jnp.zeros(trajectories.length.shape)).zeta
