"""A policy that says the same everywhere, and a normal target of which all is known."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

import anabranch as ab
from anabranch.continuous.targets.base import Modes, Target
from anabranch.policies.heads import Heads, observed
from anabranch.policies.observation import observer


class Constant(ab.Policy):
    """The same numbers at every state."""

    log_z: jax.Array
    numbers: jax.Array
    back: int = 0

    def __call__(self, observation):
        del observation
        return Heads(self.numbers, jnp.zeros(self.back) if self.back else None, jnp.zeros(()))


def constant(env, numbers=None):
    """A policy whose numbers are given, or 0; it stops as often as it moves."""
    numbers = jnp.zeros(env.forward_logits) if numbers is None else jnp.append(jnp.asarray(numbers, float), 0.0)
    return observed(Constant(jnp.zeros(()), numbers, env.backward_logits), observer(env))


@dataclasses.dataclass(frozen=True)
class Bell(Target):
    """A normal of variance `variance` at `middle`, with all that can be known of it."""

    dim: int = 1
    middle: float = 0.0
    variance: float = 1.0

    def log_density(self, place):
        return -0.5 * jnp.sum((place - self.middle) ** 2) / self.variance

    @property
    def log_z(self):
        return 0.5 * self.dim * math.log(2 * math.pi * self.variance)

    def draws(self, n, generator):
        return self.middle + math.sqrt(self.variance) * generator.standard_normal((n, self.dim))

    @property
    def modes(self):
        return Modes(np.full((1, self.dim), self.middle), 1.0)
