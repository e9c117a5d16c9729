"""Log-rewards: what is allowed, relative to which level they are learned, what a zero becomes; and sentences.

p(x) is proportional to R(x), so a constant factor of R carries no information. Training therefore sees log R minus a
reference level, a number in float64 that is fixed before the first step. Float32 keeps seven digits: of a log R near
-10,000 it keeps thousandths of a nat. A reward that knows more, such as a table in float64, subtracts the level itself:
its method `minus(level)` gives the reward whose log R is less by `level`.
"""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, State, initial_state, require_environment
from anabranch.graph.enumeration import chunk_for, in_chunks
from anabranch.graph.state_graph import StateGraph, require_graph
from anabranch.ground.arguments import require_function
from anabranch.ground.errors import ConfigError, Error, RewardError
from anabranch.rewards.conditional import ConditionalReward
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.underflow import require_no_underflow

LogReward = Callable[[State], Float[Array, ""]]
"""A JAX function of one state: log R, with -inf for a reward of zero."""


def whole_level(log_reward: float) -> float:
    """A level of log R near the given one: in whole nats, and a number that float32 holds; 0 for one not finite.

    So a shift of log R by whole nats shifts the level by as much, and what training sees stays the same bit for bit.
    """
    return float(np.float32(np.round(log_reward))) if np.isfinite(log_reward) else 0.0


LARGEST_SINGLE_LEVEL = 256.0
"""Up to this log R, in nats, float32 keeps 1e-5 nats."""
LARGEST_RELATIVE = 1e18
"""Most nats between log R and its level: the squares of residuals must not overflow in float32."""


class Rewarded(eqx.Module):
    """The log-rewards of a batch of objects as a loss may use them."""

    log_reward: Float[Array, " B"]
    """Relative to the level; zeros at the floor."""
    floored: Bool[Array, " B"]
    bad: Bool[Array, " B"]
    """NaN, +inf, or too far from the level for float32."""
    worth: Float[Array, "B *columns"] | None = None
    """Under conditions what the reward function returned, from which another condition makes another reward."""

    @property
    def raw(self) -> Float[Array, " B"]:
        """Relative to the level, with -inf for a reward of zero: what another floor or exponent can be applied to."""
        return jnp.where(self.floored, -jnp.inf, self.log_reward)


def rewarded(log_reward: LogReward, objects: State, *, zero_floor: float, level: float = 0.0) -> Rewarded:
    """Evaluate a log-reward on a batch of objects, minus `level`; only -inf is replaced, by log(zero_floor)."""
    if isinstance(log_reward, ConditionalReward):
        worth = log_reward.worth_of(objects)
        return settled_rewards(log_reward.relative(worth, objects.condition, level=level), zero_floor, worth=worth)
    return settled_rewards(relative_log_rewards(log_reward, objects, level=level), zero_floor)


def settled_rewards(values: Float[Array, " B"], zero_floor: float, *, worth: Any = None) -> Rewarded:
    """Log-rewards relative to the level, with zeros at the floor, and those that are none marked."""
    floored = jnp.isneginf(values)
    bad = ~floored & ~(jnp.abs(values) <= LARGEST_RELATIVE)
    return Rewarded(jnp.where(floored, jnp.log(zero_floor), jnp.where(bad, 0.0, values)), floored, bad, worth)


def with_floor(raw: Float[Array, "*shape"], zero_floor: float) -> Float[Array, "*shape"]:
    """Raw log-rewards with zeros at their floor."""
    return jnp.where(jnp.isneginf(raw), jnp.log(zero_floor), raw)


def relative_log_rewards(log_reward: LogReward, objects: State, *, level: float) -> Float[Array, " B"]:
    """log R - level of a batch of objects; of a reward in JAX also inside of a program."""
    if isinstance(log_reward, PythonReward):
        values = log_reward.relative(log_reward.judged_states(objects), level=level)
        return jnp.asarray(np.where(np.isnan(values), -np.inf, values), float)
    if isinstance(log_reward, ConditionalReward):
        return log_reward.relative(log_reward.worth_of(objects), objects.condition, level=level)
    return jax.vmap(minus_level(log_reward, level))(objects).astype(float)


def minus_level(log_reward: LogReward, level: float) -> LogReward:
    """The reward with log R less by a level: by its own method `minus`, where it has one."""
    if level == 0.0:
        return log_reward
    own = _own_minus(log_reward)
    return (lambda state: log_reward(state) - level) if own is None else own(level)


def _own_minus(log_reward: LogReward) -> Any:
    own = getattr(log_reward, "minus", None)
    return own if callable(own) else None


def energies(
    env: Environment, log_reward: LogReward, states: State, *, zero_floor: float, level: float
) -> Float[Array, " n"]:
    """Energies of partial objects, E(x) = level - log R(x) at objects; infinite ones at the floor.

    They are those of the reward, where it has a method `energy`; a continuous space may say them of any reward.
    """
    if has_energies(env) and isinstance(env, ContinuousEnvironment):
        relative = minus_level(log_reward, level)
        return jax.vmap(lambda state: env.energy(state, relative))(states)
    reward: Any = log_reward
    own = None if level == 0.0 else _own_minus(log_reward)
    precise = None if own is None else getattr(own(level), "energy", None)
    values = jax.vmap(reward.energy)(states) + level if precise is None else jax.vmap(precise)(states)
    return jnp.where(jnp.isposinf(values), -jnp.log(zero_floor), values)


def has_energies(env: Environment) -> bool:
    """Whether a space says itself what energy a partial object has."""
    return isinstance(env, ContinuousEnvironment) and type(env).energy is not ContinuousEnvironment.energy


def log_reward_values(log_reward: LogReward, states: State, *, chunk: int | None = None) -> Float[np.ndarray, " n"]:
    """log R of states outside of any program, at most `chunk` at a time, with all the digits that the reward has."""
    if isinstance(log_reward, PythonReward):
        return log_reward.log_values(states)
    count = jax.tree.leaves(states)[0].shape[0]
    # Even pieces have hardly any padding, for which a reward would be called in vain.
    size = -(-count // -(-count // min(chunk or count, count)))
    values = np.asarray(in_chunks(_batched(log_reward), states, chunk=size), np.float64)
    own, finite = _own_minus(log_reward), values[np.isfinite(values)]
    level = whole_level(float(finite.max(initial=-np.inf)))
    if own is None or abs(level) <= LARGEST_SINGLE_LEVEL:
        return values
    return np.asarray(in_chunks(jax.jit(jax.vmap(own(level))), states, chunk=size), np.float64) + level


@functools.lru_cache(maxsize=64)
def _batched(log_reward: LogReward) -> Callable[[State], Float[Array, " n"]]:
    return jax.jit(jax.vmap(log_reward))


def usable_log_reward(env: Environment, log_reward: Any, *, columns: bool = False) -> LogReward:
    """The reward of a space as the library takes it: a function that JAX traces, or a `PythonReward` of this space.

    A plain function that JAX cannot trace is taken for one of a list of objects, and becomes a `PythonReward`. With
    `columns` it may return a row of numbers, for a condition to judge. Raises RewardError for what is no function.
    """
    require_environment(env)
    if isinstance(log_reward, PythonReward):
        return log_reward.on(env)
    require_function(log_reward, argument="log_reward", expected="a JAX function of one state, log R(x)")
    why = _untraceable(env, log_reward, columns=columns)
    if why is None:
        return log_reward
    return PythonReward(function=log_reward, untraceable=why).on(env)


def _untraceable(env: Environment, log_reward: LogReward, *, columns: bool) -> str | None:
    """Why a function is no log-reward in JAX, as the end of a sentence; None where it is one."""
    state = jax.eval_shape(lambda: initial_state(env))
    try:
        shape = jax.eval_shape(lambda state: jnp.asarray(log_reward(state)), state)
    except Error:  # of the library's own rewards: data that cannot be had, settings that do not fit
        raise
    except Exception as error:
        why = "" if isinstance(error, jax.errors.JAXTypeError | jax.errors.JAXIndexError) else f": {error}"
        return (
            f"cannot be traced by JAX ({type(error).__name__}{why}): with concrete values, as in a Python `if`, "
            "`float(...)` or NumPy call, it is none. Write it with jax.numpy and jnp.where."
        )
    sizes = ((), shape.shape[:1]) if columns else ((),)
    if shape.shape not in sizes or not (
        jnp.issubdtype(shape.dtype, jnp.floating) or jnp.issubdtype(shape.dtype, jnp.integer)
    ):
        return f"returned shape {shape.shape} of {shape.dtype} for one state: it must be one number, log R(x), in nats."
    return None


def require_level(level: float) -> float:
    """The level as a number that float32 holds. Raises ConfigError where it is not a finite number."""
    if isinstance(level, bool) or not isinstance(level, int | float) or not abs(level) <= LARGEST_RELATIVE:
        raise ConfigError(f"level is log R of a typical object, a finite number of nats; given {level!r}.")
    return float(np.float32(level))


def require_zero_floor(zero_floor: float) -> None:
    """Raise ConfigError where the floor of zero rewards is not a positive number."""
    if not 0.0 < zero_floor < float("inf"):
        raise ConfigError(f"zero_floor stands in for a reward of 0: positive and finite; given {zero_floor}.")


def floor_text(zero_floor: float, level: float) -> str:
    """What stands in for a reward of 0 in training, as a number where it is readable."""
    log_floor = float(np.log(zero_floor)) + level
    readable = abs(log_floor) < LARGEST_READABLE
    return f"{np.exp(log_floor):.3g}" if readable else f"exp({log_floor:.1f})"


LARGEST_READABLE = 30.0
"""Up to this logarithm a number is written out, beyond it as exp(...)."""


def require_nonnegative(**rewards: float) -> None:
    """Raise RewardError where a reward given as a setting is negative, infinite or NaN."""
    for name, value in rewards.items():
        if not 0.0 <= value < float("inf"):
            raise RewardError(f"The reward {name}={value} must be a finite number >= 0.")


def log_rewards(graph: StateGraph, log_reward: LogReward) -> Float[np.ndarray, " X"]:
    """log R of every finished object of a graph.

    Arguments:
        graph: all states, as `state_graph(env)` gives them.
        log_reward: log R(x) in nats, a JAX function of one state; -inf for a reward of 0. Or a `PythonReward`.

    Returns:
        Numbers [X] in float64, in the order of `graph.objects`.

    Raises:
        RewardError: names the object where a value is NaN or +inf; and where all rewards are zero.
    """
    require_graph(graph)
    log_reward = usable_log_reward(graph.env, log_reward)
    if graph.objects.size == 0:
        raise RewardError(f"{type(graph.env).__name__} has no finished object: can_stop is never true.")
    chunk = chunk_for(graph.env, graph.objects.size)
    values = log_reward_values(log_reward, graph.object_states, chunk=chunk)
    bad = np.nonzero(np.isnan(values) | np.isposinf(values))[0]
    if bad.size:
        raise bad_reward(graph.show(int(graph.objects[bad[0]])), float(values[bad[0]]))
    if np.isneginf(values).all():
        require_no_underflow(log_reward, graph.object_states)
        raise RewardError("Every object has a reward of 0: there is nothing to sample in proportion to.")
    return values


def bad_reward(shown: str, value: Any) -> RewardError:
    """The sentence about one bad log-reward."""
    return RewardError(
        f"log_reward is {value} for {shown}: a reward must be a finite number >= 0, so log R is finite or -inf, and "
        f"within {LARGEST_RELATIVE:g} nats. A NaN often is the logarithm of a negative number, +inf a division by zero."
    )
