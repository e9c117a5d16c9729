"""Mixtures of normal distributions, whose log Z is known and which can be drawn from."""

import abc
import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import Modes, Target, corners, require_dim, require_positive


class Components(NamedTuple):
    """The normal distributions of a mixture, each the same in all directions."""

    centres: Float[np.ndarray, "K d"]
    deviations: Float[np.ndarray, " K"]
    """Standard deviation of each."""
    shares: Float[np.ndarray, " K"]
    """Their probabilities."""


class Gaussians(Target):
    """Abstract: a mixture of normal distributions; a subclass writes `dim` and `components`."""

    @property
    @abc.abstractmethod
    def components(self) -> Components:
        """The normal distributions."""

    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        centres, deviations, shares = self.components
        constant = np.log(shares) - self.dim * np.log(deviations * math.sqrt(2.0 * math.pi))
        away = (place - jnp.asarray(centres, float)) / jnp.asarray(deviations, float)[:, None]
        return jax.nn.logsumexp(-0.5 * jnp.sum(away**2, -1) + jnp.asarray(constant, float)) + self.log_z

    @property
    def log_z(self) -> float:
        return 0.0

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"]:
        centres, deviations, shares = self.components
        which = generator.choice(len(shares), size=n, p=shares)
        return centres[which] + deviations[which, None] * generator.standard_normal((n, self.dim))

    @property
    def modes(self) -> Modes:
        """The centres; a draw finds one within three standard deviations, in the plane, of the narrowest normal."""
        centres, deviations, _ = self.components
        return Modes(centres, 3.0 * float(deviations.min()) * math.sqrt(max(1.0, self.dim / 2)))


def alike(centres: Float[np.ndarray, "K d"], deviation: float) -> Components:
    """Normal distributions of one standard deviation, equally likely."""
    count = len(centres)
    return Components(centres, np.full(count, deviation), np.full(count, 1.0 / count))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoGaussians(Gaussians):
    """Two normal distributions, one twice as likely as the other; log Z = 0.

    The likelier one is centred at `apart` / 2 in every coordinate, the other at the opposite point: a sampler that
    finds only one of them, or takes them for equally likely, is seen at once.
    """

    dim: int = 2
    """Coordinates of a point."""
    apart: float = 6.0
    """Between the centres, in each coordinate."""
    deviation: float = 1.0
    """Standard deviation of each coordinate of both."""

    def __post_init__(self) -> None:
        require_dim(self)
        require_positive(self, "apart", "deviation")

    @property
    def components(self) -> Components:
        centre = np.full((1, self.dim), 0.5 * self.apart)
        centres = np.concatenate([centre, -centre])
        return Components(centres, np.full(2, self.deviation), np.array([2.0, 1.0]) / 3.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianGrid(Gaussians):
    """5^dim normal distributions of one variance on a grid from -10 to 10, equally likely: 25 in the plane; log Z = 0.

    Paper: Zhang and Chen 2022, arXiv:2111.15141.
    """

    dim: int = 2
    """Coordinates of a point, from 1 to 4."""
    variance: float = 0.3
    """Of each coordinate of each normal."""

    def __post_init__(self) -> None:
        require_dim(self, most=4)
        require_positive(self, "variance")

    @property
    def components(self) -> Components:
        return alike(corners(np.linspace(-10.0, 10.0, 5), self.dim), math.sqrt(self.variance))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScatteredGaussians(Gaussians):
    """40 normal distributions with centres drawn evenly from [-40, 40]^dim, equally likely ("GMM40"); log Z = 0.

    The standard deviation is softplus(1), as in the paper. The paper draws its centres by a generator of PyTorch; here
    they come from `seed` by the default generator of NumPy, so they are others, of the same law.

    Paper: Midgley et al. 2022, arXiv:2208.01893.
    """

    dim: int = 2
    """Coordinates of a point."""
    count: int = 40
    """Normal distributions."""
    reach: float = 40.0
    """Largest coordinate of a centre."""
    deviation: float = math.log1p(math.e)
    """Standard deviation of each coordinate of each normal; softplus(1)."""
    seed: int = 0
    """Of the centres."""

    def __post_init__(self) -> None:
        require_dim(self)
        require_positive(self, "count", "reach", "deviation")

    @property
    def components(self) -> Components:
        drawn = np.random.default_rng(self.seed).uniform(-self.reach, self.reach, (self.count, self.dim))
        return alike(drawn, self.deviation)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LineGaussians(Gaussians):
    """Three normal distributions on the line: at -4, 0 and 3, with standard deviations of 1/2, 1 and 0.3.

    Their masses are as 3 : 5 : 2, and R integrates to `total`, so that log Z is not 0 and has to be learned.
    """

    dim = 1
    total: float = 10.0
    """The integral of R."""

    def __post_init__(self) -> None:
        require_positive(self, "total")

    @property
    def components(self) -> Components:
        centres = np.array([[-4.0], [0.0], [3.0]])
        return Components(centres, np.array([0.5, 1.0, 0.3]), np.array([0.3, 0.5, 0.2]))

    @property
    def log_z(self) -> float:
        return math.log(self.total)
