"""A small environment as a graph in arrays: states, edges, levels."""

import dataclasses
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from anabranch.environment import Environment, require_environment, take
from anabranch.graph.enumeration import chunk_for, enumerate_states, in_chunks
from anabranch.ground.arguments import require_instance, require_whole
from anabranch.ground.errors import LawError, SpaceTooLargeError
from anabranch.ground.extras import of_extra
from anabranch.ground.fields import converted
from anabranch.ground.html import html_table

if TYPE_CHECKING:
    import networkx

SMALL_STATES, SMALL_SECONDS = 200_000, 20.0
"""Limits for listing in passing. So many states take a second on two idle cores; the rest is for busy machines."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class StateGraph:
    """All states and edges of an environment, in an order in which every edge leads forward.

    N states, E edges (two labels between one pair of states are two edges); state 0 is the initial one.
    Edges are sorted by the level of their source.
    """

    env: Environment
    """Whose states these are."""
    states: Any
    """Pytree of [N, ...] NumPy arrays."""
    source: Int[np.ndarray, " E"]
    """The state that each edge leaves."""
    target: Int[np.ndarray, " E"]
    """The state that each edge enters."""
    action: Int[np.ndarray, " E"]
    """The label of each edge."""
    can_stop: Bool[np.ndarray, " N"]
    """Which states are finished objects."""
    level: Int[np.ndarray, " N"]
    """Moves on the longest path from the initial state."""
    index: dict[bytes, int]
    """The number of a state, by its bytes."""

    @property
    def num_states(self) -> int:
        """N."""
        return self.can_stop.size

    @property
    def num_edges(self) -> int:
        """E."""
        return self.source.size

    @cached_property
    def objects(self) -> Int[np.ndarray, " X"]:
        """The numbers of the states that are finished objects."""
        return np.nonzero(self.can_stop)[0]

    @cached_property
    def edge_levels(self) -> list[slice]:
        """The edges out of each level, as slices of the edge arrays."""
        bounds = np.searchsorted(self.level[self.source], np.arange(self.level.max() + 2))
        return [slice(int(a), int(b)) for a, b in pairwise(bounds) if b > a]

    @cached_property
    def in_degree(self) -> Int[np.ndarray, " N"]:
        """Edges into each state."""
        return np.bincount(self.target, minlength=self.num_states)

    @cached_property
    def path_count(self) -> Float[np.ndarray, " N"]:
        """Paths from the initial state to each state (float64; exact below 2^53)."""
        count = np.zeros(self.num_states)
        count[0] = 1.0
        for edges in self.edge_levels:
            count += np.bincount(self.target[edges], count[self.source[edges]], self.num_states)
        return count

    @property
    def num_trajectories(self) -> int:
        """Complete trajectories, each ending in one finished object."""
        return int(self.path_count[self.objects].sum())

    @property
    def counts(self) -> list[tuple[str, str]]:
        """How many states, edges, objects and trajectories there are, in words."""
        numbers = {"states": self.num_states, "edges": self.num_edges, "finished objects": self.objects.size}
        return [(name, f"{count:,}") for name, count in (*numbers.items(), ("trajectories", self.num_trajectories))]

    def __repr__(self) -> str:
        return f"StateGraph of {self.env}: {', '.join(f'{count} {name}' for name, count in self.counts)}"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_table(f"All states of {self.env}", self.counts)

    @property
    def object_states(self) -> Any:
        """The finished objects as a batch of states, in the order of `objects`."""
        return take(self.states, self.objects)

    def decode(self, number: int | np.integer) -> Any:
        """The plain-Python object of state `number`."""
        return self.env.decode(take(self.states, number))

    def show(self, number: int | np.integer) -> str:
        """State `number` as text."""
        return self.env.show(take(self.states, number))

    def map(self, function: Any) -> Any:
        """A JAX function of one state, evaluated on all states: a pytree of [N, ...] NumPy arrays."""
        return in_chunks(jax.jit(jax.vmap(function)), self.states, chunk=chunk_for(self.env, self.num_states))

    def to_networkx(self) -> "networkx.MultiDiGraph":
        """A networkx.MultiDiGraph: nodes 0..N-1 with `text`, `level`, `can_stop`; edges with `action`."""
        networkx = of_extra("networkx", extra="graphs", needs="networkx is not installed")
        graph = networkx.MultiDiGraph()
        for number in range(self.num_states):
            finished, level = bool(self.can_stop[number]), int(self.level[number])
            graph.add_node(number, text=self.show(number), level=level, can_stop=finished)
        for edge in zip(self.source.tolist(), self.target.tolist(), self.action.tolist(), strict=True):
            graph.add_edge(edge[0], edge[1], action=edge[2])
        return graph


def longest_path_levels(count: int, source: np.ndarray, target: np.ndarray) -> Int[np.ndarray, " N"]:
    """The longest path from a parentless state to each state; -1 for states on or behind a cycle."""
    level = np.full(count, -1)
    waiting = np.bincount(target, minlength=count)
    order = np.argsort(source, kind="stable")
    start = np.searchsorted(source[order], np.arange(count + 1))
    ready = np.nonzero(waiting == 0)[0]
    depth = 0
    while ready.size:
        level[ready] = depth
        sizes = start[ready + 1] - start[ready]
        offsets = np.repeat(start[ready] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(sizes.sum())
        reached, times = np.unique(target[order[offsets]], return_counts=True)
        waiting[reached] -= times
        ready = reached[waiting[reached] == 0]
        depth += 1
    return level


def require_graph(graph: Any) -> None:
    """Raise ConfigError where an argument is no state graph, but an environment say."""
    require_instance(graph, StateGraph, argument="graph", expected="a StateGraph, as state_graph(env) gives it")


def state_graph(env: Environment, *, max_states: int = 1_000_000, seconds: float = 20.0) -> StateGraph:
    """Enumerate an environment into a StateGraph; remembered for each environment, whatever the limits.

    Arguments:
        env: an instance of an Environment.
        max_states: how many states may be listed.
        seconds: how long listing may take.

    Returns:
        A `StateGraph`: all states and edges in NumPy, sorted so that every edge leads forward.

    Raises:
        SpaceTooLargeError: beyond either limit.
        LawError: for a cycle, with a state on or behind it.

    Example:
        print(anabranch.state_graph(env).num_states)
    """
    require_environment(env)
    require_whole(max_states=max_states)
    seconds = converted(seconds, float, "seconds")
    attempts = _attempts(env, bool(jax.config.jax_enable_x64))  # pyright: ignore[reportAttributeAccessIssue]
    if attempts.graph is not None and attempts.graph.num_states <= max_states:
        return attempts.graph
    for states, time, sentence in attempts.refused:
        if max_states <= states and seconds <= time:
            raise SpaceTooLargeError(sentence)
    try:
        attempts.graph = _enumerated(env, max_states, seconds)
    except SpaceTooLargeError as error:
        attempts.refused.append((max_states, seconds, str(error)))
        raise
    return attempts.graph


@dataclasses.dataclass
class Attempts:
    """The results of enumerating an environment, failures included, because a failure takes as long as a success."""

    graph: StateGraph | None = None
    refused: list[tuple[int, float, str]] = dataclasses.field(default_factory=list)
    """max_states and seconds of each attempt that failed, and the sentence that it failed with."""


@lru_cache(maxsize=16)
def _attempts(env: Environment, x64: bool) -> Attempts:
    del env, x64
    return Attempts()


def small_state_graph(env: Environment) -> StateGraph | None:
    """The graph of a space so small that it may be enumerated on the way to something else; None for any other."""
    try:
        return state_graph(env, max_states=SMALL_STATES, seconds=SMALL_SECONDS)
    except SpaceTooLargeError:
        return None


def _enumerated(env: Environment, max_states: int, seconds: float) -> StateGraph:
    listing = enumerate_states(env, max_states=max_states, seconds=seconds)
    count = listing.can_stop.size
    level = longest_path_levels(count, listing.source, listing.target)
    if (level < 0).any():
        stuck = env.show(take(listing.states, int(np.nonzero(level < 0)[0][0])))
        raise LawError(
            f"{type(env).__name__} has a cycle through or before {stuck}: run anabranch.check(env) to see it."
        )
    rank = np.argsort(level, kind="stable")
    number = np.empty(count, int)
    number[rank] = np.arange(count)
    source, target = number[listing.source], number[listing.target]
    edges = np.lexsort((listing.action, source))
    return StateGraph(
        env=env,
        states=take(listing.states, rank),
        source=source[edges],
        target=target[edges],
        action=listing.action[edges],
        can_stop=listing.can_stop[rank],
        level=level[rank],
        index={key: int(number[old]) for key, old in listing.index.items()},
    )
