"""A user's file: a space, a reward with a setting, and tasks of every kind of mistake."""

import dataclasses

import jax.numpy as jnp

import anabranch as ab


class Subset(ab.Environment):
    """Choose at most k of n items."""

    n: int
    k: int

    @property
    def max_steps(self):
        return self.k

    def initial(self):
        return jnp.zeros(self.n, bool)

    def step(self, state, action):
        return state.at[action].set(True)

    def undo(self, state, action):
        return state.at[action].set(False)

    def legal(self, state):
        return ~state & (state.sum() < self.k)

    def undoable(self, state):
        return state

    def can_stop(self, state):
        return jnp.array(True)


class Forgetful(Subset):
    """Its undo takes nothing back."""

    def undo(self, state, action):
        return state


class Raising(Subset):
    """Its undo raises."""

    def undo(self, state, action):
        raise ValueError("undo is not written yet")


@dataclasses.dataclass(frozen=True)
class Heavy:
    """R = `heavy` for objects with the first item, 1 for the others."""

    heavy: float = 2.0

    def __call__(self, state):
        return jnp.where(state[0], jnp.log(self.heavy), 0.0)


@dataclasses.dataclass
class Thawed:
    """A reward that cannot be hashed."""

    heavy: float = 2.0

    def __call__(self, state):
        return jnp.zeros(())


def python_branch(state):
    return 1.0 if state[0] else 0.0


def divides_by_zero(state):
    return jnp.log(1.0 / 0)


space = Subset(4, 2)
task = ab.Task(space, Heavy())
raising = ab.Task(Raising(4, 2), Heavy())

nan = ab.Task(space, lambda state: jnp.log(1.0 - state.sum()))
negative = ab.Task(space, lambda state: jnp.log(jnp.where(state[2], -1.0, 1.0)))
infinite = ab.Task(space, lambda state: jnp.where(state[0] & state[3], jnp.inf, 0.0))
nothing = ab.Task(space, lambda state: jnp.full((), -jnp.inf))
vector = ab.Task(space, lambda state: state.astype(float))
truth = ab.Task(space, lambda state: state[0])
branching = ab.Task(space, python_branch)
dividing = ab.Task(space, divides_by_zero)
missing = ab.Task(space, lambda state: None)
text = ab.Task(space, lambda state: "1.0")
