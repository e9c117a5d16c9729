"""Replay: objects and their log-rewards in a ring; their trajectories are regrown by P_B, or kept as labels."""

import dataclasses
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt

from anabranch.environment import Environment, State, initial_state, take
from anabranch.graph.longest import rows_of
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.policies.conditioned import Given
from anabranch.trajectories import Trajectories


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replay:
    """Replay: a share of each batch comes from objects seen before; the rest is drawn anew.

    The buffer keeps objects and their rewards; the present P_B draws a new trajectory to each replayed object, which is
    scored under the present policy. `priority="reward"` takes every other replayed object from the best `top` share of
    the buffer. A data set, where one is given, stays in the buffer for good.

    Paper: Shen et al. 2023, arXiv:2305.07170 (prioritised replay).

    Raises:
        ConfigError: for a setting out of range.

    Example:
        run = anabranch.train("faces", objective="tb", replay=anabranch.Replay(share=0.5, priority="reward"))
    """

    share: float = 0.5
    """Of each batch that comes from the buffer."""
    capacity: int = 10_000
    """Objects that the buffer holds."""
    priority: Literal["uniform", "reward"] = "uniform"
    """Which objects are replayed."""
    top: float = 0.1
    """Share of the buffer that counts as best, for priority=reward."""
    deduplicate: bool = True
    """Keep each object once."""

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 <= self.share <= 1.0:
            raise ConfigError(f"The replayed share of a batch lies between 0 and 1; given {self.share}.")
        if self.capacity < 1:
            raise ConfigError(f"The capacity of the replay buffer must be positive; given {self.capacity}.")
        if not 0.0 < self.top <= 1.0:
            raise ConfigError(f"top is a share of the buffer above 0, at most 1; given {self.top}.")


class Buffer(eqx.Module):
    """The ring: `count` entries are filled, of which the first `kept` are never overwritten."""

    states: State
    """[capacity, ...]: finished objects."""
    log_reward: Float[Array, " C"]
    """log R less the level, in nats; -inf where R = 0."""
    fingerprint: UInt[Array, "C 2"]
    """Two hashes of each object, by which one that is there already is recognised."""
    actions: Int[Array, "C rows"] | None
    """The labels of the trajectory that led to each object, where a backward policy learns from them."""
    length: Int[Array, " C"]
    """Real rows of that trajectory."""
    count: Int[Array, ""]
    """Entries that are filled."""
    place: Int[Array, ""]
    """How many objects were ever pushed."""
    kept: int = eqx.field(static=True)
    worth: Float[Array, "C *columns"] | None = None
    """Under conditions what the reward function returned for each object."""

    @classmethod
    def empty(
        cls, env: Environment, replay: Replay, *, with_actions: bool, worth: tuple[int | None, ...] = ()
    ) -> "Buffer":
        """A buffer without entries; `worth`: how many columns a reward under conditions has, None for a number."""
        size = replay.capacity
        shape = jax.eval_shape(lambda: initial_state(env))
        return cls(
            states=jax.tree.map(lambda leaf: jnp.zeros((size, *leaf.shape), leaf.dtype), shape),
            log_reward=jnp.zeros(size),
            fingerprint=jnp.zeros((size, 2), jnp.uint32),
            actions=jnp.zeros((size, rows_of(env)), jnp.int32) if with_actions else None,
            length=jnp.zeros(size, jnp.int32),
            count=jnp.zeros((), jnp.int32),
            place=jnp.zeros((), jnp.int32),
            kept=0,
            worth=jnp.zeros((size, *[count for count in worth if count is not None])) if worth else None,
        )

    def with_data(self, states: State, log_reward: Float[Array, " n"]) -> "Buffer":
        """An empty buffer that holds a data set for good."""
        number = log_reward.shape[0]
        return Buffer(
            states=jax.tree.map(lambda ring, leaf: ring.at[:number].set(leaf), self.states, states),
            log_reward=self.log_reward.at[:number].set(log_reward),
            fingerprint=self.fingerprint.at[:number].set(fingerprints(states)),
            actions=self.actions,
            length=self.length,
            count=jnp.full((), number, jnp.int32),
            place=self.place,
            kept=number,
        )

    def pushed(
        self, trajectories: Trajectories, log_reward: Float[Array, " B"], worth: Any = None, *, deduplicate: bool
    ) -> "Buffer":
        """The buffer with the objects of a batch, the oldest overwritten where it is full."""
        size = self.log_reward.shape[0]
        if self.kept == size:
            return self
        objects = trajectories.objects
        marks = fingerprints(objects)
        fresh = jnp.ones(marks.shape[0], bool)
        if deduplicate:
            filled = jnp.arange(size) < self.count
            known = (_same(marks, self.fingerprint) & filled).any(1)
            # Of equal objects within one batch the first is new, the others are not.
            earlier = jnp.tril(_same(marks, marks), -1).any(1)
            fresh = ~known & ~earlier
        number, room = jnp.cumsum(fresh), size - self.kept
        # Of more new objects than there is room for the last ones stay, as if they came one by one.
        at = jnp.where(fresh & (number > number[-1] - room), self.kept + (self.place + number - 1) % room, size)

        def put(ring: Array, leaf: Array) -> Array:
            # An object that is not new has the place `size`, beyond the ring, where mode="drop" ignores it.
            return ring.at[at].set(leaf.astype(ring.dtype), mode="drop")

        return Buffer(
            states=jax.tree.map(put, self.states, objects),
            log_reward=put(self.log_reward, log_reward),
            fingerprint=put(self.fingerprint, marks),
            actions=None if self.actions is None else put(self.actions, trajectories.actions.T),
            length=put(self.length, trajectories.length),
            count=jnp.minimum(self.count + fresh.sum(dtype=jnp.int32), size),
            place=self.place + fresh.sum(dtype=jnp.int32),
            kept=self.kept,
            worth=None if self.worth is None else put(self.worth, worth),
        )

    def draw(self, key: Key[Array, ""], number: int, replay: Replay) -> Int[Array, " n"]:
        """The places of `number` entries, with replacement."""
        uniforms = jax.random.uniform(key, (number,))
        anywhere = _scaled(uniforms, self.count)
        if replay.priority == "uniform":
            return anywhere
        value = jnp.where(jnp.arange(self.log_reward.shape[0]) < self.count, self.log_reward, -jnp.inf)
        best_first = jnp.argsort(-value)
        best = best_first[_scaled(uniforms, jnp.ceil(replay.top * self.count).astype(int))]
        return jnp.where(jnp.arange(number) % 2 == 0, best, anywhere)

    def objects(self, places: Int[Array, " n"]) -> tuple[State, Float[Array, " n"]]:
        """The entries at these places."""
        return take(self.states, places), self.log_reward[places]


def _scaled(uniforms: Float[Array, " n"], count: Int[Array, ""]) -> Int[Array, " n"]:
    return jnp.minimum((uniforms * count).astype(jnp.int32), jnp.maximum(count - 1, 0))


def _same(some: UInt[Array, "n 2"], others: UInt[Array, "m 2"]) -> Bool[Array, "n m"]:
    return (some[:, None, :] == others[None, :, :]).all(-1)


def fingerprints(states: State) -> UInt[Array, "n 2"]:
    """Two independent 32-bit hashes of each state: two of n states share both with a chance near n^2 / 2^65."""
    # An object is the same under every condition.
    leaves = jax.tree.leaves(states.state if isinstance(states, Given) else states)
    words = jnp.concatenate([leaf.reshape(leaf.shape[0], -1).astype(jnp.uint32) for leaf in leaves], 1)
    # Fixed numbers: the hash of an object must not depend on the run. Odd factors have an inverse modulo 2^32.
    drawn: Any = np.random.default_rng(0).integers(0, 2**31, (words.shape[1], 2), dtype=np.uint32)
    mixed = (words[:, :, None] + jnp.asarray(drawn)) * jnp.asarray(drawn * np.uint32(2) + np.uint32(1))
    mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(2246822519)
    return jnp.sum(mixed ^ (mixed >> 13), axis=1, dtype=jnp.uint32)
