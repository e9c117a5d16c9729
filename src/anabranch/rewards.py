"""Log-rewards: what is allowed, what a zero becomes, and sentences for the rest."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from anabranch.environment import Environment, State, initial_state
from anabranch.errors import ConfigError, RewardError
from anabranch.exact.graph import StateGraph

LogReward = Callable[[State], Float[Array, ""]]
"""A JAX function of one state: log R, with -inf for a reward of zero."""

DEFAULT_ZERO_FLOOR = 1e-4


class Rewarded(eqx.Module):
    """The log-rewards of a batch of objects as a loss may use them."""

    log_reward: Float[Array, " B"]
    """Zeros at the floor, everything else as it was."""
    floored: Bool[Array, " B"]
    bad: Bool[Array, " B"]
    """NaN or +inf."""


def rewarded(log_reward: LogReward, objects: State, *, zero_floor: float) -> Rewarded:
    """Evaluate a log-reward on a batch of objects; only -inf is replaced, by log(zero_floor)."""
    values = jax.vmap(log_reward)(objects)
    floored = jnp.isneginf(values)
    bad = jnp.isnan(values) | jnp.isposinf(values)
    return Rewarded(jnp.where(floored, jnp.log(zero_floor), jnp.where(bad, 0.0, values)), floored, bad)


def require_log_reward(env: Environment, log_reward: LogReward) -> None:
    """Trace a log-reward once and raise RewardError, in a sentence, where it is not a JAX function of one state."""
    name = getattr(log_reward, "__name__", type(log_reward).__name__)
    state = jax.eval_shape(lambda: initial_state(env))
    try:
        shape = jax.eval_shape(lambda state: jnp.asarray(log_reward(state)), state)
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        raise RewardError(
            f"The log-reward {name} cannot be traced by JAX ({type(error).__name__}): it needs concrete values, "
            "as in a Python `if`, `float(...)` or NumPy call. Write it with jax.numpy and jnp.where."
        ) from error
    except (TypeError, ValueError) as error:
        raise RewardError(f"The log-reward {name} returned no number: {error}") from error
    if shape.shape != () or not jnp.issubdtype(shape.dtype, jnp.floating):
        raise RewardError(
            f"The log-reward {name} returned shape {shape.shape} of {shape.dtype} for one state: "
            "it must be one floating-point number, log R(x)."
        )


def require_zero_floor(zero_floor: float) -> None:
    """Raise ConfigError where the floor of zero rewards is not a positive number."""
    if not 0.0 < zero_floor < float("inf"):
        raise ConfigError(f"zero_floor stands in for a reward of 0: positive and finite; given {zero_floor}.")


def require_nonnegative(**rewards: float) -> None:
    """Raise RewardError where a reward given as a setting is negative, infinite or NaN."""
    for name, value in rewards.items():
        if not 0.0 <= value < float("inf"):
            raise RewardError(f"The reward {name}={value} must be a finite number >= 0.")


def log_rewards(graph: StateGraph, log_reward: LogReward) -> Float[np.ndarray, " X"]:
    """log R of every finished object of a graph, in the order of `graph.objects`; -inf where R = 0.

    Raises RewardError that names the object where a value is NaN or +inf, or all rewards are zero.
    """
    require_log_reward(graph.env, log_reward)
    if graph.objects.size == 0:
        raise RewardError(f"{type(graph.env).__name__} has no finished object: can_stop is never true.")
    values = np.asarray(graph.map_objects(log_reward), np.float64)
    bad = np.nonzero(np.isnan(values) | np.isposinf(values))[0]
    if bad.size:
        raise bad_reward(graph.show(int(graph.objects[bad[0]])), float(values[bad[0]]))
    if np.isneginf(values).all():
        raise RewardError("Every object has a reward of 0: there is nothing to sample in proportion to.")
    return values


def bad_reward(shown: str, value: Any) -> RewardError:
    """The sentence about one bad log-reward."""
    return RewardError(
        f"log_reward is {value} for {shown}: a reward must be a finite number >= 0, so log R is finite or -inf. "
        "A NaN often is the logarithm of a negative number, +inf a division by zero."
    )
