"""What a network sees of a state: the author's `observe`, or one derived from the state itself."""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, State, initial_state
from anabranch.graph.state_graph import small_state_graph
from anabranch.ground.errors import ConfigError
from anabranch.policies.conditioned import Conditioned, Given, Observation, Seen
from anabranch.policies.layers import sum_of_rows


@dataclasses.dataclass(frozen=True)
class Observer:
    """A function from one state to one observation: a vector of floats, or of tokens below `vocabulary`.

    Of a state under a condition it is a `Seen`, the two of them.
    """

    env: Environment
    vocabulary: int | None
    ranges: tuple[tuple[int, int], ...] | None = None
    """Lowest and highest value of each leaf of the state, where the observation is derived."""
    target: Callable[[State], Float[Array, ""]] | None = None
    """The reward whose gradient is shown behind the observation, in units of the space; None: it is not."""

    def __call__(self, state: State) -> Observation:
        if isinstance(self.env, Conditioned):
            if not isinstance(state, Given):
                raise ConfigError(
                    "The policy was trained under a condition: give condition=, or take run.at(condition)."
                )
            inner = dataclasses.replace(self, env=self.env.env)
            seen = inner(state.state)
            assert not isinstance(seen, Seen)
            return Seen(seen, self.env.condition.features(state.condition))
        if self.ranges is None:
            seen = jnp.asarray(self.env.observe(state))
            return seen if self.target is None else jnp.concatenate([seen, self._gradient(state, self.target)])
        leaves = jax.tree.leaves(state)
        if self.vocabulary is None:
            pieces = [_one_hot(leaf, low, high) for leaf, (low, high) in zip(leaves, self.ranges, strict=True)]
            return jnp.concatenate(pieces)
        tokens, offset = [], 0
        for leaf, (low, high) in zip(leaves, self.ranges, strict=True):
            size = high - low + 1
            value = jnp.clip(jnp.ravel(leaf) - low, 0, size - 1)
            tokens.append(value + offset + size * jnp.arange(leaf.size))
            offset += size * leaf.size
        return jnp.concatenate(tokens)

    def _gradient(self, state: State, target: Callable[[State], Float[Array, ""]]) -> Float[Array, " d"]:
        """The gradient of log R in the real coordinates, in units of the space, cut off."""
        assert isinstance(self.env, ContinuousEnvironment)
        slope = eqx.filter_grad(lambda state: target(state))(state)
        flat = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(slope)]) * self.env.unit(state)
        length = jnp.sqrt(jnp.sum(flat**2) + 1e-12)
        return jax.lax.stop_gradient(jnp.nan_to_num(flat * jnp.minimum(1.0, LONGEST_GRADIENT / length)))

    @property
    def shapes(self) -> Any:
        """One observation, as shapes."""
        return jax.eval_shape(lambda: self(initial_state(self.env)))

    @property
    def size(self) -> int:
        """The length of one observation of a state."""
        seen = self.shapes
        return (seen.observation if isinstance(seen, Seen) else seen).shape[0]

    @property
    def inputs(self) -> int:
        """The numbers that a linear map takes: a row for each token, or for each float, and for each of a condition."""
        return (self.size if self.vocabulary is None else self.vocabulary) + self.features

    @property
    def features(self) -> int:
        """The numbers that a condition is told by; 0 without conditions."""
        seen = self.shapes
        return seen.features.shape[0] if isinstance(seen, Seen) else 0


LONGEST_GRADIENT = 10.0
"""In units of the space: far from the target a gradient says little."""


def linear(observation: Observation, weight: Float[Array, "inputs m"]) -> Float[Array, " m"]:
    """The product of a vector of floats and a matrix, or the sum of the rows that integer tokens name.

    The features of a condition take the last rows of the matrix.
    """
    if isinstance(observation, Seen):
        # Tokens count from the front, so that the rows of the features are none of theirs.
        count = observation.features.shape[0]
        states = weight if jnp.issubdtype(observation.observation.dtype, jnp.integer) else weight[:-count]
        return linear(observation.observation, states) + observation.features @ weight[-count:]
    tokens = jnp.issubdtype(observation.dtype, jnp.integer)
    return sum_of_rows(weight, observation) if tokens else observation @ weight


def dense(observation: Observation, vocabulary: int | None) -> Float[Array, " inputs"]:
    """An observation as one vector of floats: tokens as the sum of their one-hot vectors, then the condition."""
    if isinstance(observation, Seen):
        return jnp.concatenate([dense(observation.observation, vocabulary), observation.features])
    return observation if vocabulary is None else jax.nn.one_hot(observation, vocabulary).sum(0)


def _one_hot(leaf: Array, low: int, high: int) -> Array:
    if leaf.dtype == bool:
        return jnp.ravel(leaf).astype(float)
    return (jnp.ravel(leaf)[:, None] - low == jnp.arange(high - low + 1)).astype(float).ravel()


def observer(env: Environment) -> Observer:
    """What a network sees of a state: the environment's own `observe`, or booleans as floats and integers one-hot.

    Integers alone become tokens, whose embedding sum is the same linear map as a one-hot vector's. The
    range of an integer leaf is declared by `bounds`, or found by enumeration.

    Arguments:
        env: an instance of an Environment.

    Returns:
        An `Observer`: a hashable function from a state to a vector of floats or of integer tokens.

    Raises:
        ConfigError: where no range can be found, and for a space without labels, where there is nothing to learn.
    """
    if env.num_actions == 0:
        raise ConfigError(f"{type(env).__name__} has no labels (legal is bool[0]): give it at least one step to take.")
    return _remembered_observer(env, bool(jax.config.jax_enable_x64))  # pyright: ignore[reportAttributeAccessIssue]


@lru_cache(maxsize=64)
def _remembered_observer(env: Environment, x64: bool) -> Observer:
    del x64
    if isinstance(env, Conditioned):
        return dataclasses.replace(observer(env.env), env=env)
    if env.overrides("observe"):
        return Observer(env, env.vocabulary)
    leaves = jax.tree.leaves(jax.eval_shape(lambda: initial_state(env)))
    if all(leaf.dtype == bool for leaf in leaves):
        return Observer(env, None, tuple((0, 1) for _ in leaves))
    ranges = _declared_ranges(env, len(leaves)) or _enumerated_ranges(env)
    if any(leaf.dtype == bool for leaf in leaves):
        return Observer(env, None, ranges)
    sizes = [leaf.size * (high - low + 1) for leaf, (low, high) in zip(leaves, ranges, strict=True)]
    return Observer(env, sum(sizes), ranges)


def _declared_ranges(env: Environment, count: int) -> tuple[tuple[int, int], ...] | None:
    declared = env.bounds()
    if declared is None:
        return None
    pairs = jax.tree.leaves(declared, is_leaf=lambda node: isinstance(node, tuple) and isinstance(node[0], int))
    if len(pairs) != count:
        raise ConfigError(
            f"{type(env).__name__}.bounds() gives {len(pairs)} ranges for a state of {count} leaves: "
            "return a pytree like the state with (lowest, highest) for each leaf."
        )
    return tuple((int(low), int(high)) for low, high in pairs)


def _enumerated_ranges(env: Environment) -> tuple[tuple[int, int], ...]:
    graph = small_state_graph(env)
    if graph is None:
        raise ConfigError(
            f"{type(env).__name__} has integer states of unknown range and is too large to enumerate: "
            "define bounds() (the lowest and highest value of each leaf) or observe()."
        )
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(graph.states)]
    return tuple((int(leaf.min()), int(leaf.max())) for leaf in leaves)
