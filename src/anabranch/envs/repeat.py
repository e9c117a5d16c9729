"""Several objects of one space, one after the other."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State, initial_state, step, take, undo
from anabranch.envs.composite import (
    Composite,
    adopt_merging,
    beginning,
    bounds_of,
    chosen,
    encoded,
    on_device,
    require_part,
)
from anabranch.ground.arguments import is_whole, require_whole
from anabranch.ground.errors import ConfigError


class Repeat(Composite):
    """A tuple of `least` to `times` objects of one space, built one after the other.

    Label 0 begins the next object, once the last one may stop; the labels of the space follow, and mean the object that
    is being built. The state is the number of objects begun and the state of each, those not begun at their initial
    state. Where `least` is not 0, the first object is begun from the start.

    Arguments:
        space: an environment.
        times: the most objects.
        least: the fewest objects; 0 allows the empty tuple.

    Raises:
        ConfigError: for what is no environment, and for numbers that do not fit.

    Example:
        env = anabranch.Repeat(Subset(n=3, k=2), 4)
    """

    space: Environment
    """The environment."""
    times: int
    """The most objects."""
    least: int = 1
    """The fewest objects."""

    def __post_init__(self) -> None:
        require_part("space of Repeat", self.space)
        require_whole(times=self.times)
        if not is_whole(self.least) or not 0 <= self.least <= self.times:
            raise ConfigError(f"least is a whole number from 0 to times={self.times}; given {self.least!r}.")
        adopt_merging(self)

    @property
    def parts(self) -> tuple[Environment, ...]:
        return (self.space,)

    @property
    def begun_at_first(self) -> int:
        """How many objects the initial state has begun."""
        return min(self.least, 1)

    @property
    def max_steps(self) -> int:
        return self.times * (self.space.max_steps + 1) - self.begun_at_first

    @property
    def backward_slot(self) -> np.ndarray:
        return np.concatenate([np.zeros(1, int), self.space.backward_slot.astype(int)])

    @property
    def stages(self) -> int:
        return self.times + 1 - self.begun_at_first

    def stage(self, state: State) -> Int[Array, ""]:
        return state[0] - self.begun_at_first

    def copies(self, state: State) -> tuple[State, ...]:
        return (state[1],)

    def initial(self) -> State:
        first = initial_state(self.space)
        rows = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (self.times, *leaf.shape)), first)
        return jnp.array(self.begun_at_first, jnp.int32), rows

    def step(self, state: State, action: Int[Array, ""]) -> State:
        begun = jnp.minimum(state[0] + (action == 0), self.times)
        return begun.astype(jnp.int32), self._moved(step, state, action)

    def undo(self, state: State, action: Int[Array, ""]) -> State:
        begun = jnp.maximum(state[0] - (action == 0), self.begun_at_first)
        return begun.astype(jnp.int32), self._moved(undo, state, action)

    def legal(self, state: State) -> Bool[Array, " A"]:
        begun, inner = state[0], self._current(state)
        following = (begun < self.times) & (jnp.asarray(self.space.can_stop(inner)) | (begun == 0))
        return jnp.concatenate([following[None], self.space.legal(inner) & (begun > 0)])

    def undoable(self, state: State) -> Bool[Array, " A"]:
        inner = self.space.undoable(self._current(state)) & (state[0] > 0)
        return jnp.concatenate([((state[0] > self.begun_at_first) & ~inner.any())[None], inner])

    def can_stop(self, state: State) -> Bool[Array, ""]:
        finished = jnp.asarray(self.space.can_stop(self._current(state))) | (state[0] == 0)
        return finished & (state[0] >= self.least)

    def bounds(self) -> Any:
        inner = bounds_of(self.space)
        return None if inner is None else ((self.begun_at_first, self.times), inner)

    def log_path_count(self, state: State) -> Float[Array, ""]:
        """The sum over the objects, because each is built by itself."""
        return self.total(state, [self.space.log_path_count])

    def total(self, state: State, functions: Sequence[Callable[[State], Any]]) -> Float[Array, ""]:
        values = jnp.asarray(jax.vmap(functions[0])(state[1]), float)
        return jnp.sum(jnp.where(jnp.arange(self.times) < state[0], values, 0.0))

    def total_log_z(self, log_z: Sequence[float]) -> float:
        return float(np.logaddexp.reduce(log_z[0] * np.arange(self.least, self.times + 1)))

    def decode(self, state: State) -> tuple[Any, ...]:
        """The objects that were begun."""
        return tuple(self.space.decode(take(state[1], at)) for at in range(int(state[0])))

    def encode(self, item: tuple[Any, ...]) -> State:
        """The state of a tuple of objects. Raises ConfigError where they are too many or too few."""
        if not isinstance(item, tuple | list) or not self.least <= len(item) <= self.times:
            raise ConfigError(
                f"An object of Repeat is a tuple of {self.least} to {self.times} objects; given {item!r}."
            )
        rows = [encoded(self.space, one) for one in item]
        rows += [beginning(self.space)] * (self.times - len(item))
        return jnp.array(len(item), jnp.int32), on_device(jax.tree.map(lambda *leaves: np.stack(leaves), *rows))

    def show(self, state: State) -> str:
        """The objects that were begun, with > between them."""
        texts = [self.space.show(take(state[1], at)) for at in range(int(state[0]))]
        return f"({' > '.join(texts)})" if texts else "(nothing begun)"

    def _current(self, state: State) -> State:
        """The state of the object that is being built; of the first where none was begun."""
        return take(state[1], jnp.maximum(state[0] - 1, 0))

    def _moved(self, move: Callable[..., State], state: State, action: Int[Array, ""]) -> State:
        if not self.space.num_actions:
            return state[1]
        inner, at = self._current(state), jnp.maximum(state[0] - 1, 0)
        other = move(self.space, inner, jnp.clip(action - 1, 0, self.space.num_actions - 1))
        kept = chosen(action == 0, inner, other)
        return jax.tree.map(lambda rows, row: rows.at[at].set(row), state[1], kept)
