"""A data set of finished objects as arrays, and the random order in which a training goes through it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt

from anabranch.environment import Environment, State, initial_state, same_state, step, undo
from anabranch.graph.longest import most_moves
from anabranch.ground.content import ByContent
from anabranch.ground.errors import ConfigError
from anabranch.rewards.log_reward import LogReward, bad_reward, rewarded
from anabranch.sampling.flags import chosen


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet(ByContent):
    """Finished objects and their log-rewards relative to a level; -inf where R = 0."""

    states: Any
    """Pytree of [n, ...] NumPy arrays."""
    log_reward: Float[np.ndarray, " n"]
    """log R less the level, in nats."""

    @property
    def size(self) -> int:
        """How many objects there are."""
        return self.log_reward.shape[0]

    @classmethod
    def of(
        cls, env: Environment, log_reward: LogReward, objects: Sequence[Any], *, zero_floor: float, level: float
    ) -> "DataSet":
        """Encode plain-Python objects. Raises ConfigError and RewardError that name the object."""
        if not env.overrides("encode"):
            raise ConfigError(f"{type(env).__name__} does not define encode(object), which a data set needs.")
        if not len(objects):
            raise ConfigError("The data set is empty: give at least one object.")
        states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[_encoded(env, item) for item in objects])
        finished = np.asarray(jax.jit(jax.vmap(lambda state: env.can_stop(state) & _reachable(env, state)))(states))
        if not finished.all():
            culprit = objects[int(np.argmin(finished))]
            raise ConfigError(
                f"The data set holds {culprit!r}, which is not a finished object of {type(env).__name__}."
            )
        found = rewarded(log_reward, states, zero_floor=zero_floor, level=level)
        if bool(found.bad.any()):
            culprit = objects[int(np.argmax(np.asarray(found.bad)))]
            raise bad_reward(repr(culprit), float("nan"))
        return cls(jax.tree.map(np.asarray, states), np.asarray(found.raw))


def epoch_places(key: Key[Array, ""], at_step: Int[Array, ""], number: int, size: int) -> Int[Array, " number"]:
    """Which of `size` objects a step learns from: each comes once in every epoch, and every epoch has its own order.

    The place of an object in the order of its epoch is computed, not stored: a permutation of `size` numbers would have
    to be carried through every step.
    """
    places = jnp.uint32(at_step) * np.uint32(number) + jnp.arange(number, dtype=jnp.uint32)
    # A batch may lie across the end of an epoch: each place takes the key of its own epoch.
    epochs = jax.vmap(lambda epoch: jax.random.fold_in(key, epoch))(places // size)
    return jax.vmap(lambda key, place: _shuffled(key, place, size))(epochs, places % size).astype(jnp.int32)


FEISTEL_ROUNDS = 6
"""Rounds of the cipher that shuffles an epoch."""


def _shuffled(key: Key[Array, ""], place: UInt[Array, ""], size: int) -> UInt[Array, ""]:
    """One entry of a random permutation of 0 .. size - 1: a small cipher, repeated until it stays within the range."""
    # Two halves of equally many bits. They hold at most four times `size` values, so that the loop below is short.
    half = np.uint32(max(1, ((size - 1).bit_length() + 1) // 2))
    mask = np.uint32((1 << int(half)) - 1)
    rounds = jax.random.bits(key, (FEISTEL_ROUNDS,))

    def enciphered(value: UInt[Array, ""]) -> UInt[Array, ""]:
        left, right = value >> half, value & mask
        for number in range(FEISTEL_ROUNDS):
            mixed = (right + rounds[number]) * np.uint32(2654435761)
            mixed = (mixed ^ (mixed >> 15)) * np.uint32(2246822519)
            # A Feistel round: it can be undone whatever `mixed` is, which makes the cipher a permutation. The high
            # bits of a product are the mixed ones.
            left, right = right, left ^ ((mixed >> 16) & mask)
        return (left << half) | right

    # Cycle walking: a value outside of the range is enciphered again. Each value has one predecessor in the
    # permutation, so that two places never end at the same value.
    return jax.lax.while_loop(lambda value: value >= size, enciphered, enciphered(place))


def _encoded(env: Environment, item: Any) -> State:
    """The state of one object, in the types of the space."""
    initial, kind = initial_state(env), type(env).__name__
    try:
        state = jax.tree.map(lambda leaf, like: jnp.asarray(leaf, like.dtype), env.encode(item), initial)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError) as error:
        words = " ".join(str(error).split())
        raise ConfigError(f"The data set holds {item!r}, which {kind} cannot encode: {words}.") from error
    if any(a.shape != b.shape for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(initial), strict=True)):
        raise ConfigError(f"The data set holds {item!r}, which has another size than the objects of {kind}.")
    return state


def _reachable(env: Environment, state: State) -> Bool[Array, ""]:
    """Whether some way back, the first at each state, leads over edges of the space to the initial state."""

    def back(state: State, _: None) -> tuple[State, Array]:
        undoable = env.undoable(state)
        label = jnp.argmax(undoable)
        parent = undo(env, state, label)
        sound = env.legal(parent)[label] & same_state(step(env, parent, label), state)
        moving = undoable.any()
        return chosen(moving, parent, state), sound | ~moving

    first, sound = jax.lax.scan(back, state, length=most_moves(env))
    return sound.all() & same_state(first, initial_state(env))
