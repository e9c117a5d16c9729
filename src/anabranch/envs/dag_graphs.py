"""Directed acyclic graphs over labelled nodes, an edge at a time."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int, Int32

from anabranch.environment import Environment, Graph, State
from anabranch.envs.adjacency import dag_from
from anabranch.ground.errors import ConfigError

MOST_NODES = 33
"""There are at most 2^(nodes - 2) paths between two nodes; counted modulo 2^32 they are 0 only where there is none."""


class Dag(NamedTuple):
    """A graph: its edges, and how many paths lead from each node to each, one to itself."""

    edges: Bool[Array, "nodes nodes"]
    """Entry [u, v] is the edge from u to v."""
    paths: Int32[Array, "nodes nodes"]


class Dags(Environment):
    """Add edges to a graph of `nodes` labelled nodes as long as no cycle arises; label = u * nodes + v for u -> v.

    Every graph is an object: 3, 25, 543 and 29,281 graphs of 2 to 5 nodes. A new edge u -> v makes
    paths[., u] * paths[v, .] new paths, all of which its removal takes away again, so that a cycle is seen, and
    undone, without a search (Deleu et al. 2022, arXiv:2202.13903). A graph of m edges is built in m! ways: uniform
    P_B is the one of maximum entropy. At most 33 nodes.
    """

    nodes: int = 4
    """How many nodes a graph has, at most 33."""

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= MOST_NODES:
            raise ConfigError(
                f"nodes must lie between 1 and {MOST_NODES}, where 32 bits tell no path from some; given {self.nodes}."
            )

    @property
    def max_steps(self) -> int:
        return self.nodes * (self.nodes - 1) // 2

    def initial(self) -> Dag:
        return Dag(jnp.zeros((self.nodes, self.nodes), bool), jnp.eye(self.nodes, dtype=jnp.int32))

    def step(self, state: Dag, action: Int[Array, ""]) -> Dag:
        tail, head = action // self.nodes, action % self.nodes
        return Dag(state.edges.at[tail, head].set(True), state.paths + through(state, tail, head))

    def undo(self, state: Dag, action: Int[Array, ""]) -> Dag:
        tail, head = action // self.nodes, action % self.nodes
        return Dag(state.edges.at[tail, head].set(False), state.paths - through(state, tail, head))

    def legal(self, state: Dag) -> Bool[Array, " A"]:
        return (~state.edges & (state.paths.T == 0)).ravel()

    def undoable(self, state: Dag) -> Bool[Array, " A"]:
        return state.edges.ravel()

    def can_stop(self, state: Dag) -> Bool[Array, ""]:
        return jnp.array(True)

    def log_path_count(self, state: Dag) -> Float[Array, ""]:
        """log m! for a graph of m edges, which may come in any order."""
        return gammaln(jnp.sum(state.edges) + 1.0)

    def observe(self, state: Dag) -> Float[Array, " pairs"]:
        """The edges, and which node can be reached from which, as floats."""
        return jnp.concatenate([state.edges.ravel(), (state.paths != 0).ravel()]).astype(float)

    def graph(self, state: Dag) -> Graph:
        """Nodes that are alike; of each pair, whether there is an edge, and whether a path leads there."""
        pairs = jnp.stack([state.edges, state.paths != 0], axis=-1).astype(float)
        return Graph(jnp.ones((self.nodes, 1)), pairs, jnp.ones(self.nodes, bool))

    @property
    def label_nodes(self) -> np.ndarray:
        return np.stack(np.divmod(np.arange(self.nodes**2), self.nodes), 1)

    def decode(self, state: State) -> tuple[tuple[int, ...], ...]:
        """The adjacency matrix, row by row: entry [u][v] is 1 where there is an edge from u to v."""
        return tuple(tuple(int(edge) for edge in row) for row in np.asarray(state.edges))

    def encode(self, item: Any) -> Dag:
        """The graph of an adjacency matrix. Raises ConfigError where it is not square, not of 0 and 1, or cyclic."""
        return Dag(*(jnp.asarray(leaf) for leaf in dag_from(item, self.nodes)))

    def show(self, state: State) -> str:
        """The edges, as 0>1."""
        return " ".join(f"{tail}>{head}" for tail, head in np.argwhere(np.asarray(state.edges))) or "(no edges)"

    def draw(self, state: State) -> str:
        """Nodes on a circle, and arrows."""
        angle = 2 * np.pi * np.arange(self.nodes) / self.nodes - np.pi / 2
        size = min(11.0, 70.0 / self.nodes)
        place = 50 + (48 - size) * np.stack([np.cos(angle), np.sin(angle)], 1) * (self.nodes > 1)
        lines = "".join(_arrow(place[u], place[v], size) for u, v in np.argwhere(np.asarray(state.edges)))
        discs = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="#f4f1ea" stroke="#3d3a36"/>'
            f'<text x="{x:.1f}" y="{y + size / 3:.1f}">{node}</text>'
            for node, (x, y) in enumerate(place)
        )
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
            f'<g stroke="#3d3a36" stroke-width="1.5" fill="#3d3a36">{lines}</g>'
            f'<g font-family="sans-serif" font-size="{size:.1f}" text-anchor="middle" fill="#3d3a36">{discs}</g></svg>'
        )


def through(state: Dag, tail: Int[Array, ""], head: Int[Array, ""]) -> Int32[Array, "nodes nodes"]:
    """How many paths between any two nodes the edge tail -> head makes, be it there already or not."""
    return jnp.outer(state.paths[:, tail], state.paths[head])


def _arrow(start: np.ndarray, end: np.ndarray, size: float) -> str:
    along = (end - start) / np.linalg.norm(end - start)
    tip, back = end - size * along, end - (size + 5) * along
    left, right = (back + side * 2.5 * np.array([-along[1], along[0]]) for side in (1, -1))
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, left, right))
    ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{back[0]:.1f}" y2="{back[1]:.1f}"'
    return f'<line {ends}/><polygon points="{corners}"/>'


def has_edge(state: Dag, *, tail: int, head: int) -> Bool[Array, ""]:
    """Whether a graph has that edge; never where it has no such nodes."""
    nodes = state.edges.shape[0]
    return state.edges[tail, head] if max(tail, head) < nodes else jnp.array(False)
