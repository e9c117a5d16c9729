"""Annealing of the reward: R^beta with a beta that rises to 1, for rewards that span many nats."""

import dataclasses
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types

WIDE = 100.0
"""Nats that rewards may span without annealing: beyond, the worst objects of a batch dominate the loss."""
NARROW = 3.0
"""Nats that the tempered rewards span at the start of annealing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anneal:
    """Annealing: train on R^beta, with beta from `start` to 1 over the first `steps` steps, and on R afterwards.

    Where log R spans hundreds of nats, a sampler that learns from its own draws stays with the first good objects that
    it meets. While beta is small all objects are alike, and it follows the target as this becomes narrow. The optimum
    is that of R, because beta ends at 1; `end` stands here to say so. A "geometric" path multiplies beta by the same
    factor at each step, a "linear" one adds the same amount.

    `steps` None: half of the training where the rewards of random objects span more than 100 nats, none elsewhere.
    `start` None: so that these rewards span 3 nats at first.

    Raises:
        ConfigError: for an end that is not 1, and a setting out of range.

    Example:
        run = anabranch.train("faces", objective="tb", anneal=anabranch.Anneal(start=0.1, steps=1_000))
    """

    start: float | None = None
    """First exponent of R; none: so that random rewards span 3 nats."""
    end: float = 1.0
    """Last exponent of R: 1."""
    steps: int | None = None
    """Steps until the exponent is 1, 0: none; none: half of the training where random rewards span 100 nats."""
    path: Literal["geometric", "linear"] = "geometric"
    """How the exponent rises."""

    def __post_init__(self) -> None:
        require_types(self)
        if self.end != 1.0:
            raise ConfigError(
                f"Annealing must end at beta = 1, or the sampler would learn R^{self.end:g} instead of R; "
                f"given end={self.end:g}. For that target give the log-reward {self.end:g} log R(x)."
            )
        if self.start is not None and not 0.0 < self.start <= 1.0:
            raise ConfigError(f"Annealing starts at a beta above 0, at most 1; given start={self.start}.")
        if self.steps is not None and self.steps < 0:
            raise ConfigError(f"Annealing lasts a number of steps, 0 for none; given steps={self.steps}.")

    @property
    def open(self) -> bool:
        """Whether it depends on the rewards."""
        return self.steps is None or (self.steps > 0 and self.start is None)

    def fitted(self, span: float, steps: int) -> "Anneal | None":
        """The same for rewards that span so many nats and a training of so many steps; None for no annealing."""
        own = self.steps if self.steps is not None else steps // 2 if span > WIDE else 0
        start = self.start if self.start is not None else min(1.0, NARROW / max(span, NARROW))
        return dataclasses.replace(self, start=start, steps=own) if own > 0 and start < 1.0 else None

    @property
    def words(self) -> str:
        """The line that a training prints before it starts, once `fitted`."""
        return f"annealing: R^beta, with beta from {self.start:.2g} to 1 over {self.steps:,} steps"

    def beta(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The exponent of the reward at a training step, once `fitted`."""
        assert self.start is not None
        assert self.steps is not None
        left = jnp.clip(1.0 - step / max(self.steps, 1), 0.0, 1.0)
        return self.start**left if self.path == "geometric" else 1.0 - (1.0 - self.start) * left
