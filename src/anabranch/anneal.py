"""Annealing of the reward: R^beta with a beta that rises to 1, for rewards that span many nats."""

import dataclasses
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.errors import ConfigError
from anabranch.records import require_types


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anneal:
    """Train on R^beta, with beta from `start` to 1 over the first `steps` steps, and on R afterwards.

    Where log R spans hundreds of nats, a sampler that learns from its own draws stays with the first good objects that
    it meets. While beta is small all objects are alike, and it follows the target as this becomes narrow. The optimum
    is that of R, because beta ends at 1; `end` stands here to say so. A "geometric" path multiplies beta by the same
    factor at each step, a "linear" one adds the same amount.
    """

    start: float = 0.01
    end: float = 1.0
    steps: int = 1_000
    path: Literal["geometric", "linear"] = "geometric"

    def __post_init__(self) -> None:
        require_types(self)
        if self.end != 1.0:
            raise ConfigError(
                f"Annealing must end at beta = 1, or the sampler would learn R^{self.end:g} instead of R; "
                f"given end={self.end:g}. For that target give the log-reward {self.end:g} log R(x)."
            )
        if not 0.0 < self.start <= 1.0:
            raise ConfigError(f"Annealing starts at a beta above 0, at most 1; given start={self.start}.")
        if self.steps < 0:
            raise ConfigError(f"Annealing lasts a number of steps, 0 for none; given steps={self.steps}.")

    def beta(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The exponent of the reward at a training step."""
        left = jnp.clip(1.0 - step / max(self.steps, 1), 0.0, 1.0)
        return self.start**left if self.path == "geometric" else 1.0 - (1.0 - self.start) * left
