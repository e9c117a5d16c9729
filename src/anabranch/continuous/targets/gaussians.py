"""Mixtures of normal distributions, whose log Z is 0."""

import dataclasses
import math
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import Modes, Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianGrid(Target):
    """25 normal distributions of one variance on a 5 x 5 grid from -10 to 10, equally likely; log Z = 0.

    Paper: Zhang and Chen 2022, arXiv:2111.15141.
    """

    variance: float = 0.3
    """Of each coordinate of each normal."""

    dim: Any = 2

    @cached_property
    def centres(self) -> Float[np.ndarray, "25 2"]:
        """The middle of each normal."""
        ticks = np.linspace(-10.0, 10.0, 5)
        return np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)

    def log_density(self, place: Float[Array, " 2"]) -> Float[Array, ""]:
        centres = jnp.asarray(self.centres, float)
        each = -0.5 * jnp.sum((place - centres) ** 2, -1) / self.variance
        return jax.nn.logsumexp(each) - math.log(centres.shape[0] * 2.0 * math.pi * self.variance)

    @property
    def log_z(self) -> float:
        return 0.0

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n 2"]:
        centre = self.centres[generator.integers(len(self.centres), size=n)]
        return centre + math.sqrt(self.variance) * generator.standard_normal((n, 2))

    @property
    def modes(self) -> Modes:
        return Modes(self.centres, 3.0 * math.sqrt(self.variance))
