"""Random walks as a policy that ignores the state, for estimates that must not depend on the trained sampler."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.environment import Environment, State
from anabranch.graph.longest import most_moves
from anabranch.policies.conditioned import Observation
from anabranch.policies.heads import Heads, Policy


class Wanderer(Policy):
    """A policy with the same logits at every state."""

    log_z: Float[Array, ""]
    logits: Float[Array, " labels"]

    @classmethod
    def of(cls, env: Environment, preferences: Float[Array, " A"]) -> "Wanderer":
        """The wanderer with these preferences for labels; STOP comes four times in a longest trajectory."""
        log_stop = math.log(4.0 / max(most_moves(env), 4)) + jax.nn.logsumexp(preferences) - math.log(preferences.size)
        return cls(jnp.zeros(()), jnp.append(preferences, log_stop))

    def __call__(self, observation: Observation) -> Heads:
        """The same heads for every observation."""
        del observation
        return Heads(self.logits, None, jnp.zeros(()))

    def heads(self, state: State) -> Heads:
        """The same heads everywhere, without an observation."""
        del state
        return Heads(self.logits, None, jnp.zeros(()))
