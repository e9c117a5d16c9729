"""The reward of the hypergrid on the unit box: plateaus near the corners, with edges that no gradient shows."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import MOST_MODES, Modes, Target, corners, require_dim
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoxCorners(Target):
    """R = r0 + r1 [all .25 < |x - .5|] + r2 [all .3 < |x - .5| < .4] on [0, 1]^dim, in closed form at every dim.

    The 2^dim small cubes of the last term are the modes. log Z is that of r0 + r1 2^-dim + r2 5^-dim: -1.187444 in the
    plane.

    Papers: Bengio et al. 2021, arXiv:2106.04399 (on a grid); Lahlou et al. 2023, arXiv:2301.12594 (on the box).
    """

    dim: int = 2
    """Coordinates of a point."""
    r0: float = 0.1
    """R everywhere."""
    r1: float = 0.5
    """Added in the corners."""
    r2: float = 2.0
    """Added in the modes."""

    def __post_init__(self) -> None:
        require_dim(self)
        if not self.r0 > 0.0 or not min(self.r1, self.r2) >= 0.0 or not self.r0 + self.r1 + self.r2 < math.inf:
            given = f"r0={self.r0}, r1={self.r1}, r2={self.r2}"
            raise ConfigError(f"BoxCorners needs r0 > 0, r1 >= 0 and r2 >= 0, all finite; given {given}.")

    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        away = jnp.abs(place - 0.5)
        ring = jnp.all((away > RING[0]) & (away < RING[1]))
        return jnp.log(self.r0 + self.r1 * jnp.all(away > CORNER) + self.r2 * ring)

    @property
    def _masses(self) -> Float[np.ndarray, " 3"]:
        """The integral of each term."""
        sides = np.array([1.0, 1.0 - 2.0 * CORNER, 2.0 * (RING[1] - RING[0])])
        return np.array([self.r0, self.r1, self.r2]) * sides**self.dim

    @property
    def log_z(self) -> float:
        return float(np.log(self._masses.sum()))

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"]:
        term = generator.choice(3, size=n, p=self._masses / self._masses.sum())
        low, high = np.array([0.0, CORNER, RING[0]])[term], np.array([0.5, 0.5, RING[1]])[term]
        away = generator.uniform(low[:, None], high[:, None], (n, self.dim))
        return 0.5 + np.where(generator.random((n, self.dim)) < 0.5, -away, away)

    @property
    def modes(self) -> Modes | None:
        middle, half = 0.5 * sum(RING), 0.5 * (RING[1] - RING[0])
        if 2**self.dim > MOST_MODES:
            return None
        return Modes(corners([0.5 - middle, 0.5 + middle], self.dim), half)


CORNER, RING = 0.25, (0.3, 0.4)
"""How far every coordinate is from 1/2 in the corners, and in the modes."""
