"""One space of several, or all of them one after the other."""

import abc
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import State, step, undo
from anabranch.envs.composite import Several, beginning, bounds_of_all, encoded, moved, on_device
from anabranch.ground.arguments import is_whole
from anabranch.ground.errors import ConfigError


class _InTurn(Several):
    """Spaces of which one at a time is built; the first labels switch between them.

    The state is the stage, the number of the space that is being built, and the state of each space. Those that were
    not begun are at their initial state. No two spaces can be undone at once, and a switch only where nothing else
    can: all share their backward slots.
    """

    lowest = 0
    """The first stage."""

    @property
    @abc.abstractmethod
    def switches(self) -> int:
        """How many labels switch."""

    @abc.abstractmethod
    def switch_legal(self, state: State) -> Bool[Array, " switches"]:
        """Which switches leave a state."""

    @abc.abstractmethod
    def switch_from(self, stage: Int[Array, ""]) -> Bool[Array, " switches"]:
        """Which switches lead into the beginning of a stage."""

    @abc.abstractmethod
    def entered(self, stage: Int[Array, ""], action: Int[Array, ""]) -> Int[Array, ""]:
        """The stage behind a switch."""

    @abc.abstractmethod
    def left(self, stage: Int[Array, ""]) -> Int[Array, ""]:
        """The stage before the last switch."""

    @property
    def stages(self) -> int:
        return len(self.spaces) - self.lowest

    def stage(self, state: State) -> Int[Array, ""]:
        return state[0] - self.lowest

    @property
    def backward_slot(self) -> np.ndarray:
        return np.concatenate([np.zeros(self.switches, int), *self.part_slots()])

    def states(self, state: State) -> tuple[State, ...]:
        return state[1]

    def initial(self) -> State:
        return jnp.array(self.lowest, jnp.int32), self.initial_states()

    def step(self, state: State, action: Int[Array, ""]) -> State:
        stage = jnp.where(action < self.switches, self.entered(state[0], action), state[0])
        return stage.astype(jnp.int32), moved(step, self.spaces, state[1], action - self.switches)

    def undo(self, state: State, action: Int[Array, ""]) -> State:
        stage = jnp.where(action < self.switches, self.left(state[0]), state[0])
        return stage.astype(jnp.int32), moved(undo, self.spaces, state[1], action - self.switches)

    def legal(self, state: State) -> Bool[Array, " A"]:
        stage, inner = state
        here = [part.legal(one) & (stage == at) for at, (part, one) in enumerate(zip(self.spaces, inner, strict=True))]
        return jnp.concatenate([self.switch_legal(state), *here])

    def undoable(self, state: State) -> Bool[Array, " A"]:
        stage, inner = state
        pairs = enumerate(zip(self.spaces, inner, strict=True))
        here = jnp.concatenate([part.undoable(one) & (stage == at) for at, (part, one) in pairs])
        return jnp.concatenate([self.switch_from(stage) & ~here.any(), here])

    def part_can_stop(self, state: State) -> Bool[Array, ""]:
        """Whether the space that is being built may stop; of no meaning where there is none."""
        pairs = zip(self.spaces, state[1], strict=True)
        return jnp.stack([jnp.asarray(part.can_stop(inner)) for part, inner in pairs])[state[0]]

    def bounds(self) -> Any:
        inner = bounds_of_all(self.spaces)
        return None if inner is None else ((self.lowest, len(self.spaces) - 1), inner)

    def log_path_count(self, state: State) -> Float[Array, ""]:
        """The sum over the parts, because each is built by itself."""
        return self.total(state, [part.log_path_count for part in self.spaces])


class InOrder(_InTurn):
    """One object of each space, one space after the other.

    Label 0 is the STOP of a space behind which another one comes; the labels of the spaces follow. An object is a tuple
    of one object of each.

    Arguments:
        spaces: a list of environments, in the order in which they are built.

    Raises:
        ConfigError: for an empty list, and for what is no environment.

    Example:
        env = anabranch.InOrder([Subset(n=3, k=2), Subset(n=4, k=1)])
    """

    @property
    def max_steps(self) -> int:
        return sum(part.max_steps for part in self.spaces) + len(self.spaces) - 1

    @property
    def switches(self) -> int:
        return 1

    def switch_legal(self, state: State) -> Bool[Array, " 1"]:
        return (self.part_can_stop(state) & (state[0] < len(self.spaces) - 1))[None]

    def switch_from(self, stage: Int[Array, ""]) -> Bool[Array, " 1"]:
        return (stage > 0)[None]

    def entered(self, stage: Int[Array, ""], action: Int[Array, ""]) -> Int[Array, ""]:
        del action
        return jnp.minimum(stage + 1, len(self.spaces) - 1)

    def left(self, stage: Int[Array, ""]) -> Int[Array, ""]:
        return jnp.maximum(stage - 1, 0)

    def can_stop(self, state: State) -> Bool[Array, ""]:
        return self.part_can_stop(state) & (state[0] == len(self.spaces) - 1)

    def decode(self, state: State) -> tuple[Any, ...]:
        """The object of each space that was begun."""
        begun = int(state[0]) + 1
        return tuple(part.decode(inner) for part, inner in list(zip(self.spaces, state[1], strict=True))[:begun])

    def encode(self, item: tuple[Any, ...]) -> State:
        """The state of one object of each space. Raises ConfigError where they are more or fewer."""
        return jnp.array(len(self.spaces) - 1, jnp.int32), self.encoded_parts(item)

    def show(self, state: State) -> str:
        """The parts that were begun, with > between them."""
        return f"({' > '.join(self.part_texts(state)[: int(state[0]) + 1])})"


class Choose(_InTurn):
    """One object of one of several spaces; the first action picks the space.

    Label i picks space i; the labels of the spaces follow. An object is a pair: the number of its space, and the object
    there.

    Arguments:
        spaces: a list of environments.

    Raises:
        ConfigError: for an empty list, and for what is no environment.

    Example:
        env = anabranch.Choose([Subset(n=3, k=2), Subset(n=4, k=1)])
    """

    lowest = -1

    @property
    def max_steps(self) -> int:
        return 1 + max(part.max_steps for part in self.spaces)

    @property
    def switches(self) -> int:
        return len(self.spaces)

    def switch_legal(self, state: State) -> Bool[Array, " switches"]:
        return jnp.full(len(self.spaces), state[0] < 0)

    def switch_from(self, stage: Int[Array, ""]) -> Bool[Array, " switches"]:
        return stage == jnp.arange(len(self.spaces))

    def entered(self, stage: Int[Array, ""], action: Int[Array, ""]) -> Int[Array, ""]:
        del stage
        return action

    def left(self, stage: Int[Array, ""]) -> Int[Array, ""]:
        return jnp.full_like(stage, -1)

    def can_stop(self, state: State) -> Bool[Array, ""]:
        return self.part_can_stop(state) & (state[0] >= 0)

    def total(self, state: State, functions: Any) -> Float[Array, ""]:
        values = [function(inner) for function, inner in zip(functions, state[1], strict=True)]
        picked = jnp.stack([jnp.asarray(value, float) for value in values])[state[0]]
        return jnp.where(state[0] < 0, 0.0, picked)

    def total_log_z(self, log_z: Any) -> float:
        return float(np.logaddexp.reduce(log_z))

    def decode(self, state: State) -> tuple[int, Any] | tuple[()]:
        """The number of the space, and the object there; nothing before the choice."""
        at = int(state[0])
        return () if at < 0 else (at, self.spaces[at].decode(state[1][at]))

    def encode(self, item: tuple[int, Any]) -> State:
        """The state of a pair of a space's number and an object. Raises ConfigError where there is no such space."""
        pair = isinstance(item, tuple | list) and len(item) == 2 and is_whole(item[0])
        if not pair or not 0 <= item[0] < len(self.spaces):
            raise ConfigError(
                "An object of Choose is a pair of the number of its space, "
                f"0 to {len(self.spaces) - 1}, and the object there; given {item!r}."
            )
        inner = [beginning(part) for part in self.spaces]
        inner[item[0]] = encoded(self.spaces[item[0]], item[1])
        return jnp.array(item[0], jnp.int32), on_device(tuple(inner))

    def show(self, state: State) -> str:
        """The number of the space, and the text there."""
        at = int(state[0])
        return "(nothing chosen)" if at < 0 else f"{at}: {self.spaces[at].show(state[1][at])}"

    def draw(self, state: State) -> str | None:
        """The picture of the chosen space."""
        at = int(state[0])
        return None if at < 0 else self.spaces[at].draw(state[1][at])
