"""A reward of a kind and a point: each kind has a bump of its own, at another place and of another height."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.continuous.targets.base import Target, require_dim, require_positive
from anabranch.environment import State
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class KindBumps(Target):
    """R = floor + (kind + 1) exp(-|x - m|^2 / (2 width^2)) with m = (kind + 1) / (kinds + 1) in every coordinate.

    Points of [0, 1]^dim with a kind, as `KindsAndPoints` has them. log Z is known in closed form. A draw would be a
    pair, not a point, so `draws` and `modes` say nothing.

    Raises:
        ConfigError: for a number of kinds or coordinates, a width or a floor that is not positive.
    """

    dim: int = 1
    """Coordinates of a point."""
    kinds: int = 3
    """Kinds."""
    width: float = 0.1
    """Standard deviation of a bump."""
    floor: float = 0.1
    """R far from every bump."""

    def __post_init__(self) -> None:
        require_dim(self)
        require_positive(self, "kinds", "width", "floor")

    def __call__(self, state: State) -> Float[Array, ""]:
        """log R of a state with the fields `kind` and `place`. Raises RewardError where its dimension is another."""
        return self._log_reward(state.kind, self.point_of(state))

    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        """log R of a point of any kind, in nats: summed over the kinds."""
        each = [self._log_reward(jnp.array(kind), place) for kind in range(self.kinds)]
        return jnp.log(jnp.sum(jnp.exp(jnp.stack(each))))

    def _log_reward(self, kind: Array, place: Float[Array, " d"]) -> Float[Array, ""]:
        away = (place - (kind + 1) / (self.kinds + 1)) / self.width
        return jnp.log(self.floor + (kind + 1) * jnp.exp(-0.5 * jnp.sum(away**2)))

    @property
    def log_z(self) -> float:
        total = 0.0
        for kind in range(self.kinds):
            middle = (kind + 1) / (self.kinds + 1)
            ends = [math.erf((end - middle) / (self.width * math.sqrt(2.0))) for end in (0.0, 1.0)]
            bump = self.width * math.sqrt(0.5 * math.pi) * (ends[1] - ends[0])
            total += self.floor + (kind + 1) * bump**self.dim
        return math.log(total)

    def fitted(self, env: Any) -> Target:
        """The target with the kinds and the dim of a space. Raises ConfigError where the space has no kinds."""
        if not hasattr(env, "kinds"):
            raise ConfigError(f"KindBumps is a reward of a kind and a point; {type(env).__name__} has no kinds.")
        return super().fitted(env)
