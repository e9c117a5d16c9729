"""Neal's funnel: a normal coordinate that says how wide all others are."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import Target, require_dim, require_positive


@dataclasses.dataclass(frozen=True, kw_only=True)
class Funnel(Target):
    """x0 ~ N(0, deviation^2), and every other coordinate ~ N(0, exp(x0)); log Z = 0.

    The neck is narrow by orders of magnitude where x0 is low, and there a step that suits the mouth is too wide.

    Paper: Neal 2003, doi:10.1214/aos/1056562461 (slice sampling), section 8.
    """

    dim: int = 10
    """Coordinates of a point, at least 2."""
    deviation: float = 3.0
    """Standard deviation of the first coordinate."""

    def __post_init__(self) -> None:
        require_dim(self, least=2)
        require_positive(self, "deviation")

    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        first, others = place[0], place[1:]
        # The exponential is bounded, so that log R stays finite in float32 however far a first draw is.
        squares = jnp.sum(others**2) * jnp.exp(jnp.minimum(-first, MOST_PRECISION))
        spread = self.dim * math.log(2.0 * math.pi) / 2.0 + math.log(self.deviation)
        return -0.5 * (first / self.deviation) ** 2 - 0.5 * squares - 0.5 * (self.dim - 1) * first - spread

    @property
    def log_z(self) -> float:
        return 0.0

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"]:
        first = self.deviation * generator.standard_normal((n, 1))
        others = np.exp(0.5 * first) * generator.standard_normal((n, self.dim - 1))
        return np.concatenate([first, others], axis=1)


MOST_PRECISION = 30.0
"""Of the others, as a logarithm: beyond, float32 may overflow, and the first coordinate is below -30."""
