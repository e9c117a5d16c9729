"""A space that is mixed: a kind, out of a few, and then a point of the unit box."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.continuous.box import plateaus
from anabranch.continuous.contract import Kernel
from anabranch.continuous.densities import Categorical, Perhaps
from anabranch.continuous.places import TimedEnvironment, object_of, place_of
from anabranch.environment import State
from anabranch.ground.errors import ConfigError


class Kinded(eqx.Module):
    """A kind and a point; each is -1, and 0, before it is chosen."""

    kind: Any
    """int[]."""
    place: Any
    """float[d]."""
    time: Any
    """int[]: how many of the two are chosen."""


class KindsAndPoints(TimedEnvironment):
    """Pairs of one of `kinds` kinds and a point of [0, 1]^dim: first the kind is chosen, then the point.

    Raises:
        ConfigError: for a number of kinds, coordinates or components that is not positive.
    """

    kinds: int = 3
    """Kinds."""
    dim: int = 1
    """Coordinates of a point."""
    components: int = 8
    """Plateaus of the mixture of points."""

    def __post_init__(self) -> None:
        if min(self.kinds, self.dim, self.components) < 1:
            given = f"kinds={self.kinds}, dim={self.dim}, components={self.components}"
            raise ConfigError(f"KindsAndPoints needs positive kinds, dim and components; given {given}.")

    @property
    def max_steps(self) -> int:
        return 2

    @property
    def forward_numbers(self) -> int:
        return self.kinds + self.components * (1 + 3 * self.dim)

    def initial(self) -> State:
        return Kinded(jnp.array(-1), jnp.zeros(self.dim), jnp.array(0))

    def ranges(self) -> tuple[tuple[float, float], ...]:
        return ((0.0, 1.0),) * self.dim

    def forward(self, state: State, numbers: Float[Array, " f"]) -> Kernel:
        first = state.time == 0
        kind = Perhaps(first, Categorical(numbers[: self.kinds]), state.kind)
        corners = jnp.zeros(self.dim), jnp.ones(self.dim)
        place = Perhaps(~first, plateaus(numbers[self.kinds :], *corners), state.place)
        return Kinded(kind, place, state.time + 1)

    def backward(self, state: State, numbers: Float[Array, " b"] | None) -> Kernel:
        del numbers
        last = state.time == 2
        return Kinded(jnp.where(last, state.kind, -1), jnp.zeros(self.dim), state.time - 1)

    def observe(self, state: State) -> Float[Array, " inputs"]:
        kind = jax.nn.one_hot(state.kind, self.kinds)
        return jnp.concatenate([kind, state.place, jnp.arange(3) == state.time])

    def decode(self, state: State) -> tuple[int, tuple[float, ...]]:
        return int(state.kind), object_of(state.place)

    def encode(self, item: Any) -> State:
        kind, place = item
        if not 0 <= kind < self.kinds:
            raise ConfigError(f"A kind is a whole number from 0 to {self.kinds - 1}; given {kind!r}.")
        return Kinded(jnp.array(kind), place_of(place, self.dim), jnp.array(2))
