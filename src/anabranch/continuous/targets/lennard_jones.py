"""Three particles that attract each other from afar and repel each other when near, held around the centre."""

import dataclasses
import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import Target, require_positive
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class LennardJones(Target):
    """Three particles in the plane (dim 6) or in space (dim 9), with log R = -energy in units of the temperature.

    The energy is depth (r^-12 - 2 r^-6) for each pair at a distance r, least at r = 1, and stiffness |x|^2 / 2 for each
    particle. Below the distance `near` the curve of a pair goes on as its tangent, so that the energy is finite, and
    its gradient, where particles coincide. log Z by quadrature over the shape of the triangle.

    Papers: Jones 1924, doi:10.1098/rspa.1924.0082 (the energy); Koehler et al. 2020, arXiv:2006.02425 (such clusters
    as targets).
    """

    dim: int = 6
    """Coordinates of all three: 6 in the plane, 9 in space."""
    depth: float = 3.0
    """Of the well of a pair, in nats; perfect draws are offered up to 4."""
    stiffness: float = 1.0
    """Of the force towards the centre."""
    near: float = 0.8
    """Distance below which the energy of a pair is its tangent; below 1."""

    def __post_init__(self) -> None:
        if self.dim not in (6, 9):
            raise ConfigError(f"LennardJones needs dim=6 (the plane) or dim=9 (space); given dim={self.dim}.")
        require_positive(self, "depth", "stiffness", "near")
        if self.near >= 1.0:
            raise ConfigError(f"LennardJones needs near < 1, on the repelling side; given near={self.near}.")

    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        particles = place.reshape(PARTICLES, -1)
        first, second = np.triu_indices(PARTICLES, 1)
        # The root of 0 has no gradient: a length of a millionth stands in for none.
        distances = jnp.sqrt(jnp.sum((particles[first] - particles[second]) ** 2, -1) + TINY)
        return -jnp.sum(self._of_pairs(distances)) - 0.5 * self.stiffness * jnp.sum(place**2)

    def _of_pairs(self, distance: Any) -> Any:
        """The energy of a pair at each distance, in nats; written with operators, for NumPy and JAX alike."""
        far = distance * (distance > self.near) + self.near * (distance <= self.near)
        curve = self.depth * (far**-12 - 2.0 * far**-6)
        slope = -12.0 * self.depth * (self.near**-13 - self.near**-7)
        return curve + slope * (distance - self.near) * (distance <= self.near)

    @property
    def log_z(self) -> float:
        return _log_z(self)

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"] | None:
        """By rejection, from particles that do not see each other; None where that would take too long."""
        if self.depth > DEEPEST:
            return None
        kept, count = [], 0
        first, second = np.triu_indices(PARTICLES, 1)
        while count < n:
            place = generator.standard_normal((BLOCK, PARTICLES, self.dim // PARTICLES)) / math.sqrt(self.stiffness)
            distances = np.linalg.norm(place[:, first] - place[:, second], axis=-1)
            energy = self._of_pairs(distances).sum(-1)
            # No shape is below all three wells at their lowest.
            accepted = generator.random(BLOCK) < np.exp(-energy - PARTICLES * self.depth)
            kept.append(place[accepted].reshape(-1, self.dim))
            count += int(accepted.sum())
        return np.concatenate(kept)[:n]


@functools.lru_cache(maxsize=64)
def _log_z(target: LennardJones) -> float:
    """Over |u|, |v| and the angle between them, where u = (x1 - x2) / sqrt 2 and v = (x1 + x2 - 2 x3) / sqrt 6."""
    space = target.dim // PARTICLES
    reach = 12.0 / math.sqrt(target.stiffness)
    u, v = _between(0.0, reach, QUADRATURE), _between(0.0, reach, QUADRATURE)
    angles, weights = _between(0.0, 0.5 * math.pi, QUADRATURE // 2)  # the rest by the exchange of two particles
    total = 0.0
    for radius, weight in zip(*u, strict=True):
        length, angle = v[0][:, None], angles[None, :]
        cross = math.sqrt(3.0) * radius * length * np.cos(angle)
        even = 0.5 * radius**2 + 1.5 * length**2
        pairs = [np.full_like(even + cross, math.sqrt(2.0) * radius), np.sqrt(even + cross), np.sqrt(abs(even - cross))]
        energy = sum(target._of_pairs(pair) for pair in pairs)
        held = 0.5 * target.stiffness * (radius**2 + length**2)
        heights = np.exp(-energy - held) * length ** (space - 1) * np.sin(angle) ** (space - 2)
        total += weight * radius ** (space - 1) * float(v[1] @ heights @ weights)
    # The sphere that u points to; of v the circle around u; the half of the angles; and the centre of the three.
    sphere = 2.0 * math.pi if space == 2 else 4.0 * math.pi
    circle = 2.0 * 2.0 if space == 2 else 2.0 * 2.0 * math.pi
    return math.log(total * sphere * circle) + 0.5 * space * math.log(2.0 * math.pi / target.stiffness)


def _between(low: float, high: float, count: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Places and weights of Gauss's rule."""
    places, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 * (high - low) * (places + 1.0) + low, 0.5 * (high - low) * weights


PARTICLES, TINY = 3, 1e-12
DEEPEST, BLOCK = 4.0, 1 << 16
"""The deepest well that rejection is used for, which keeps about exp(-3 depth) of what it draws; proposals at once."""
QUADRATURE = 160
"""Nodes in each length."""
