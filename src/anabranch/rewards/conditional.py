"""A reward under conditions: the worth of an object, which costs an evaluation, and what a condition makes of it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.environment import Environment, State, initial_state
from anabranch.ground.arguments import require_function
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
        return RewardAt(self.worth, self.condition, frozen_condition(value))


def relative_to(condition: Condition, worth: Any, conditions: Value, *, level: float) -> Float[Array, " B"]:
    """log R(x | c) of a batch, less the level of each condition, in nats."""
    judge = jax.vmap(lambda one, value: condition.relative(one, value, level))
    return judge(jnp.asarray(worth, float), conditions).astype(float)


@dataclasses.dataclass(frozen=True)
class RewardAt:
    """log R(x | c) under one condition c, a JAX function of one state of the space."""

    worth: Worth
    condition: Condition
    value: Any
    """The condition, as nested tuples."""

    def __call__(self, state: State) -> Float[Array, ""]:
        """log R(x | c) in nats."""
        return self.condition.log_reward(self.worth(state), self.condition.settled(self.value))


def frozen_condition(value: Value) -> Any:
    """A condition that can be hashed."""
    return jax.tree.map(lambda leaf: _tuples(np.asarray(leaf).tolist()), value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def require_worth(env: Environment, worth: Any, condition: Condition) -> str | None:
    """Whether a function gives what a condition takes: None, or why JAX cannot trace it.

    Raises RewardError for what is no function, and for the wrong number of columns.
    """
    require_function(worth, argument="log_reward", expected="a JAX function of one state")
    state = jax.eval_shape(lambda: initial_state(env))
    try:
        shape = jax.eval_shape(lambda state: jnp.asarray(worth(state)), state).shape
    except (TypeError, jax.errors.JAXTypeError, jax.errors.JAXIndexError, AttributeError, KeyError) as error:
        return f"cannot be traced by JAX ({type(error).__name__})."
    columns = condition.columns
    if shape != (() if columns is None else (columns,)):
        expected = "one number, log R(x) in nats" if columns is None else f"a row of {columns} columns"
        raise RewardError(
            f"The condition {condition.name} takes {expected}; the reward returned shape {list(shape)} for one state."
        )
    return None
