"""A policy of one linear layer, as a user may write one."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp

import anabranch as ab


class Linear(ab.Policy):
    """A policy of a user's own: one matrix, no memory."""

    matrix: jnp.ndarray
    log_z: jnp.ndarray
    labels: int = eqx.field(static=True)

    def __call__(self, observation):
        output = observation @ self.matrix
        return ab.Heads(output[: self.labels], output[self.labels : -1], output[-1])


@dataclasses.dataclass(frozen=True)
class LinearRecipe:
    def build(self, env, *, observer, key, learned_backward):
        width = env.num_actions + 1 + env.num_slots + 1
        return Linear(0.1 * jax.random.normal(key, (env.num_actions, width)), jnp.zeros(()), env.num_actions + 1)
