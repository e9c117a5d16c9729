"""States as tables: their real coordinates, and what is discrete about them."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import State, initial_state


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """The states of a batch that are the same in all that is discrete."""

    discrete: Int[np.ndarray, " k"]
    """Its whole numbers and switches, in the order of the leaves."""
    members: Int[np.ndarray, " n"]
    """Their numbers in the batch."""
    reals: Float[np.ndarray, "n D"]
    varying: tuple[int, ...]
    """The real coordinates that are not the same for all members."""


@dataclasses.dataclass(frozen=True, eq=False)
class Coordinates:
    """How the states of one space are taken apart and put together."""

    env: ContinuousEnvironment

    def __post_init__(self) -> None:
        leaves, structure = jax.tree.flatten(jax.eval_shape(lambda: initial_state(self.env)))
        object.__setattr__(self, "_leaves", leaves)
        object.__setattr__(self, "_structure", structure)

    @property
    def _shapes(self) -> list[Any]:
        return self.__dict__["_leaves"]

    @property
    def reals(self) -> int:
        """D, how many real coordinates a state has."""
        return sum(leaf.size for leaf in self._shapes if jnp.issubdtype(leaf.dtype, jnp.floating))

    def apart(self, states: State) -> tuple[Float[np.ndarray, "n D"], Int[np.ndarray, "n k"]]:
        """The real coordinates of a batch of states, and the rest of it as whole numbers."""
        rows = [np.asarray(leaf).reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(states)]
        count = rows[0].shape[0]
        reals = [row.astype(np.float64) for row in rows if np.issubdtype(row.dtype, np.floating)]
        others = [row.astype(np.int64) for row in rows if not np.issubdtype(row.dtype, np.floating)]
        return (
            np.concatenate([np.zeros((count, 0)), *reals], axis=1),
            np.concatenate([np.zeros((count, 0), np.int64), *others], axis=1),
        )

    def together(self, discrete: Int[np.ndarray, " k"], reals: Float[np.ndarray, "n D"]) -> Any:
        """States that share what is discrete, from their real coordinates."""
        leaves, real, other = [], 0, 0
        for leaf in self._shapes:
            if jnp.issubdtype(leaf.dtype, jnp.floating):
                values = reals[:, real : real + leaf.size]
                real += leaf.size
            else:
                values = np.broadcast_to(discrete[other : other + leaf.size], (reals.shape[0], leaf.size))
                other += leaf.size
            leaves.append(values.astype(leaf.dtype).reshape(reals.shape[0], *leaf.shape))
        return jax.tree.unflatten(self.__dict__["_structure"], leaves)

    def one(self, discrete: Any, reals: Any) -> State:
        """One state, inside JAX."""
        parts, real, other = [], 0, 0
        for leaf in self._shapes:
            floating = jnp.issubdtype(leaf.dtype, jnp.floating)
            values = reals[real : real + leaf.size] if floating else discrete[other : other + leaf.size]
            real, other = real + leaf.size * floating, other + leaf.size * (not floating)
            parts.append(jnp.reshape(values, leaf.shape).astype(leaf.dtype))
        return jax.tree.unflatten(self.__dict__["_structure"], parts)

    def groups(self, states: State) -> list[Group]:
        """The states of a batch by what is discrete about them."""
        reals, discrete = self.apart(states)
        kinds, which = np.unique(discrete, axis=0, return_inverse=True)
        found = []
        for number, kind in enumerate(kinds):
            members = np.flatnonzero(which.ravel() == number)
            spread = np.ptp(reals[members], axis=0)
            found.append(Group(kind, members, reals[members], tuple(np.flatnonzero(spread > 0.0).tolist())))
        return found


def midpoints(low: Any, high: Any, nodes: int) -> list[Float[np.ndarray, " nodes"]]:
    """The middles of `nodes` cells of equal length along each axis."""
    share = (np.arange(nodes) + 0.5) / nodes
    return [a + share * (b - a) for a, b in zip(low, high, strict=True)]


def lattice(axes: list[Float[np.ndarray, " nodes"]]) -> Float[np.ndarray, "all d"]:
    """All points of a grid, the last axis fastest."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
