"""Words that grow at the right: what spaces of strings, tokens and labels have in common."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment


class Words(Environment):
    """Abstract: words of at most `longest` of `letters` letters; from `shortest` on each may stop.

    One label appends one letter. The graph is a tree, so that P_B is 1 and each word has one trajectory. A state holds
    the numbers of the letters, -1 in the places that are empty. A subclass has `shortest` and `longest`, as fields or
    properties, and says how many `letters` there are.
    """

    @property
    def letters(self) -> int:
        """How many letters there are."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many letters it has.")

    @property
    def sizes(self) -> tuple[int, int]:
        """Letters of the shortest and of the longest word."""
        raise NotImplementedError(f"{type(self).__name__} does not say how long its words are.")

    @property
    def max_steps(self) -> int:
        return self.sizes[1]

    @property
    def backward_slot(self) -> np.ndarray:
        return np.zeros(self.letters, int)

    def written(self, state: Int[Array, " longest"]) -> Int[Array, ""]:
        """How many letters a word has so far."""
        return jnp.sum(state >= 0)

    def sequence(self, state: Int[Array, " longest"]) -> tuple[Int[Array, " longest"], Int[Array, ""]]:
        """The letters, which are their own labels, and how many there are."""
        return state, self.written(state)

    def initial(self) -> Int[Array, " longest"]:
        return jnp.full(self.sizes[1], -1)

    def step(self, state: Int[Array, " longest"], action: Int[Array, ""]) -> Int[Array, " longest"]:
        return state.at[self.written(state)].set(action)

    def undo(self, state: Int[Array, " longest"], action: Int[Array, ""]) -> Int[Array, " longest"]:
        return state.at[self.written(state) - 1].set(-1)

    def legal(self, state: Int[Array, " longest"]) -> Bool[Array, " letters"]:
        return jnp.full(self.letters, state[-1] < 0)

    def undoable(self, state: Int[Array, " longest"]) -> Bool[Array, " letters"]:
        return jnp.arange(self.letters) == state[self.written(state) - 1]

    def can_stop(self, state: Int[Array, " longest"]) -> Bool[Array, ""]:
        return self.written(state) >= self.sizes[0]

    def bounds(self) -> tuple[int, int]:
        return -1, self.letters - 1

    def log_path_count(self, state: Int[Array, " longest"]) -> Float[Array, ""]:
        """0: one trajectory leads to each word."""
        return jnp.zeros(())
