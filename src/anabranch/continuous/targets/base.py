"""What a target is: a reward of a point, and what is known of it."""

import abc
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.environment import State
from anabranch.ground.errors import RewardError


class Target(abc.ABC):
    """Abstract: the reward of a point; a subclass is a frozen dataclass that writes `dim` and `log_density`.

    What is known of the target stands beside estimates, where a subclass writes it: `log_z`, `draws` and `modes`.

    Example:
        @dataclasses.dataclass(frozen=True)
        class Bell(anabranch.Target):
            dim: int = 2

            def log_density(self, place):
                return -0.5 * jnp.sum(place**2)
    """

    dim: int
    """Coordinates of a point."""

    @abc.abstractmethod
    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        """log R of a point, in nats; it need not be normalised."""

    def __call__(self, state: State) -> Float[Array, ""]:
        """log R of a state with a field `place`. Raises RewardError where its dimension is another."""
        place = jnp.asarray(getattr(state, "place", state))
        if place.shape != (self.dim,):
            raise RewardError(
                f"{type(self).__name__} is a target of {self.dim} coordinates; the points of the space have "
                f"{place.shape[-1] if place.ndim else 0}: give both the same dim."
            )
        return self.log_density(place)

    @property
    def log_z(self) -> float | None:
        """Optional: the logarithm of the integral of R, in nats; None where it is not known."""
        return None

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"] | None:
        """Optional: independent draws from R / Z; None where there is no such sampler."""
        del n, generator
        return None

    @property
    def modes(self) -> "Modes | None":
        """Optional: the places that a sampler should find; None where they are not counted."""
        return None


class Modes:
    """Places, and how near a draw must be to one to have found it."""

    def __init__(self, places: Any, radius: float) -> None:
        self.places, self.radius = np.asarray(places, float), radius
