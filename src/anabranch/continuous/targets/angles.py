"""A smooth reward of angles: each has several wells, and neighbours like to agree."""

import dataclasses
import functools
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import MOST_MODES, Modes, Target, corners, require_dim, require_positive
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoupledAngles(Target):
    """log R = field sum cos(wells x_i) + coupling sum cos(x_i - x_(i+1)): wells^dim modes of different heights.

    log Z by quadrature at every dim, because the angles form a chain: the product of the transfer matrices between
    neighbours, by the trapezoidal rule, whose error on a circle falls exponentially. Draws are perfect, by rejection.
    """

    dim: int = 2
    """Angles."""
    wells: int = 3
    """Of each angle."""
    field: float = 2.0
    """Of the wells, in nats."""
    coupling: float = 1.0
    """Between neighbours, in nats; positive where they agree."""

    def __post_init__(self) -> None:
        require_dim(self)
        require_positive(self, "wells", "field")
        if not -math.inf < self.coupling < math.inf:
            raise ConfigError(f"CoupledAngles needs a finite coupling; given coupling={self.coupling}.")

    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        return self.field * jnp.sum(jnp.cos(self.wells * place)) + self.coupling * jnp.sum(
            jnp.cos(place[:-1] - place[1:])
        )

    @property
    def log_z(self) -> float:
        return _log_z(self)

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"] | None:
        """By rejection from uncoupled angles; None where the coupling is so strong that this would take too long."""
        if abs(self.coupling) * (self.dim - 1) > STRONGEST:
            return None
        kept, count = [], 0
        while count < n:
            # cos(w x) of a turn that is cut into w equal ones: a von Mises angle within one of them.
            inner = generator.vonmises(0.0, self.field, (n, self.dim))
            place = (inner + 2.0 * math.pi * generator.integers(self.wells, size=inner.shape)) / self.wells
            agreement = self.coupling * np.cos(place[:, :-1] - place[:, 1:]).sum(-1)
            accepted = generator.random(n) < np.exp(agreement - abs(self.coupling) * (self.dim - 1))
            kept.append(np.arctan2(np.sin(place[accepted]), np.cos(place[accepted])))
            count += int(accepted.sum())
        return np.concatenate(kept)[:n]

    @property
    def modes(self) -> Modes | None:
        """One in each combination of wells, where the gradient is 0; a draw finds one within half of a well."""
        if self.wells**self.dim > MOST_MODES:
            return None
        place = corners(2.0 * math.pi * np.arange(self.wells) / self.wells, self.dim)
        steepest = self.field * self.wells**2 + 4.0 * abs(self.coupling)
        for _ in range(ASCENTS):
            between = self.coupling * np.sin(place[:, :-1] - place[:, 1:])
            slope = -self.field * self.wells * np.sin(self.wells * place)
            slope[:, :-1] -= between
            slope[:, 1:] += between
            place = place + slope / steepest
        return Modes(np.arctan2(np.sin(place), np.cos(place)), 0.5 * math.pi / self.wells)


@functools.lru_cache(maxsize=64)
def _log_z(target: CoupledAngles) -> float:
    ticks = 2.0 * math.pi * np.arange(NODES) / NODES
    wells = target.field * (np.cos(target.wells * ticks) - 1.0)
    agree = np.exp(target.coupling * np.cos(ticks[:, None] - ticks[None, :]) - abs(target.coupling))
    passed, log_scale = np.exp(wells), target.field
    for _ in range(target.dim - 1):
        passed = np.exp(wells) * (agree @ passed)
        largest = passed.max()
        passed, log_scale = passed / largest, log_scale + math.log(largest) + target.field + abs(target.coupling)
    return log_scale + math.log(passed.sum()) + target.dim * math.log(2.0 * math.pi / NODES)


NODES, ASCENTS, STRONGEST = 720, 300, 4.0
"""Of the quadrature on a circle; steps to a mode; the strongest coupling, in nats, at which rejection is used."""
