"""A class as a condition: one sampler for several rewards, of which one is asked for at a time."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from anabranch.ground.errors import ConfigError, described
from anabranch.ground.fields import require_types
from anabranch.rewards.conditions.base import Condition, Value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classes(Condition):
    """The number of a class, 0 .. count - 1, drawn uniformly: log R(x | c) is column c of what the reward returns.

    The reward function returns a row of `count` log-rewards in nats, such as log p(class | x) of a classifier.

    Raises:
        ConfigError: for fewer than two classes.

    Example:
        env, log_rewards = anabranch.make("hypergrid").env, lambda state: -1.0 * state
        condition = anabranch.Classes(count=2)
        run = anabranch.train(env, log_rewards, objective="tb", steps=100, batch=64, condition=condition)
        run.sample(10, condition=1)
    """

    count: int = 2
    """How many classes there are."""

    name: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        require_types(self)
        if self.count < 2:
            raise ConfigError(f"Classes need a count of two or more; given {self.count}.")

    @property
    def columns(self) -> int | None:
        return self.count

    def draw(self, key: Key[Array, ""]) -> Value:
        return jax.random.randint(key, (), 0, self.count)

    def middle(self) -> Value:
        return jnp.zeros((), jnp.int32)

    def features(self, value: Value) -> Float[Array, " k"]:
        return jax.nn.one_hot(value, self.count)

    def log_reward(self, worth: Float[Array, "*columns"], value: Value) -> Float[Array, ""]:
        return worth[value]

    def settled(self, value: Any) -> Value:
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = -1
        if isinstance(value, bool | str) or number != value or not 0 <= number < self.count:
            ends = f"0 to {self.count - 1}"
            raise ConfigError(
                f"The class must be a whole number in the trained range, {ends}; given {described(value)}."
            )
        return jnp.asarray(number, jnp.int32)

    def grid(self) -> list[Any]:
        return list(range(self.count))
