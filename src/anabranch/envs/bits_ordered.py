"""Bit strings in an order: a word at a time from left to right, or at either end."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment
from anabranch.envs.bits import SETTINGS, BitStrings, NearestMode
from anabranch.envs.tasks import Task
from anabranch.envs.words import Words


class BitsLeftToRight(Words, BitStrings):
    """Append one of 2^word words at a time, from left to right; label = word.

    A tree (Malkin et al. 2022, arXiv:2201.13259): P_B is 1, and each string has one trajectory.
    """

    @property
    def letters(self) -> int:
        return self.words

    @property
    def sizes(self) -> tuple[int, int]:
        return self.slots, self.slots


class BitsAtEnds(BitsLeftToRight):
    """Put one of 2^word words in front of the string so far, or behind it; label = end, word (front first).

    The state holds the string so far from its first word on. Undoing the front gives the string without its
    first word, undoing the back the one without its last; where all words are the same (one word alone, above
    all) the two parents are one, and the two labels a double edge. The law is over edges: both labels have their
    own P_F, which add up, uniform P_B gives each 1/2, and a string of m words has 2^m trajectories, so that
    uniform P_B is the maximum-entropy one. The law of the objects is R / Z all the same. A learned P_B has two
    slots, front and back.
    """

    sequence = Environment.sequence

    @property
    def backward_slot(self) -> np.ndarray:
        return np.arange(2 * self.words) // self.words

    def step(self, state: Int[Array, " slots"], action: Int[Array, ""]) -> Int[Array, " slots"]:
        word = action % self.words
        in_front = jnp.roll(state, 1).at[0].set(word)
        return jnp.where(action < self.words, in_front, super().step(state, word))

    def undo(self, state: Int[Array, " slots"], action: Int[Array, ""]) -> Int[Array, " slots"]:
        without_first = jnp.roll(state, -1).at[-1].set(-1)
        return jnp.where(action < self.words, without_first, super().undo(state, action))

    def legal(self, state: Int[Array, " slots"]) -> Bool[Array, " A"]:
        return jnp.tile(super().legal(state), 2)

    def undoable(self, state: Int[Array, " slots"]) -> Bool[Array, " A"]:
        first = jnp.arange(self.words) == state[0]
        return jnp.concatenate([first, super().undoable(state)])

    def log_path_count(self, state: Int[Array, " slots"]) -> Float[Array, ""]:
        """m log 2 for a string of m words."""
        return self.written(state) * jnp.log(2.0)


LEFT, ENDS = BitsLeftToRight(), BitsAtEnds()

TASKS = {
    "bits-left": Task(
        env=LEFT,
        log_reward=NearestMode(env=LEFT, modes=5),
        name="bits-left",
        summary="strings of bits, a word at a time from left to right, near hidden modes",
        settings=SETTINGS,
    ),
    "bits-ends": Task(
        env=ENDS,
        log_reward=NearestMode(env=ENDS, modes=5),
        name="bits-ends",
        summary="strings of bits, a word at a time at either end, near hidden modes",
        settings=SETTINGS,
    ),
}
