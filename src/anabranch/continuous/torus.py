"""Angles: a few turns, each drawn from a mixture of von Mises distributions."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.contract import Kernel
from anabranch.continuous.densities import Perhaps, VonMisesMixture, split_by_component, wrapped
from anabranch.continuous.places import Timed, TimedEnvironment, object_of, place_of
from anabranch.environment import State
from anabranch.ground.errors import ConfigError


class Torus(TimedEnvironment):
    """`dim` angles from -pi to pi, after `steps` moves that each may lead anywhere; P_B turns evenly, or is learned.

    Raises:
        ConfigError: for a dimension, a number of steps or of components that is not positive.
    """

    dim: int = 2
    """Angles."""
    steps: int = 3
    """Moves of each trajectory."""
    components: int = 32
    """Of each mixture."""

    def __post_init__(self) -> None:
        if min(self.dim, self.steps, self.components) < 1:
            given = f"dim={self.dim}, steps={self.steps}, components={self.components}"
            raise ConfigError(f"Torus needs positive dim, steps and components; given {given}.")

    @property
    def max_steps(self) -> int:
        return self.steps

    @property
    def forward_numbers(self) -> int:
        return self.components * (1 + 3 * self.dim)

    @property
    def backward_numbers(self) -> int:
        return self.forward_numbers

    def initial(self) -> State:
        return Timed(jnp.zeros(self.dim), jnp.array(0))

    def ranges(self) -> tuple[tuple[float, float], ...]:
        return ((-math.pi, math.pi),) * self.dim

    def forward(self, state: State, numbers: Float[Array, " f"]) -> Kernel:
        return Timed(self._turns(state.place, numbers), state.time + 1)

    def backward(self, state: State, numbers: Float[Array, " b"] | None) -> Kernel:
        if numbers is None:
            even = VonMisesMixture(jnp.zeros(1), jnp.zeros((1, self.dim)), jnp.zeros((1, self.dim)))
        else:
            even = self._turns(state.place, numbers)
        return Timed(Perhaps(state.time > 1, even, jnp.zeros(self.dim)), state.time - 1)

    def _turns(self, place: Float[Array, " d"], numbers: Float[Array, " n"]) -> VonMisesMixture:
        log_weights, sines, cosines, narrow = split_by_component(numbers, self.dim)
        # A middle as the direction of a vector, which has no seam; the components start around the circle.
        start = jnp.asarray(_directions(self.components, self.dim), float)
        middle = place + jnp.arctan2(sines + jnp.sin(start), cosines + jnp.cos(start))
        concentration = MOST_CONCENTRATION * jax.nn.sigmoid(narrow - 5.0)
        return VonMisesMixture(log_weights, wrapped(middle), concentration)

    def observe(self, state: State) -> Float[Array, " inputs"]:
        waves = state.place[:, None] * jnp.arange(1, WAVES + 1)
        time = jnp.arange(self.steps + 1) == state.time
        return jnp.concatenate([jnp.sin(waves).ravel(), jnp.cos(waves).ravel(), time])

    def decode(self, state: State) -> tuple[float, ...]:
        return object_of(state.place)

    def encode(self, item: Any) -> State:
        return Timed(wrapped(place_of(item, self.dim)), jnp.array(self.steps))


WAVES = 3
"""Multiples of an angle that a network is told."""
MOST_CONCENTRATION = 200.0
"""A standard deviation of .07."""


def _directions(count: int, dim: int) -> Float[np.ndarray, "K d"]:
    turn = 2.0 * math.pi * (math.sqrt(5.0) - 1.0) / 2.0
    return turn * np.arange(count)[:, None] * np.arange(1, dim + 1)[None, :]
