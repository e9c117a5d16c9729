"""A reward under conditions: the worth of an object, which costs an evaluation, and what a condition makes of it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.environment import Environment, State, initial_state
from anabranch.ground.errors import RewardError
from anabranch.rewards.conditions.base import Condition, Value

Worth = Callable[[State], Float[Array, "*columns"]]
"""A JAX function of one state: log R(x), or the row of columns that a condition takes."""


@dataclasses.dataclass(frozen=True)
class ConditionalReward:
    """log R(x | c) as a JAX function of a state with its condition (`Given`)."""

    worth: Worth
    condition: Condition

    def __call__(self, state: Any) -> Float[Array, ""]:
        """log R(x | c) in nats."""
        return self.condition.log_reward(self.worth(state.state), state.condition)

    def worth_of(self, objects: Any) -> Float[Array, "B *columns"]:
        """The worth of a batch of objects with their conditions."""
        return jax.vmap(self.worth)(objects.state).astype(float)

    def relative(self, worth: Float[Array, "B *columns"], conditions: Value, *, level: float) -> Float[Array, " B"]:
        """log R(x | c) of objects of that worth, less the level of each condition, in nats."""
        return relative_to(self.condition, worth, conditions, level=level)

    def at(self, value: Value) -> "RewardAt":
        """The reward under one condition, as a function of the states of the space."""
        return RewardAt(self.worth, self.condition, Frozen.of(value))


def relative_to(condition: Condition, worth: Any, conditions: Value, *, level: float) -> Float[Array, " B"]:
    """log R(x | c) of a batch, less the level of each condition, in nats."""
    judge = jax.vmap(lambda one, value: condition.relative(one, value, level))
    return judge(jnp.asarray(worth, float), conditions).astype(float)


@dataclasses.dataclass(frozen=True)
class RewardAt:
    """log R(x | c) under one condition c, a JAX function of one state of the space."""

    worth: Worth
    condition: Condition
    value: "Frozen"
    """The condition."""

    def __call__(self, state: State) -> Float[Array, ""]:
        """log R(x | c) in nats."""
        return self.condition.log_reward(self.worth(state), self.value.thawed)


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A condition that can be hashed: a pytree, and of each leaf its type and its numbers."""

    structure: Any
    leaves: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, value: Value) -> "Frozen":
        """From a condition as arrays."""
        leaves, structure = jax.tree.flatten(value)
        arrays = [np.asarray(leaf) for leaf in leaves]
        return cls(structure, tuple((str(array.dtype), _tuples(array.tolist())) for array in arrays))

    @property
    def thawed(self) -> Value:
        """The condition as arrays."""
        return self.structure.unflatten([jnp.asarray(numbers, kind) for kind, numbers in self.leaves])


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def require_columns(env: Environment, worth: Worth, condition: Condition) -> None:
    """Raise RewardError where a function of one state has not the number of columns that a condition takes."""
    state = jax.eval_shape(lambda: initial_state(env))
    shape = jax.eval_shape(lambda state: jnp.asarray(worth(state)), state).shape
    columns = condition.columns
    if shape != (() if columns is None else (columns,)):
        expected = "one number, log R(x) in nats" if columns is None else f"a row of {columns} columns"
        raise RewardError(
            f"The condition {condition.name} takes {expected}; the reward returned shape {list(shape)} for one state."
        )
