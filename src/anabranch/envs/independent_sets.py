"""Independent sets of a graph: nodes of which no two are neighbours, worth their number."""

import dataclasses
import math
from functools import cache, cached_property, lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import State
from anabranch.envs.cells import EMPTY, FULL, INK
from anabranch.envs.instances import IsBest, require_instance_seed, uniforms
from anabranch.envs.sets import Subsets
from anabranch.envs.tasks import Task, usual_settings
from anabranch.evaluation.facts import Fact
from anabranch.ground.errors import ConfigError


class IndependentSets(Subsets):
    """Sets of nodes of which no two are neighbours; each label adds a node, every state may stop.

    The graph has an edge between two nodes with probability `density`, drawn from `seed`: the pairs (0, 1), (0, 2), ..
    (1, 2), .. in this order, an edge where the next number is below it. Or `edges` names them.
    """

    items: int = 16
    """How many nodes there are."""
    seed: int = 0
    """Draws the edges."""
    density: float = 0.3
    """Probability of each edge."""
    edges: tuple[str, ...] | None = None
    """Pairs of nodes such as 0-1, in place of drawn ones; none: drawn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_instance_seed(self.seed)
        if not 0.0 <= self.density <= 1.0:
            raise ConfigError(f"density is a probability; given {self.density}.")
        for edge in self.edges or ():
            ends = edge.split("-")
            numbers = [int(end) for end in ends if end.strip().isdecimal()]
            if len(ends) != 2 or len(set(numbers)) != 2 or max(numbers) >= self.items:
                raise ConfigError(f"An edge joins two nodes of 0 to {self.items - 1}, such as 0-1; given {edge!r}.")

    @cached_property
    def neighbours(self) -> Bool[np.ndarray, "items items"]:
        """Which nodes have an edge between them."""
        tails, heads = np.triu_indices(self.items, 1)
        if self.edges is None:
            there = uniforms(self.seed, tails.size) < self.density
            tails, heads = tails[there], heads[there]
        else:
            tails, heads = np.array([edge.split("-") for edge in self.edges], int).reshape(-1, 2).T
        table = np.zeros((self.items, self.items), bool)
        table[tails, heads] = table[heads, tails] = True
        return table

    @property
    def max_steps(self) -> int:
        """A bound: of the two ends of an edge one at most is in a set, and so of each edge of a matching."""
        return self._unmatched

    @cached_property
    def _unmatched(self) -> int:
        """Nodes less the pairs of a matching."""
        free, pairs = np.ones(self.items, bool), 0
        for node in range(self.items):
            partners = np.nonzero(self.neighbours[node] & free)[0]
            if free[node] and partners.size:
                free[[node, partners[0]]] = False
                pairs += 1
        return self.items - pairs

    def legal(self, state: Bool[Array, " items"]) -> Bool[Array, " items"]:
        return ~state & ~(jnp.asarray(self.neighbours) & state).any(axis=1)

    def can_stop(self, state: Bool[Array, " items"]) -> Bool[Array, ""]:
        del state
        return jnp.array(True)

    def encode(self, item: tuple[int, ...]) -> Bool[Array, " items"]:
        """The set of these nodes. Raises ConfigError where two are neighbours."""
        state = super().encode(item)
        if (self.neighbours & np.outer(state, state)).any():
            raise ConfigError(f"No two nodes of an independent set are neighbours; given {item!r}.")
        return state

    def draw(self, state: State) -> str:
        """The graph with its nodes on a circle, those of the set filled."""
        angles = 2 * math.pi * np.arange(self.items) / self.items
        x, y = 50 + 43 * np.sin(angles), 50 - 43 * np.cos(angles)
        lines = [
            f'<line x1="{x[u]:.2f}" y1="{y[u]:.2f}" x2="{x[v]:.2f}" y2="{y[v]:.2f}"/>'
            for u, v in np.argwhere(np.triu(self.neighbours))
        ]
        nodes = [
            f'<circle cx="{x[node]:.2f}" cy="{y[node]:.2f}" r="5" fill="{FULL if chosen else EMPTY}"/>'
            for node, chosen in enumerate(np.asarray(state))
        ]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
            f'<g stroke="{INK}" stroke-width="1">{"".join(lines)}{"".join(nodes)}</g></svg>'
        )


MOST_NODES = 40
"""Up to so many nodes the sets are counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeCount:
    """log R = `beta` * number of nodes, in nats: the hard-core model at fugacity e^beta.

    Z is the independence polynomial of the graph at e^beta. For the task, log Z is 10.758588, and the largest of its
    721 sets have 6 nodes.
    """

    env: IndependentSets
    beta: float = 1.0
    """Nats that each node adds."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.beta):
            raise ConfigError(f"beta is a finite number of nats; given {self.beta}.")

    def __call__(self, state: Bool[Array, " items"]) -> Float[Array, ""]:
        """log R of one set."""
        return -self.energy(state)

    def energy(self, state: Bool[Array, " items"]) -> Float[Array, ""]:
        """-beta for each node."""
        return -self.beta * jnp.sum(state)

    @property
    def by_size(self) -> Int[np.ndarray, " sizes"] | None:
        """How many independent sets of 0, 1, .. nodes there are; None beyond 40 nodes."""
        return set_counts(self.env) if self.env.items <= MOST_NODES else None

    @property
    def log_z(self) -> float | None:
        """The exact log Z, from the numbers of sets of each size; None beyond 40 nodes."""
        counts = self.by_size
        if counts is None:
            return None
        return float(np.logaddexp.reduce(np.log(counts) + self.beta * np.arange(counts.size)))

    @property
    def best(self) -> float | None:
        """The largest log R; None beyond 40 nodes."""
        counts = self.by_size
        return None if counts is None else max(0.0, self.beta * (counts.size - 1))


@lru_cache(maxsize=32)
def set_counts(env: IndependentSets) -> Int[np.ndarray, " sizes"]:
    """How many independent sets of 0, 1, .. nodes a graph has.

    Those without a node are the sets of the graph without it; those with it are those of the graph without its
    neighbours as well, and a node more.
    """
    closed = [
        (1 << node) + sum(1 << int(other) for other in np.nonzero(row)[0]) for node, row in enumerate(env.neighbours)
    ]

    @cache
    def counts(nodes: int) -> tuple[int, ...]:
        if not nodes:
            return (1,)
        node = nodes.bit_length() - 1
        without, with_it = counts(nodes & ~(1 << node)), (0, *counts(nodes & ~closed[node]))
        size = max(len(without), len(with_it))
        padded = [(*one, *[0] * (size - len(one))) for one in (without, with_it)]
        return tuple(sum(pair) for pair in zip(*padded, strict=True))

    return np.array(counts((1 << env.items) - 1))


ENV = IndependentSets()
REWARD = NodeCount(env=ENV)

TASKS = {
    "independent-sets": Task(
        env=ENV,
        log_reward=REWARD,
        name="independent-sets",
        summary="sets of 16 nodes without an edge between them, worth e for each node",
        facts={"largest": Fact(event=IsBest(REWARD))},
        settings=usual_settings(),
    )
}
