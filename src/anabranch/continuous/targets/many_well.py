"""The many well: pairs of coordinates, each with two wells of different depths."""

import dataclasses
import functools
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import MOST_MODES, Modes, Target, corners, log_integral, require_dim


@dataclasses.dataclass(frozen=True, kw_only=True)
class ManyWell(Target):
    """dim / 2 independent pairs, log R = -x1^4 + 6 x1^2 + x1 / 2 - x2^2 / 2 of each: 2^(dim / 2) wells.

    log Z by quadrature in float64: 10.29348 a pair, so 41.173919 at dim 8 and 164.695675 at dim 32. Modes are counted
    up to 10 pairs.

    Papers: Noe et al. 2019, doi:10.1126/science.aaw1147 (the double well of a pair); Midgley et al. 2022,
    arXiv:2208.01893 (many of them).
    """

    dim: int = 8
    """Coordinates of a point: an even number."""

    def __post_init__(self) -> None:
        require_dim(self, least=2, multiple=2)

    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        first, second = place[0::2], place[1::2]
        return jnp.sum(_log_height(first) - 0.5 * second**2)

    @property
    def log_z(self) -> float:
        ticks, heights = _grid()
        pair = log_integral(heights, ticks[1] - ticks[0]) + 0.5 * math.log(2.0 * math.pi)
        return self.dim // 2 * pair

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"]:
        ticks, heights = _grid()
        mass = np.exp(heights - heights.max())
        below = np.concatenate([[0.0], np.cumsum(0.5 * (mass[1:] + mass[:-1]))])
        first = np.interp(generator.uniform(0.0, below[-1], (n, self.dim // 2)), below, ticks)
        return np.stack([first, generator.standard_normal(first.shape)], -1).reshape(n, self.dim)

    @property
    def modes(self) -> Modes | None:
        if 2 ** (self.dim // 2) > MOST_MODES:
            return None
        wells = [root.real for root in np.roots([-4.0, 0.0, 12.0, 0.5]) if -12.0 * root.real**2 + 12.0 < 0.0]
        first = corners(wells, self.dim // 2)
        return Modes(np.stack([first, np.zeros_like(first)], -1).reshape(-1, self.dim), RADIUS)


def _log_height(first: Array | np.ndarray) -> Array | np.ndarray:
    """log R of a first coordinate."""
    return -(first**4) + 6.0 * first**2 + 0.5 * first


@functools.cache
def _grid() -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Values of a first coordinate, beyond which R is below exp(-150), and log R of each."""
    ticks = np.linspace(-4.0, 4.0, 1 << 16)
    return ticks, np.asarray(_log_height(ticks))


RADIUS = 2.9
"""Wells are 3.46 apart and 0.2 wide: a draw this near to one lies in no other."""
