"""Where the states of a drawn graph stand: columns by level, ordered so that few streams cross."""

import dataclasses
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from anabranch.graph.state_graph import StateGraph

SWEEPS, STARTS = 24, 6
MOST_EDGES, MOST_WAYPOINTS, MANY = 4_000, 600, 400
WAYPOINT = 0.4
"""The height of a stream that passes through a column; a state has 1."""


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """The part of a graph that is drawn: V states and D edges."""

    states: Int[np.ndarray, " V"]
    """Their numbers in the graph."""
    edges: Int[np.ndarray, " D"]
    """Their numbers in the graph."""
    source: Int[np.ndarray, " D"]
    """Places in `states`."""
    target: Int[np.ndarray, " D"]
    column: Int[np.ndarray, " V"]


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """Heights of states, and of the waypoints where long edges pass through a column."""

    column: Int[np.ndarray, " P"]
    """The V states first, then the waypoints."""
    height: Float[np.ndarray, " P"]
    """-1/2 to 1/2, upward."""
    chains: list[list[int]]
    """For each edge its source, its waypoints and its target."""
    room: float
    """How many states the fullest column holds."""


def view_of(graph: StateGraph, states: Int[np.ndarray, " V"], chance: Float[np.ndarray, " E"]) -> View:
    """These states of a graph and the edges between them, at most 4,000, those that are passed most often."""
    place = np.full(graph.num_states, -1)
    place[states] = np.arange(states.size)
    edges = np.nonzero((place[graph.source] >= 0) & (place[graph.target] >= 0))[0]
    edges = np.sort(edges[np.argsort(-chance[edges], kind="stable")[:MOST_EDGES]])
    column = np.unique(graph.level[states], return_inverse=True)[1]
    return View(states, edges, place[graph.source[edges]], place[graph.target[edges]], column)


def busiest_states(
    graph: StateGraph, chance: Float[np.ndarray, " E"], sampled: Float[np.ndarray, " N"], limit: int
) -> Int[np.ndarray, " V"]:
    """At most `limit` states: the likeliest objects, each with the likeliest way back to the source."""
    best = np.full(graph.num_states, -1)
    order = np.argsort(chance, kind="stable")
    best[graph.target[order]] = order
    kept = {0}
    for item in np.argsort(-sampled, kind="stable")[: 20 * limit].tolist():
        way, number = [], item
        while number not in kept:
            way.append(number)
            number = int(graph.source[best[number]])
        if len(kept) + len(way) <= limit:
            kept.update(way)
    return np.array(sorted(kept))


def arrange(view: View, weight: Float[np.ndarray, " D"], group: Int[np.ndarray, " V"] | None = None) -> Layout:
    """Order every column by barycentre sweeps from several starts and keep the order with the lightest crossings.

    States of one `group` stand together in their column, those of a higher one above those of a lower one.
    """
    column, chains = _with_waypoints(view)
    groups = np.zeros(column.size, int)
    if group is not None:
        groups[: group.size] = group
    order = _Ordering.of(view, column, chains, weight, groups)
    generator = np.random.default_rng(0)
    best, fewest = np.zeros(column.size), np.inf
    for start in range(STARTS if len(chains) <= MANY else 2):
        wish = np.arange(column.size) if start == 0 else generator.permutation(column.size)
        height = order.stand_all(wish.astype(float))
        for at in range(SWEEPS):
            height = order.sweep(height, forward=at % 2 == 0)
            crossings = order.crossings(height)
            if crossings < fewest * (1 - 1e-9):
                best, fewest = height, crossings
    return Layout(column, best, chains, order.widest)


def _with_waypoints(view: View) -> tuple[Int[np.ndarray, " P"], list[list[int]]]:
    column = view.column.tolist()
    span = view.column[view.target] - view.column[view.source]
    if (span - 1).sum() > MOST_WAYPOINTS:
        return view.column, np.stack([view.source, view.target], axis=1).tolist()
    chains = []
    for source, target in zip(view.source.tolist(), view.target.tolist(), strict=True):
        between = range(column[source] + 1, column[target])
        chains.append([source, *range(len(column), len(column) + len(between)), target])
        column += list(between)
    return np.array(column), chains


@dataclasses.dataclass(frozen=True, eq=False)
class _Ordering:
    """What the order of the columns depends on."""

    members: list[np.ndarray]
    """The points of each column."""
    links: Int[np.ndarray, "L 2"]
    """Points of neighbouring columns, left and right."""
    strength: Float[np.ndarray, " L"]
    room: Float[np.ndarray, " P"]
    group: Int[np.ndarray, " P"]
    widest: float

    @classmethod
    def of(
        cls, view: View, column: np.ndarray, chains: list[list[int]], weight: np.ndarray, group: np.ndarray
    ) -> "_Ordering":
        # An edge without flow is drawn too, so it counts a little.
        strength = weight + 0.02 * max(float(weight.max(initial=0.0)), 1e-300)
        return cls(
            members=[np.nonzero(column == at)[0] for at in range(int(column.max()) + 1)],
            links=np.array([pair for chain in chains for pair in pairwise(chain)], int).reshape(-1, 2),
            strength=np.repeat(strength, [len(chain) - 1 for chain in chains]),
            room=(room := np.where(np.arange(column.size) < view.states.size, 1.0, WAYPOINT)),
            group=group,
            widest=float(np.bincount(column, room).max()),
        )

    def stand(self, here: np.ndarray, wish: np.ndarray) -> None:
        """Replace the wishes of one column by heights in their order; emptier columns stand closer together."""
        ordered = here[np.lexsort((wish[here], self.group[here]))]
        room = self.room[ordered]
        wish[ordered] = ((np.cumsum(room) - room / 2) / room.sum() - 0.5) * (room.sum() / self.widest) ** 0.6

    def stand_all(self, wish: np.ndarray) -> np.ndarray:
        height = wish.copy()
        for here in self.members:
            self.stand(here, height)
        return height

    def sweep(self, height: np.ndarray, *, forward: bool) -> np.ndarray:
        """Column by column, each point wishes to stand at the mean height of its neighbours behind."""
        last, here = self.links.T if forward else self.links.T[::-1]
        total = np.bincount(here, self.strength, height.size)
        height = height.copy()
        for points in self.members if forward else self.members[::-1]:
            pull = np.bincount(here, self.strength * height[last], height.size)
            drawn = points[total[points] > 0]
            height[drawn] = pull[drawn] / total[drawn]
            self.stand(points, height)
        return height

    def crossings(self, height: np.ndarray) -> float:
        """The summed product of the strengths of all pairs of links that cross."""
        rank = np.empty(height.size, int)
        for points in self.members:
            rank[points[np.argsort(height[points])]] = np.arange(points.size)
        crossed = 0.0
        for left, right in pairwise(self.members):
            links = np.nonzero(np.isin(self.links, left)[:, 0] & np.isin(self.links, right)[:, 1])[0]
            cells = rank[self.links[links, 0]] * right.size + rank[self.links[links, 1]]
            table = np.bincount(cells, self.strength[links], left.size * right.size).reshape(left.size, right.size)
            below = table[::-1].cumsum(axis=0)[::-1] - table
            crossed += float((table[:, 1:] * below.cumsum(axis=1)[:, :-1]).sum())
        return crossed
