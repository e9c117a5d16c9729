"""Faults in what is seen (L6), in the form of slots (L7) and methods (L8), and in decode and encode (L9, L10)."""

import jax
import jax.numpy as jnp
import numpy as np

from support.planted import BoundedGrid, Cells, Grid, Subset, TokenGrid


class MergedSubset(Subset):
    """Subsets that count as one object where they have one size."""

    merges_objects = True

    def decode(self, state):
        return int(np.sum(state))

    def encode(self, item):
        return jnp.arange(self.n) < item


# L6


class Aliasing(Subset):
    def observe(self, state):
        return state.sum()[None].astype(float)


class BoundsTooNarrow(BoundedGrid):
    def bounds(self):
        return (0, self.side - 2)


class OneRangeForTwo(Cells):
    def bounds(self):
        return (0, 1)


class TokenOutOfRange(TokenGrid):
    @property
    def vocabulary(self):
        return self.dims * self.side - 1


class NanObserved(Grid):
    def observe(self, state):
        return jnp.log(2.5 - state)


# L7, by its form


class SlotShape(Cells):
    @property
    def backward_slot(self):
        return np.arange(self.cells)


class SlotNegative(Cells):
    @property
    def backward_slot(self):
        return np.arange(2 * self.cells) // 2 - 1


class SlotJax(Cells):
    @property
    def backward_slot(self):
        return jnp.arange(2 * self.cells) // 2


class SlotFloat(Cells):
    @property
    def backward_slot(self):
        return np.arange(2 * self.cells) / 2


# L8


class PythonBranch(Subset):
    def step(self, state, action):
        return state if state[action] else state.at[action].set(True)


class DataDependentShape(Subset):
    def undoable(self, state):
        return jnp.isin(jnp.arange(self.n), jnp.nonzero(state)[0])


class BooleanIndex(Subset):
    def can_stop(self, state):
        return jnp.arange(self.n)[state].sum() > 2


class NumpyTable(Subset):
    def legal(self, state):
        return ~state & jnp.asarray(np.array([True, True, True, False])[state.sum()])


class PythonList(Subset):
    def legal(self, state):
        return ~state & [True, True, True, False][state.sum()]


class PythonNumber(Subset):
    def can_stop(self, state):
        return jnp.array(int(state.sum()) > 1)


class BatchAxis(Subset):
    def legal(self, state):
        return super().legal(state)[None]


class CanStopPerItem(Subset):
    def can_stop(self, state):
        return state


class IntegerMask(Subset):
    def legal(self, state):
        return super().legal(state).astype(jnp.int32)


class MaskOfLists(Subset):
    def undoable(self, state):
        return [state[item] for item in range(self.n)]


class UndoableLonger(Subset):
    def undoable(self, state):
        return jnp.append(state, False)


class FloatState(Grid):
    def initial(self):
        return jnp.zeros(self.dims)


class NoState(Subset):
    def initial(self):
        return ()


class TextState(Subset):
    def initial(self):
        return "empty"


class DtypeChanges(Grid):
    def step(self, state, action):
        return super().step(state, action).astype(jnp.int8)


class ShapeChanges(Subset):
    def undo(self, state, action):
        return jnp.append(state, False)


class StructureChanges(Cells):
    def step(self, state, action):
        return tuple(super().step(state, action).values())


class Raises(Subset):
    def step(self, state, action):
        raise KeyError("no such item")


class RaisesWhenRun(Subset):
    def can_stop(self, state):
        def look(_):
            raise ValueError("the table is closed")

        return jax.pure_callback(look, jax.ShapeDtypeStruct((), bool), state, vmap_method="expand_dims")


class AssignsInPlace(Subset):
    def step(self, state, action):
        state[action] = True
        return state


class MatrixObserved(Subset):
    def observe(self, state):
        return jnp.ones((2, self.n)) * state


class BooleanObserved(Subset):
    def observe(self, state):
        return state


class TokensWithoutVocabulary(Grid):
    def observe(self, state):
        return state


class FloatsWithVocabulary(TokenGrid):
    def observe(self, state):
        return super().observe(state).astype(float)


class MaxStepsMethod(Subset):
    def max_steps(self):  # pyright: ignore
        return self.k


class MaxStepsFloat(Subset):
    @property
    def max_steps(self):
        return self.k / 1


class MaxStepsNegative(Subset):
    @property
    def max_steps(self):
        return -1


class ListField(Subset):
    names: list = ()  # pyright: ignore


# L9 and L10


class TwoObjectsOneDecode(Subset):
    def decode(self, state):
        return int(np.sum(state))


class UnhashableDecode(Subset):
    def decode(self, state):
        return np.nonzero(state)[0].tolist()


class DecodeRaises(Subset):
    def decode(self, state):
        return {size: (size, *state.tolist()) for size in range(self.k)}[int(np.sum(state))]


class EncodeForgets(Cells):
    def encode(self, item):
        return super().encode(item[:-1] + "0")


class EncodeOtherForm(Cells):
    def encode(self, item):
        return super().encode(item)["value"]


class EncodeRaises(Cells):
    def encode(self, item):
        return super().encode(item.nothing)


class EncodeOtherObject(MergedSubset):
    def encode(self, item):
        return jnp.arange(self.n) < item - 1
