"""The exponent of the reward as a condition: one sampler for every inverse temperature."""

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.rewards.conditions.base import KNOTS, Condition, Value, hats, with_ends, within


@dataclasses.dataclass(frozen=True, kw_only=True)
class Temperature(Condition):
    """The exponent beta of the reward, drawn log-uniformly: p(x | beta) is proportional to R(x)^beta.

    The network sees beta beside the state, and log Z(beta) is a head of it. A small beta spreads the sampler over all
    objects, a large one keeps it with the best.

    Paper: Kim et al. 2024, arXiv:2310.02823 (temperature-conditional GFlowNets).

    Raises:
        ConfigError: for a range that is none.

    Example:
        run = anabranch.train("hypergrid", objective="tb", condition=anabranch.Temperature(low=0.25, high=8.0))
        run.sample(10, condition=4.0)
    """

    low: float = 0.25
    """Least exponent."""
    high: float = 8.0
    """Largest exponent."""

    name: ClassVar[str] = "temperature"
    tempers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 < self.low < self.high < float("inf"):
            raise ConfigError(f"Temperature needs 0 < low < high; given low={self.low}, high={self.high}.")

    @property
    def columns(self) -> int | None:
        return None

    def draw(self, key: Key[Array, ""]) -> Value:
        share = with_ends(jax.random.uniform(key))
        return jnp.exp(math.log(self.low) + share * math.log(self.high / self.low))

    def middle(self) -> Value:
        return jnp.asarray(math.sqrt(self.low * self.high), jnp.float32)

    def features(self, value: Value) -> Float[Array, " k"]:
        place = jnp.log(value / self.low) / math.log(self.high / self.low)
        return jnp.concatenate([jnp.stack([2.0 * place - 1.0, value / self.high]), hats(place, KNOTS)])

    def log_reward(self, worth: Float[Array, "*columns"], value: Value) -> Float[Array, ""]:
        return value * worth

    def relative(self, worth: Float[Array, "*columns"], value: Value, level: float) -> Float[Array, ""]:
        # The level is taken off before the exponent is applied: no large numbers are subtracted from each other.
        return value * (worth - level)

    def level_at(self, level: float, value: Value) -> float:
        return float(value) * level

    def settled(self, value: Any) -> Value:
        return within(value, self.low, self.high, what="The exponent beta")

    def grid(self) -> list[Any]:
        return [self.low * (self.high / self.low) ** (number / (GRID - 1)) for number in range(GRID)]


GRID = 7
"""Exponents of an evaluation, evenly spaced in their logarithm."""
