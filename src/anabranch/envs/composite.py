"""What environments made of other environments share: how labels, observations and texts of the parts are joined."""

import abc
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State, initial_state
from anabranch.ground.arguments import require_instance
from anabranch.ground.errors import ConfigError, described
from anabranch.policies.observation import Observer, observer

FROM_PARTS = ("encode", "log_path_count")
"""Hooks that a composite has where all of its parts have them."""


class Composite(Environment):
    """An environment whose objects consist of objects of other environments.

    A network sees what it would see of each part, side by side, and how far the building is. Where all parts are seen
    as tokens, so is the whole, with a range of tokens for each part; else tokens become zeros and ones.
    """

    @property
    @abc.abstractmethod
    def parts(self) -> tuple[Environment, ...]:
        """The inner environments, each once."""

    @abc.abstractmethod
    def copies(self, state: State) -> tuple[State, ...]:
        """For each of `parts` a batch of its states within `state`."""

    @abc.abstractmethod
    def total(self, state: State, functions: Sequence[Callable[[State], Any]]) -> Float[Array, ""]:
        """The sum of a function of each part (one for each of `parts`) over the parts that `state` has."""

    @abc.abstractmethod
    def total_log_z(self, log_z: Sequence[float]) -> float:
        """log Z of a reward that is the product of the parts' rewards, from the log Z of each of `parts`."""

    @property
    def stages(self) -> int:
        """How many values `stage` has."""
        return 0

    def stage(self, state: State) -> Int[Array, ""]:
        """How far the building is, counted from 0."""
        del state
        return jnp.array(0)

    @property
    def _observers(self) -> list[tuple[int, int, Observer]]:
        """The place of each part that can be seen, how often it occurs, and its observer."""
        shapes = jax.eval_shape(lambda: self.copies(self.initial()))
        counts = [jax.tree.leaves(batch)[0].shape[0] for batch in shapes]
        seen = [(place, part) for place, part in enumerate(self.parts) if part.num_actions]
        return [(place, counts[place], observer(part)) for place, part in seen]

    @property
    def vocabulary(self) -> int | None:
        """How many tokens there are; None where a part is seen as floats."""
        sizes = [(count, watch.vocabulary) for _, count, watch in self._observers]
        if any(size is None for _, size in sizes):
            return None
        return sum(count * (size or 0) for count, size in sizes) + self.stages or None

    def observe(self, state: State) -> Array:
        """The observations of all parts side by side, and the stage."""
        batches, pieces, offset = self.copies(state), [], 0
        as_tokens = self.vocabulary is not None
        for place, count, watch in self._observers:
            seen: Any = jax.vmap(watch)(batches[place])
            if as_tokens:
                size = watch.vocabulary or 0
                pieces.append((seen + offset + size * jnp.arange(count)[:, None]).ravel())
                offset += count * size
            else:
                pieces.append(jax.vmap(lambda row, watch=watch: _as_floats(watch, row))(seen).ravel())
        if self.stages:
            here = self.stage(state)
            pieces.append(here[None] + offset if as_tokens else (here == jnp.arange(self.stages)).astype(float))
        return jnp.concatenate(pieces) if pieces else jnp.zeros(0)

    def overrides(self, hook: str) -> bool:
        """Whether it has this optional hook: some it has only where all parts do, or where there are labels."""
        here = hook != "observe" or self.num_actions > 0
        return (
            super().overrides(hook) and here and (hook not in FROM_PARTS or all(p.overrides(hook) for p in self.parts))
        )


def _as_floats(watch: Observer, seen: Array) -> Array:
    """An observation as floats: a derived token has a place of its own, an author's may recur and needs its row."""
    if watch.vocabulary is None:
        return seen.astype(float)
    one_hot = (seen[:, None] == jnp.arange(watch.vocabulary)).astype(float)
    return one_hot.ravel() if watch.ranges is None else one_hot.sum(0)


class Several(Composite):
    """A composite of a list of environments."""

    spaces: Sequence[Environment]
    """The environments, in order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "spaces", required_spaces(type(self).__name__, self.spaces))
        adopt_merging(self)

    @property
    def parts(self) -> tuple[Environment, ...]:
        return tuple(self.spaces)

    @abc.abstractmethod
    def states(self, state: State) -> tuple[State, ...]:
        """The state of each part."""

    def copies(self, state: State) -> tuple[State, ...]:
        return jax.tree.map(lambda leaf: leaf[None], self.states(state))

    def initial_states(self) -> tuple[State, ...]:
        """The initial state of each part."""
        return tuple(initial_state(part) for part in self.spaces)

    def part_texts(self, state: State) -> list[str]:
        """The text of each part."""
        return [part.show(inner) for part, inner in zip(self.spaces, self.states(state), strict=True)]

    def part_slots(self) -> list[np.ndarray]:
        """The backward slots of each part, each counted from 0."""
        return [part.backward_slot.astype(int) for part in self.spaces]

    def total(self, state: State, functions: Sequence[Callable[[State], Any]]) -> Float[Array, ""]:
        values = [function(inner) for function, inner in zip(functions, self.states(state), strict=True)]
        return jnp.sum(jnp.stack([jnp.asarray(value, float) for value in values]))

    def total_log_z(self, log_z: Sequence[float]) -> float:
        return float(sum(log_z))

    def encoded_parts(self, item: Any) -> tuple[State, ...]:
        """The state of each part of a tuple of objects. Raises ConfigError where it has another length."""
        if not isinstance(item, tuple | list) or len(item) != len(self.spaces):
            raise ConfigError(
                f"An object of {type(self).__name__} is a tuple of {len(self.spaces)} parts; given {item!r}."
            )
        return tuple(on_device(encoded(part, inner)) for part, inner in zip(self.spaces, item, strict=True))


def required_spaces(name: str, spaces: Any) -> tuple[Environment, ...]:
    """A list of environments as a tuple. Raises ConfigError where it is none, or empty."""
    if not isinstance(spaces, list | tuple):
        raise ConfigError(f"{name} takes a list of environments, such as [space, other]; given {described(spaces)}.")
    if not spaces:
        raise ConfigError(f"{name} needs at least one environment; given an empty list.")
    for number, part in enumerate(spaces):
        require_part(f"spaces[{number}] of {name}", part)
    return tuple(spaces)


def require_part(where: str, part: Any) -> None:
    """Raise ConfigError where a part is no environment."""
    require_instance(part, Environment, argument=where, expected="an environment, such as Subsets(items=3)")


def adopt_merging(composite: Composite) -> None:
    """Several states of a composite are one object where this holds of a part."""
    merges = any(part.merges_objects for part in composite.parts)
    object.__setattr__(composite, "merges_objects", merges)


def encoded(part: Environment, item: Any) -> State:
    """The state of an object of a part in NumPy, with the types of its initial state."""
    return jax.tree.map(lambda leaf, first: np.asarray(leaf, first.dtype), part.encode(item), beginning(part))


def beginning(part: Environment) -> State:
    """The initial state of a part in NumPy."""
    return _beginning(part, bool(jax.config.jax_enable_x64))  # pyright: ignore[reportAttributeAccessIssue]


@lru_cache(maxsize=64)
def _beginning(part: Environment, x64: bool) -> State:
    del x64
    with jax.ensure_compile_time_eval():
        return jax.tree.map(np.asarray, initial_state(part))


def on_device(state: State) -> State:
    """A state in NumPy as arrays of JAX."""
    return jax.tree.map(jnp.asarray, state)


def moved(
    move: Callable[[Environment, State, Int[Array, ""]], State],
    spaces: Sequence[Environment],
    states: Sequence[State],
    label: Int[Array, ""],
) -> tuple[State, ...]:
    """`step` or `undo` of the one part to which a label belongs, where the labels of the parts follow on each other."""
    result, start = [], 0
    for part, state in zip(spaces, states, strict=True):
        if part.num_actions:
            own = label - start
            inside = (own >= 0) & (own < part.num_actions)
            result.append(chosen(inside, move(part, state, jnp.clip(own, 0, part.num_actions - 1)), state))
        else:
            result.append(state)
        start += part.num_actions
    return tuple(result)


def chosen(condition: Bool[Array, ""], one: State, other: State) -> State:
    """One state or the other."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)


def bounds_of(part: Environment) -> Any:
    """The bounds that a part declares, those of booleans, or None."""
    declared, shapes = part.bounds(), jax.eval_shape(lambda: initial_state(part))
    if declared is None and all(leaf.dtype == bool for leaf in jax.tree.leaves(shapes)):
        return jax.tree.map(lambda leaf: (0, 1), shapes)
    return declared


def bounds_of_all(spaces: Sequence[Environment]) -> tuple[Any, ...] | None:
    """The bounds of all parts, or None where those of one are not known."""
    found = tuple(bounds_of(part) for part in spaces)
    return None if any(one is None for one in found) else found
