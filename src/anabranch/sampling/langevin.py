"""Langevin dynamics on finished objects: local search where objects have a gradient."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import State
from anabranch.policies.conditioned import Given
from anabranch.sampling.flags import chosen

IDEAL = 0.574
"""The share of proposals that an efficient chain accepts (Roberts and Rosenthal 1998)."""
ADAPTING = 0.1
"""By how much the logarithm of the step size follows the share that was accepted, a round."""


def langevin(
    env: ContinuousEnvironment,
    log_reward: Callable[[State], Float[Array, " B"]],
    key: Key[Array, ""],
    objects: State,
    log_step: Float[Array, ""],
    *,
    rounds: int,
    always_better: bool,
) -> tuple[State, Float[Array, ""]]:
    """The objects after some rounds of Metropolis-adjusted Langevin steps, and the log of the adapted step size.

    `log_reward` takes a batch, relative to the level. With `always_better` a proposal is kept where its reward is at
    least as good. Papers: Roberts and Tweedie 1996; Sendera et al. 2024, arXiv:2402.05098 (as local search).
    """
    moving, still = eqx.partition(objects, _places(objects))

    def value(moving: Any) -> tuple[Float[Array, ""], Float[Array, " B"]]:
        values = log_reward(eqx.combine(moving, still))
        # A reward of 0 has no gradient to follow; it is left as soon as any proposal is better.
        return jnp.where(jnp.isfinite(values), values, 0.0).sum(), values

    both = jax.value_and_grad(value, has_aux=True)

    def once(carry: Any, key: Key[Array, ""]) -> Any:
        moving, values, slope, log_step = carry
        noise_key, accept_key = jax.random.split(key)
        size = jnp.exp(log_step)
        noise = _noise(noise_key, moving)
        proposed = jax.tree.map(lambda x, g, z: x + size * g + jnp.sqrt(2.0 * size) * z, moving, slope, noise)
        (_, found), ahead = both(proposed)
        ahead = jax.tree.map(lambda g: jnp.nan_to_num(g), ahead)
        there = _log_kernel(moving, proposed, ahead, size)
        here = _log_kernel(proposed, moving, slope, size)
        log_uniform = jnp.log(1.0 - jax.random.uniform(accept_key, values.shape))
        rule = found >= values if always_better else log_uniform <= found - values + there - here
        accepted = rule & jnp.isfinite(found) & _within(env, proposed)
        kept = chosen(accepted, (proposed, found, ahead), (moving, values, slope))
        return (*kept, log_step + ADAPTING * (accepted.mean() - IDEAL)), None

    (_, values), slope = both(moving)
    start = (moving, values, jax.tree.map(jnp.nan_to_num, slope), log_step)
    (moving, _, _, log_step), _ = jax.lax.scan(once, start, jax.random.split(key, rounds))
    return eqx.combine(moving, still), log_step


def _places(objects: State) -> Any:
    """Which leaves move: the real numbers of an object, and not those of the condition that it is judged under."""
    if isinstance(objects, Given):
        return Given(_places(objects.state), jax.tree.map(lambda _: False, objects.condition))
    return jax.tree.map(eqx.is_inexact_array, objects)


def _noise(key: Key[Array, ""], moving: Any) -> Any:
    leaves, structure = jax.tree.flatten(moving)
    keys = jax.random.split(key, len(leaves))
    return jax.tree.unflatten(structure, [jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)])


def _log_kernel(to: Any, start: Any, slope: Any, size: Any) -> Float[Array, " B"]:
    """log of the density, but for a constant, with which a step from `start` leads to `to`."""
    parts = jax.tree.map(lambda y, x, g: _of_each((y - x - size * g) ** 2), to, start, slope)
    return -sum(jax.tree.leaves(parts)) / (4.0 * size)


def _of_each(values: Array) -> Float[Array, " B"]:
    return values.reshape(values.shape[0], -1).sum(1)


def _within(env: ContinuousEnvironment, moving: Any) -> Bool[Array, " B"]:
    """Which objects lie inside of the ranges of the space."""
    flat = jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(moving)], 1)
    ranges = env.ranges()
    if ranges is None:
        return jnp.isfinite(flat).all(1)
    low, high = (jnp.asarray(ends, float) for ends in zip(*ranges, strict=True))
    return ((flat >= low) & (flat <= high)).all(1)
