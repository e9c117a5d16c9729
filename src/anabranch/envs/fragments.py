"""Molecules of fragments that are joined at their points of attachment, each molecule's symmetries accounted for."""

import functools
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from anabranch.environment import Graph, State
from anabranch.envs.chemistry import drawing
from anabranch.envs.fragment_shapes import Shape, joined, shape_of
from anabranch.envs.fragment_table import FRAGMENTS
from anabranch.envs.fragment_trees import Tree, log_copies, tree_of
from anabranch.envs.words import Words
from anabranch.ground.errors import ConfigError


class Fragments(Words):
    """Join up to `largest` fragments: the first one, then at each open point another one, or nothing.

    Open points are served in their order, each by one label: a fragment and the point by which it enters, or CLOSED.
    Points that are open at the end stay closed. Two points at atoms other than carbon are never joined. A word of
    labels is a tree of fragments with a first one and numbered points; many words are one graph of fragments,
    N prod |G_f| / |Aut| of them, where N counts fragments, G_f is the symmetry group of a fragment's points, and Aut
    that of the graph. `log_copies` is the logarithm of this number: with a reward that is divided by it
    (`copies="one"`) each graph counts once, and a molecule is drawn in proportion to R times the number of its graphs,
    which mostly is 1.
    """

    fragments: tuple[str, ...] = FRAGMENTS
    """SMILES with points [*:1], [*:2], ..."""
    largest: int = 5
    """Fragments of the largest molecule."""

    merges_objects = True
    is_molecular = True

    def __post_init__(self) -> None:
        if self.largest < 1:
            raise ConfigError(f"largest must be positive; given {self.largest}.")
        if not self.fragments or len(set(self.fragments)) < len(self.fragments):
            raise ConfigError("The fragments must be one or more, and differ.")

    def __str__(self) -> str:
        return f"Fragments({len(self.fragments)} fragments, largest={self.largest})"

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """What each fragment is to the space."""
        return tuple(shape_of(one) for one in self.fragments)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The fragment and the point of each label but the first, which is CLOSED."""
        return [(number, point) for number, shape in enumerate(self.shapes) for point in range(shape.points)]

    @property
    def letters(self) -> int:
        return 1 + len(self.pairs)

    @property
    def sizes(self) -> tuple[int, int]:
        most = max(shape.points for shape in self.shapes)
        closed = most + max(0, self.largest - 2) * (most - 1) - (self.largest - 1)
        return 1, self.largest + max(0, closed if self.largest > 1 else 0)

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        """By label: how many points it opens, which, and whether it enters by one at carbon; a first one opens all."""
        most = max(shape.points for shape in self.shapes)
        opened = np.zeros((self.letters, most), bool)
        for label, (number, point) in enumerate(self.pairs, 1):
            carbon = self.shapes[number].at_carbon
            others = [carbon[other] for other in range(len(carbon)) if other != point]
            opened[label, : len(others)] = others
        points = np.array([0, *[self.shapes[number].points for number, _ in self.pairs]])
        enters = np.array([True, *[self.shapes[number].at_carbon[point] for number, point in self.pairs]])
        return {
            "opens": np.maximum(points - 1, 0),
            "points": points,
            "carbon": opened,
            "enters": enters,
            "is_first": np.array([False, *[point == 0 for _, point in self.pairs]]),
        }

    def _open_points(self, state: Int[Array, " longest"]) -> tuple[Array, Array, Array]:
        """How many points are open, whether the one to be served is at carbon, and how many fragments there are."""
        tables = {name: jnp.asarray(table) for name, table in self.tables.items()}
        there, label = state >= 0, jnp.maximum(state, 0)
        opens = jnp.where(there, tables["opens"][label], 0).at[0].add(jnp.where(there[0], 1, 0))
        served = self.written(state) - 1
        ends = jnp.cumsum(opens)
        # Point `served` of the queue was opened by the first label whose cumulated number of points exceeds it.
        by = jnp.argmax(ends > served)
        inside = served - jnp.where(by > 0, ends[by - 1], 0)
        # The first fragment opens point 0 too: its label is the one that would enter by it.
        first = jnp.where(
            inside == 0, tables["enters"][label[0]], tables["carbon"][label[0], jnp.maximum(inside - 1, 0)]
        )
        at_carbon = jnp.where(by == 0, first, tables["carbon"][label[by], inside])
        return ends[-1] - jnp.maximum(served, 0), at_carbon, jnp.sum(there & (state > 0))

    def legal(self, state: Int[Array, " longest"]) -> Bool[Array, " letters"]:
        tables = {name: jnp.asarray(table) for name, table in self.tables.items()}
        count, at_carbon, placed = self._open_points(state)
        room = (placed < self.largest) & (count > 0)
        later = room & (at_carbon | tables["enters"])
        # Something must be left to be served after CLOSED, so that each tree is one word.
        later = later.at[0].set(room & (count > 1))
        return jnp.where(self.written(state) == 0, tables["is_first"], later)

    def can_stop(self, state: Int[Array, " longest"]) -> Bool[Array, ""]:
        return state[self.written(state) - 1] > 0

    def graph(self, state: Int[Array, " longest"]) -> Graph:
        """A node for each label so far: what it is, and its point that is served next; pairs: served by which point."""
        places = jnp.arange(state.shape[0])
        there, count = state >= 0, self.written(state)
        opens = jnp.where(there, jnp.asarray(self.tables["opens"])[jnp.maximum(state, 0)], 0)
        ends = jnp.cumsum(opens.at[0].add(jnp.where(there[0], 1, 0)))
        # Label `place` serves point `place - 1` of the queue.
        by = jnp.argmax(ends[None] > places[:, None] - 1, axis=1)
        point = places - 1 - jnp.where(by > 0, ends[by - 1], 0)
        points = self.tables["carbon"].shape[1]
        served = (point[:, None] == jnp.arange(points)).astype(float)
        pairs = jnp.where((by[:, None] == places)[..., None], served[:, None], 0.0).at[0].set(0.0)
        following = jnp.where((count > 0) & (count < state.shape[0]), pairs[jnp.minimum(count, places[-1])], 0.0)
        kinds = (state[:, None] == jnp.arange(self.letters)).astype(float)
        real = (there[:, None] & there)[..., None]
        return Graph(jnp.concatenate([kinds, following], 1), jnp.where(real, pairs, 0.0), there)

    def tree(self, state: State) -> Tree:
        """The tree of fragments of a word."""
        return tree_of(tuple(int(label) for label in np.asarray(state) if label >= 0), self.shapes)

    def decode(self, state: State) -> str:
        """The molecule as canonical SMILES; empty where there is none yet."""
        return _smiles(tuple(int(label) for label in np.asarray(state) if label >= 0), self.shapes)

    def log_copies(self, state: State) -> float:
        """log of the number of words that are the graph of fragments of this one, in nats."""
        return log_copies(self.tree(state), self.shapes)

    def show(self, state: State) -> str:
        """The molecule."""
        return self.decode(state) or "(no molecule)"

    def draw(self, state: State) -> str | None:
        """The molecule."""
        return drawing(self.decode(state))


@functools.lru_cache(maxsize=1 << 17)
def _smiles(labels: tuple[int, ...], shapes: tuple[Shape, ...]) -> str:
    if not labels:
        return ""
    tree = tree_of(labels, shapes)
    return joined([shapes[number] for number in tree.fragments], list(tree.bonds))
