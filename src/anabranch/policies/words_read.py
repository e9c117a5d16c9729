"""Whether the states of a space are words that grow at their end, as `Environment.sequence` says."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from anabranch.environment import Environment, State, initial_state, step
from anabranch.ground.errors import ConfigError

WALKS, MOST_MOVES = 16, 64
"""Random walks on which the promise is tried, and how many moves of each."""


@functools.lru_cache(maxsize=256)
def require_words(env: Environment) -> None:
    """Raise ConfigError where a space has no `sequence`, or random walks break what it promises."""
    kind = type(env).__name__
    if not env.overrides("sequence"):
        raise ConfigError(
            f"Transformer(causal=True) reads words that grow at their end, and {kind} does not define sequence(state), "
            "the labels of a state in their order: leave causal out, or define it where each step appends its label."
        )
    labels, count = jax.eval_shape(lambda: env.sequence(initial_state(env)))
    if labels.shape != (env.max_steps,) or count.shape != ():
        raise ConfigError(
            f"{kind}.sequence must return labels, int[{env.max_steps}] (max_steps), and how many they are, int[]; it "
            f"returns {list(labels.shape)} and {list(count.shape)}."
        )
    # The first who asks may be a function that is being traced.
    with jax.ensure_compile_time_eval():
        sound = np.asarray(_walked(env, jax.random.key(0)))
    if not sound.all():
        raise ConfigError(
            f"{kind}.sequence must be the labels that led from the initial state to a state, in their order; on random "
            f"walks the step {int(np.argmin(sound.all(0)))} does not append its label: leave causal out, or correct it."
        )


def _walked(env: Environment, key: Any) -> Bool[Array, "walks moves"]:
    """Whether each move of random walks appends its label, and nothing else."""
    uniforms = jax.random.uniform(key, (WALKS, min(env.max_steps, MOST_MOVES)))

    def move(state: State, uniform: Any) -> Any:
        legal = env.legal(state)
        weights = jnp.cumsum(legal)
        action = jnp.minimum(jnp.sum(weights <= uniform * weights[-1]), env.num_actions - 1)
        child = step(env, state, action)
        (before, count), (after, more) = env.sequence(state), env.sequence(child)
        same = (before == after) | (jnp.arange(before.shape[0]) >= count)
        sound = same.all() & (more == count + 1) & (after[jnp.minimum(count, after.shape[0] - 1)] == action)
        going = legal.any()
        return jax.tree.map(lambda new, old: jnp.where(going, new, old), child, state), sound | ~going

    start = initial_state(env)
    empty = env.sequence(start)[1] == 0
    return empty & jax.jit(jax.vmap(lambda row: jax.lax.scan(move, start, row)[1]))(uniforms)
