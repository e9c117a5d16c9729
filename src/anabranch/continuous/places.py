"""What most continuous spaces share: a place and the moves that led there, and trajectories of one length."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import State
from anabranch.ground.errors import ConfigError


class Timed(eqx.Module):
    """A place, and the number of moves that led to it; of a kernel, what each of them is drawn from."""

    place: Any
    """float[d]."""
    time: Any
    """int[]: moves so far."""


class TimedEnvironment(ContinuousEnvironment):
    """Abstract: a space whose trajectories all take `max_steps` moves, which their states count as `time`."""

    def can_stop(self, state: State) -> Bool[Array, ""]:
        return state.time == self.max_steps

    def can_move(self, state: State) -> Bool[Array, ""]:
        return state.time < self.max_steps


def place_of(item: Any, dim: int) -> Float[Array, " d"]:
    """The place that an object is. Raises ConfigError where its dimension is another."""
    place = np.atleast_1d(np.asarray(item, np.float32))
    if place.shape != (dim,):
        raise ConfigError(f"An object of this space is {dim} numbers; given {item!r}.")
    return jnp.asarray(place)


def object_of(place: Any) -> tuple[float, ...]:
    """The object that a place is: a tuple of numbers."""
    return tuple(np.asarray(place, float).tolist())
