"""Orders: permutations that are built from the first position to the last."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.envs.permutations import Permutations


class Orders(Permutations):
    """Put the values 0 .. n-1 one behind the other, each once; label = the next value.

    sum over k of n! / (n - k)! states, n! objects. Each state has one parent: P_B is 1.
    """

    n: int = 7
    """Positions and values."""

    @property
    def backward_slot(self) -> np.ndarray:
        return np.zeros(self.n, int)

    def count(self, state: Int[Array, " n"]) -> Int[Array, ""]:
        """How many values are placed."""
        return jnp.sum(state >= 0)

    def step(self, state: Int[Array, " n"], action: Int[Array, ""]) -> Int[Array, " n"]:
        return state.at[self.count(state)].set(action)

    def undo(self, state: Int[Array, " n"], action: Int[Array, ""]) -> Int[Array, " n"]:
        del action
        return state.at[self.count(state) - 1].set(-1)

    def legal(self, state: Int[Array, " n"]) -> Bool[Array, " n"]:
        return ~self._placed(state).any(axis=0)

    def undoable(self, state: Int[Array, " n"]) -> Bool[Array, " n"]:
        return (state[self.count(state) - 1] == jnp.arange(self.n)) & (state[0] >= 0)

    def log_path_count(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """0: one path leads to each order."""
        del state
        return jnp.zeros(())
