"""Events among finished objects, such as "a face is happy"."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fact:
    """The probability of an event among finished objects, conditional on another where `given` is set."""

    event: Callable[[Any], Bool[Array, ""]]
    """A JAX function of one finished state: whether it holds."""
    given: Callable[[Any], Bool[Array, ""]] | None = None
    """The condition, likewise; None: none."""

    def indicators(self, states: Any) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Event-and-condition, and condition, of each state of a batch, as 0 and 1."""
        event = np.asarray(jax.jit(jax.vmap(self.event))(states), np.float64)
        given = (
            np.ones_like(event) if self.given is None else np.asarray(jax.jit(jax.vmap(self.given))(states), np.float64)
        )
        return event * given, given
