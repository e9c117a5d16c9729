"""What a metric would be at its best: exact draws from a known target, several times as many as were measured."""

import dataclasses
from collections.abc import Callable
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from anabranch.ground.errors import ConfigError
from anabranch.ground.streams import Stream, generator_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """A metric under perfect sampling: its mean over replicas, and their standard deviation."""

    mean: float
    """Over the replicas."""
    spread: float
    """Standard deviation between the replicas."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PerfectSampler:
    """A sampler whose law is exactly `target` (one probability an object): `replicas` times `samples` draws.

    Raises ConfigError where there is nothing to draw, or no spread to see.
    """

    target: Float[np.ndarray, " X"]
    """Probability of each object."""
    samples: int
    """Draws of a replica."""
    replicas: int = 10
    """Independent samples of that size."""
    seed: int = 0
    """Of the draws."""

    def __post_init__(self) -> None:
        if self.samples < 1 or self.replicas < 2:
            raise ConfigError(
                "A perfect sampler needs samples >= 1 and replicas >= 2; "
                f"given samples={self.samples}, replicas={self.replicas}."
            )

    @cached_property
    def draws(self) -> Int[np.ndarray, "replicas samples"]:
        """The numbers of the objects drawn; an object of probability 0 is never among them."""
        edges = np.cumsum(self.target)
        uniform = generator_of(self.seed, Stream.PERFECT_SAMPLER).random((self.replicas, self.samples))
        return np.searchsorted(edges, uniform * edges[-1], side="right").clip(max=np.flatnonzero(self.target)[-1])

    def reference(self, statistic: Callable[[Int[np.ndarray, " samples"]], float]) -> Reference:
        """The mean and the spread of a statistic of the numbers of the objects drawn."""
        values = np.array([statistic(draw) for draw in self.draws])
        return Reference(mean=float(values.mean()), spread=float(values.std(ddof=1)))
