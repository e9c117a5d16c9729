"""Directed acyclic graphs over labelled nodes, an edge at a time: Bayesian structure learning."""

import dataclasses
import math
from functools import lru_cache, partial
from itertools import permutations
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int, Int32

from anabranch.environment import Environment, State
from anabranch.envs.adjacency import dag_from
from anabranch.envs.dag_scores import MOST_CACHED, LocalScore, bge, bic, gaussian, random_network
from anabranch.errors import ConfigError
from anabranch.evaluation import ExactLaw, Fact
from anabranch.explore import Explore
from anabranch.objectives import Objective
from anabranch.tasks import Settings, Task
from anabranch.training.optimizer import Adam

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


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DagReward:
    """log R = sum over nodes of score(node, parents) - score(node, no parents), so that the empty graph has R = 1.

    With a uniform prior over graphs, R / Z is the posterior given the data. `score` is "bge" (`alpha_mu`, and
    `alpha_w`, by default nodes + 2), "gaussian" (weights from N(0, weight_scale^2), known `noise`) or "bic"; see
    `anabranch.envs.dag_scores`. The data are `samples` draws of a random linear-Gaussian network (Erdos-Renyi with
    `expected_edges`, by default as many as nodes; noise of standard deviation `noise`; from `seed`), as in Deleu et al.
    2022 (arXiv:2202.13903), or `data`, one column a node. Up to 12 nodes local scores are computed once, in
    float64, and looked up; beyond, JAX computes them in float32.
    """

    env: Dags
    score: Literal["bge", "gaussian", "bic"] = "bge"
    samples: int = 100
    expected_edges: float | None = None
    noise: float = 0.1
    seed: int = 0
    weight_scale: float = 1.0
    alpha_mu: float = 1.0
    alpha_w: float | None = None
    data: Float[np.ndarray, "samples nodes"] | None = None

    def __post_init__(self) -> None:
        nodes, pairs = self.env.nodes, self.env.max_steps
        if self.score not in ("bge", "gaussian", "bic"):
            raise ConfigError(f"score is 'bge', 'gaussian' or 'bic'; given {self.score!r}.")
        for name in ("noise", "weight_scale", "alpha_mu"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive and finite; given {getattr(self, name)}.")
        if self.alpha_w is not None and not nodes + 1 < self.alpha_w < math.inf:
            raise ConfigError(f"alpha_w must be finite and above nodes + 1 = {nodes + 1}; given {self.alpha_w}.")
        if not 0.0 <= self.edges_expected <= pairs:
            raise ConfigError(f"expected_edges must lie between 0 and {pairs}; given {self.expected_edges}.")
        if self.samples < 1 or self.seed < 0:
            raise ConfigError(f"samples >= 1 and seed >= 0 are needed; given {self.samples} and {self.seed}.")
        if self.data is not None:
            given = np.array(self.data, np.float64)
            if given.ndim != 2 or given.shape[1] != nodes or given.shape[0] < 1 or not np.isfinite(given).all():
                what = f"a table of finite numbers with a column for each of {nodes} nodes"
                raise ConfigError(f"data must be {what}; given shape {given.shape}.")
            given.setflags(write=False)
            object.__setattr__(self, "data", given)

    @property
    def edges_expected(self) -> float:
        """The expected number of edges of the random network."""
        return float(min(self.env.nodes, self.env.max_steps) if self.expected_edges is None else self.expected_edges)

    def network(self) -> tuple[Bool[np.ndarray, "nodes nodes"], Float[np.ndarray, "samples nodes"]]:
        """The random network's edges, and the data drawn from it."""
        options = {"expected_edges": self.edges_expected, "samples": self.samples, "noise": self.noise}
        return random_network(self.env.nodes, seed=self.seed, **options)

    def local_score(self) -> LocalScore:
        """The score as a function of a node and its parents. Raises ConfigError where the data do not allow it."""
        data = self.network()[1] if self.data is None else self.data
        nodes = self.env.nodes
        if self.score == "bge":
            return bge(data, alpha_mu=self.alpha_mu, alpha_w=nodes + 2.0 if self.alpha_w is None else self.alpha_w)
        if self.score == "gaussian":
            return gaussian(data, noise=self.noise, weight_scale=self.weight_scale)
        found = bic(data)
        if np.linalg.matrix_rank(data - data.mean(0)) < nodes:
            raise ConfigError(
                f"BIC needs more samples than nodes, and no column that is constant or a combination of others; given "
                f"{len(data)} samples of {nodes} nodes. BGe needs neither."
            )
        return found

    def local(self, node: Int[Array, ""], parents: Bool[Array, " nodes"]) -> Float[Array, ""]:
        """The score of one node with these parents, minus that without any."""
        if self.env.nodes > MOST_CACHED:
            return _local_score(self).relative(node, parents)
        return jnp.asarray(_table(self), float)[node, parents @ (1 << jnp.arange(self.env.nodes))]

    def __call__(self, state: Dag) -> Float[Array, ""]:
        """log R of one graph."""
        return jax.vmap(self.local)(jnp.arange(self.env.nodes), state.edges.T).sum()

    def delta(self, state: Dag, action: Int[Array, ""]) -> Float[Array, ""]:
        """log R of the graph with the edge `action` minus log R of the graph without it, from one node's scores."""
        tail, head = action // self.env.nodes, action % self.env.nodes
        parents = state.edges[:, head]
        return self.local(head, parents.at[tail].set(True)) - self.local(head, parents.at[tail].set(False))

    def _identity(self) -> tuple[Any, ...]:
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return tuple((v.shape, v.tobytes()) if isinstance(v, np.ndarray) else v for v in values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DagReward) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


@lru_cache(maxsize=16)
def _local_score(reward: DagReward) -> LocalScore:
    return reward.local_score()


@lru_cache(maxsize=16)
def _table(reward: DagReward) -> Float[np.ndarray, "nodes sets"]:
    """Local scores relative to no parents; 0 where a node would be its own parent, which no graph asks for."""
    scores = _local_score(reward).table()
    return np.nan_to_num(scores - scores[:, :1])


def edge_marginals(law: ExactLaw) -> tuple[Float[np.ndarray, "nodes nodes"], Float[np.ndarray, "nodes nodes"]]:
    """The probability of each edge u -> v, entry [u, v], under R / Z and under the policy."""
    edges = law.graph.object_states.edges.astype(np.float64)
    return np.tensordot(law.target, edges, 1), np.tensordot(law.model, edges, 1)


def edge_marginal_correlation(law: ExactLaw) -> float:
    """Pearson correlation of the edge marginals of R / Z with those of the policy, over all pairs u != v."""
    target, model = edge_marginals(law)
    pairs = ~np.eye(len(target), dtype=bool)
    return float(np.corrcoef(target[pairs], model[pairs])[0, 1])


def has_edge(state: Dag, *, tail: int, head: int) -> Bool[Array, ""]:
    """Whether a graph has that edge; never where it has no such nodes."""
    nodes = state.edges.shape[0]
    return state.edges[tail, head] if max(tail, head) < nodes else jnp.array(False)


def settings(objective: Objective) -> Settings:
    """A usual network; exploration that ends half-way, where allowed; a fast log Z, which may be 100 nats from 0."""
    explore = None if objective.on_policy else Explore(epsilon=0.2, anneal=2_500)
    return Settings(steps=5_000, batch=32, optimizer=Adam(learning_rate=2e-3), explore=explore, log_z_rate=1.0)


def _task(name: str, nodes: int) -> Task:
    env = Dags(nodes=nodes)
    pairs = permutations(range(nodes), 2)
    return Task(
        env=env,
        log_reward=DagReward(env=env),
        name=name,
        summary=f"Bayesian networks of {nodes} nodes, by the BGe score on data",
        facts={f"{tail}>{head}": Fact(event=partial(has_edge, tail=tail, head=head)) for tail, head in pairs},
        settings=settings,
    )


TASKS = {name: _task(name, nodes) for name, nodes in (("dags", 4), ("dags-5", 5))}
