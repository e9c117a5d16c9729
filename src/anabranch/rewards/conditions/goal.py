"""A goal as a condition: one sampler for every target value of some properties."""

import dataclasses
import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.rewards.conditions.base import KNOTS, Condition, Value, hats, with_ends, within


@dataclasses.dataclass(frozen=True, kw_only=True)
class Goal(Condition):
    """A target t for the properties f(x) of an object: log R(x | t) = -|(f(x) - t) / width|^2 / 2.

    The reward function returns the row f(x), one number for each entry of `low` and `high`; targets are drawn uniformly
    between them. An object is a success where each property is within `tolerance` of its target.

    Paper: Roy et al. 2023, arXiv:2306.04620 (goal-conditioned GFlowNets).

    Raises:
        ConfigError: for a range, a width or a tolerance that is none.

    Example:
        env, properties = anabranch.make("hypergrid").env, lambda state: state / 7.0
        condition = anabranch.Goal(low=(0.0, 0.0), high=(1.0, 1.0), width=0.05, tolerance=0.1)
        run = anabranch.train(env, properties, objective="tb", steps=100, batch=64, condition=condition)
        run.sample(10, condition=(0.7, 0.2))
    """

    low: tuple[float, ...] = (0.0,)
    """Least target of each property."""
    high: tuple[float, ...] = (1.0,)
    """Largest target of each property."""
    width: float = 0.1
    """How far from its target a property may be before the reward falls, in the units of the property."""
    tolerance: float = 0.1
    """Within which an object counts as a success."""

    name: ClassVar[str] = "goal"

    def __post_init__(self) -> None:
        require_types(self)
        if not self.low or len(self.low) != len(self.high):
            raise ConfigError(f"Goal needs one low and one high for each property; given {self.low} and {self.high}.")
        if not all(-float("inf") < low < high < float("inf") for low, high in zip(self.low, self.high, strict=True)):
            raise ConfigError(f"Goal needs finite low < high for each property; given {self.low} and {self.high}.")
        if not (0.0 < self.width < float("inf") and 0.0 < self.tolerance < float("inf")):
            raise ConfigError(
                f"Goal needs a positive width and tolerance; given width={self.width}, tolerance={self.tolerance}."
            )

    @property
    def columns(self) -> int | None:
        return len(self.low)

    @property
    def _ends(self) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        return np.asarray(self.low, np.float32), np.asarray(self.high, np.float32)

    def draw(self, key: Key[Array, ""]) -> Value:
        low, high = self._ends
        return low + with_ends(jax.random.uniform(key, low.shape)) * (high - low)

    def middle(self) -> Value:
        low, high = self._ends
        return jnp.asarray((low + high) / 2.0, jnp.float32)

    def features(self, value: Value) -> Float[Array, " k"]:
        low, high = self._ends
        place = (value - low) / (high - low)
        return jnp.concatenate([2.0 * place - 1.0, jax.vmap(lambda one: hats(one, KNOTS))(place).ravel()])

    def log_reward(self, worth: Float[Array, "*columns"], value: Value) -> Float[Array, ""]:
        return -0.5 * jnp.sum(((worth - value) / self.width) ** 2)

    def hindsight(self, key: Key[Array, ""], worth: Float[Array, "*columns"]) -> Value:
        """Every other time a target that the object nearly meets, as if it had been the goal."""
        low, high = self._ends
        which, where = jax.random.split(key)
        near = jnp.clip(worth + self.width * jax.random.normal(where, low.shape), low, high)
        return jnp.where(jax.random.bernoulli(which), near, self.draw(key))

    def success(self, worth: Float[np.ndarray, "n m"], value: Any) -> np.ndarray:
        """Whether each object is within the tolerance of its target."""
        return np.asarray((np.abs(worth - np.asarray(value)) <= self.tolerance).all(-1))

    def settled(self, value: Any) -> Value:
        scalar = len(self.low) == 1 and np.ndim(value) == 0 and not isinstance(value, bool | str)
        return within([value] if scalar else value, self.low, self.high, what="The goal", shape=(len(self.low),))

    def grid(self) -> list[Any]:
        count = max(2, int(MOST_GOALS ** (1 / len(self.low))))
        axes = [np.linspace(low, high, count) for low, high in zip(self.low, self.high, strict=True)]
        return [tuple(float(one) for one in row) for row in itertools.product(*axes)]


MOST_GOALS = 16
"""About so many goals are asked for by an evaluation."""
