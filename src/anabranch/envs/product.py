"""Several objects at once: the parts are built side by side, moves in any order."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from anabranch.environment import State, step, undo
from anabranch.envs.composite import Several, bounds_of_all, moved


class Product(Several):
    """One object of each space; the spaces take their moves in any order.

    Its states are all combinations of states, and it may stop where all spaces may. The labels of the spaces follow on
    each other, and so do their backward slots.

    Arguments:
        spaces: a list of environments.

    Raises:
        ConfigError: for an empty list, and for what is no environment.

    Example:
        env = anabranch.Product([Subset(n=3, k=2), Subset(n=4, k=1)])
    """

    @property
    def max_steps(self) -> int:
        return sum(part.max_steps for part in self.spaces)

    @property
    def backward_slot(self) -> np.ndarray:
        slots, start = [], 0
        for part, slot in zip(self.spaces, self.part_slots(), strict=True):
            slots.append(slot + start)
            start += part.num_slots
        return np.concatenate(slots)

    def states(self, state: State) -> tuple[State, ...]:
        return state

    def initial(self) -> tuple[State, ...]:
        return self.initial_states()

    def step(self, state: State, action: Int[Array, ""]) -> tuple[State, ...]:
        return moved(step, self.spaces, state, action)

    def undo(self, state: State, action: Int[Array, ""]) -> tuple[State, ...]:
        return moved(undo, self.spaces, state, action)

    def legal(self, state: State) -> Bool[Array, " A"]:
        return jnp.concatenate([part.legal(inner) for part, inner in zip(self.spaces, state, strict=True)])

    def undoable(self, state: State) -> Bool[Array, " A"]:
        return jnp.concatenate([part.undoable(inner) for part, inner in zip(self.spaces, state, strict=True)])

    def can_stop(self, state: State) -> Bool[Array, ""]:
        stops = [jnp.asarray(part.can_stop(inner)) for part, inner in zip(self.spaces, state, strict=True)]
        return jnp.stack(stops).all()

    def bounds(self) -> Any:
        return bounds_of_all(self.spaces)

    def decode(self, state: State) -> tuple[Any, ...]:
        """The object of each space."""
        return tuple(part.decode(inner) for part, inner in zip(self.spaces, state, strict=True))

    def encode(self, item: tuple[Any, ...]) -> tuple[State, ...]:
        """The state of one object of each space. Raises ConfigError where they are more or fewer."""
        return self.encoded_parts(item)

    def show(self, state: State) -> str:
        """The parts with & between them."""
        return f"({' & '.join(self.part_texts(state))})"
