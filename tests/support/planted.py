"""Sound little spaces, and faults planted in their edges (L1 to L5, L7): each a few lines that break one law."""

import jax.numpy as jnp
import numpy as np

from anabranch.environment import Environment
from support import spaces


class Subset(spaces.Subset):
    n: int = 4
    k: int = 3

    def show(self, state):
        return "{" + ", ".join(str(item) for item in np.nonzero(state)[0]) + "}"


class Grid(Environment):
    """Walk from the origin along `dims` axes, to at most `side` - 1 on each."""

    dims: int = 2
    side: int = 4

    @property
    def max_steps(self):
        return self.dims * (self.side - 1)

    def initial(self):
        return jnp.zeros(self.dims, jnp.int32)

    def step(self, state, action):
        return state.at[action].add(1)

    def undo(self, state, action):
        return state.at[action].add(-1)

    def legal(self, state):
        return state < self.side - 1

    def undoable(self, state):
        return state > 0

    def can_stop(self, state):
        return jnp.array(True)


class BoundedGrid(Grid):
    def bounds(self):
        return (0, self.side - 1)


class TokenGrid(Grid):
    @property
    def vocabulary(self):
        return self.dims * self.side

    def observe(self, state):
        return state + self.side * jnp.arange(self.dims)


class Cells(Environment):
    """Fill each of `cells` cells with one of two values, in any order; labels are (cell, value)."""

    cells: int = 3

    @property
    def max_steps(self):
        return self.cells

    @property
    def backward_slot(self):
        return np.arange(2 * self.cells) // 2

    def initial(self):
        return {"filled": jnp.zeros(self.cells, bool), "value": jnp.zeros(self.cells, jnp.int8)}

    def step(self, state, action):
        cell, value = action // 2, (action % 2).astype(jnp.int8)
        return {"filled": state["filled"].at[cell].set(True), "value": state["value"].at[cell].set(value)}

    def undo(self, state, action):
        cell = action // 2
        return {"filled": state["filled"].at[cell].set(False), "value": state["value"].at[cell].set(0)}

    def legal(self, state):
        return jnp.repeat(~state["filled"], 2)

    def undoable(self, state):
        value = jnp.stack([state["value"] == 0, state["value"] == 1], 1)
        return (state["filled"][:, None] & value).ravel()

    def can_stop(self, state):
        return state["filled"].all()

    def decode(self, state):
        return "".join("01"[v] if f else "." for f, v in zip(state["filled"], state["value"], strict=True))

    def encode(self, item):
        filled = jnp.array([letter != "." for letter in item])
        return {"filled": filled, "value": jnp.array([letter == "1" for letter in item]).astype(jnp.int8)}


class Point(Environment):
    """One state and no edge."""

    labels: int = 0
    max_steps = 0  # pyright: ignore

    def initial(self):
        return jnp.array(0)

    def step(self, state, action):
        return state

    def undo(self, state, action):
        return state

    def legal(self, state):
        return jnp.zeros(self.labels, bool)

    def undoable(self, state):
        return jnp.zeros(self.labels, bool)

    def can_stop(self, state):
        return True


class Line(Grid):
    """Walk from 0 to `side` by steps of one (action 0) or two (action 1)."""

    dims: int = 1
    side: int = 6

    @property
    def max_steps(self):
        return self.side

    def step(self, state, action):
        return state + 1 + action

    def undo(self, state, action):
        return state - 1 - action

    def legal(self, state):
        return state + 1 + jnp.arange(2) <= self.side

    def undoable(self, state):
        return state >= 1 + jnp.arange(2)


# L1


class UndoesTheNeighbour(Subset):
    def undo(self, state, action):
        return state.at[action - 1].set(False)


class UndoableTooNarrow(Subset):
    def undoable(self, state):
        return state & (jnp.arange(self.n) > 0)


class DerivedLeafNotRestored(Cells):
    def undo(self, state, action):
        return {"filled": state["filled"].at[action // 2].set(False), "value": state["value"]}


class OneLabelTwoParents(Line):
    """A diamond 0 -> 1, 2 -> 3 whose last two edges have one label."""

    def step(self, state, action):
        return jnp.where(state == 0, 1 + action, 3).astype(state.dtype)

    def undo(self, state, action):
        return jnp.where(state == 3, 1, 0).astype(state.dtype)

    def legal(self, state):
        return jnp.stack([state[0] < 3, state[0] == 0])

    def undoable(self, state):
        return jnp.stack([(state[0] == 1) | (state[0] == 3), state[0] == 2])


# L2


class UndoableTooWide(Subset):
    def undoable(self, state):
        return state | ((jnp.arange(self.n) == 0) & state.any())


class AllTrueUndoable(Subset):
    def undoable(self, state):
        return jnp.ones(self.n, bool)


class OrderForgotten(Subset):
    """Items come in increasing order, but any may be taken back."""

    def legal(self, state):
        return (jnp.arange(self.n) > jnp.max(jnp.where(state, jnp.arange(self.n), -1))) & (state.sum() < self.k)


class UnreachableParent(Line):
    """Only even numbers are reached, but odd ones could lead to them."""

    def legal(self, state):
        one, two = (state + 1 + jnp.arange(2) <= self.side) & jnp.array([state[0] % 2 == 1, True])
        return jnp.stack([one, two])

    def undoable(self, state):
        return (state >= 1 + jnp.arange(2)) & jnp.array([state[0] % 2 == 0, True])


# L3


class UndoableAtTheStart(Subset):
    def undoable(self, state):
        return state | ((jnp.arange(self.n) == 2) & ~state.any())


# L4


class DeadEnd(Subset):
    def can_stop(self, state):
        return ~(state[1] & (state.sum() == self.k))


# L5


class AllTrueLegal(Subset):
    def legal(self, state):
        return jnp.ones(self.n, bool)


class Ring(Line):
    """0 -> 1 -> ... -> 0, by action 0."""

    def step(self, state, action):
        return (state + 1) % self.side

    def undo(self, state, action):
        return (state - 1) % self.side

    def legal(self, state):
        return jnp.ones(1, bool)

    def undoable(self, state):
        return jnp.ones(1, bool)


class MaxStepsTooSmall(Subset):
    @property
    def max_steps(self):
        return self.k - 1


class LongestPathForgotten(Line):
    @property
    def max_steps(self):
        return self.side // 2


class EndlessCounter(Line):
    def legal(self, state):
        return jnp.ones(2, bool)


# L7


class SlotShared(Subset):
    @property
    def backward_slot(self):
        return np.array([0, 1, 2, 1, *range(3, self.n - 1)])
