"""An environment from one plain-Python function: states listed, edges labelled by a bipartite colouring."""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State
from anabranch.graph.state_graph import longest_path_levels
from anabranch.ground.content import ByContent
from anabranch.ground.errors import LawError, RewardError, SpaceTooLargeError


@dataclasses.dataclass(frozen=True, eq=False)
class Table(ByContent):
    """The edges of a listed graph: `child[s, a]` and `parent[t, a]`, -1 where label a is not allowed."""

    items: tuple[Hashable, ...]
    child: Int[np.ndarray, "N A"]
    parent: Int[np.ndarray, "N A"]
    stops: Bool[np.ndarray, " N"]
    longest: int

    @cached_property
    def number(self) -> dict[Hashable, int]:
        """The number of each state."""
        return {item: number for number, item in enumerate(self.items)}


@dataclasses.dataclass(frozen=True, eq=False)
class TableReward(ByContent):
    """log R of each listed state, -inf for a reward of zero."""

    values: Float[np.ndarray, " N"]

    def __call__(self, state: Int[Array, ""]) -> Float[Array, ""]:
        """log R of one state."""
        return jnp.asarray(self.values, float)[state]

    def minus(self, level: float) -> "TableReward":
        """The same with log R less by a level, subtracted in float64."""
        return TableReward(self.values - level)


class TableEnvironment(Environment):
    """An exact environment over listed states; its state is the state's number, seen by networks as a token."""

    listed: Table

    @property
    def max_steps(self) -> int:
        return self.listed.longest

    def initial(self) -> Int[Array, ""]:
        return jnp.array(0)

    def step(self, state: Int[Array, ""], action: Int[Array, ""]) -> Int[Array, ""]:
        return jnp.maximum(jnp.asarray(self.listed.child)[state, action], 0)

    def undo(self, state: Int[Array, ""], action: Int[Array, ""]) -> Int[Array, ""]:
        return jnp.maximum(jnp.asarray(self.listed.parent)[state, action], 0)

    def legal(self, state: Int[Array, ""]) -> Bool[Array, " A"]:
        return jnp.asarray(self.listed.child)[state] >= 0

    def undoable(self, state: Int[Array, ""]) -> Bool[Array, " A"]:
        return jnp.asarray(self.listed.parent)[state] >= 0

    def can_stop(self, state: Int[Array, ""]) -> Bool[Array, ""]:
        return jnp.asarray(self.listed.stops)[state]

    def bounds(self) -> tuple[int, int]:
        return 0, len(self.listed.items) - 1

    def decode(self, state: State) -> Hashable:
        return self.listed.items[int(state)]

    def encode(self, item: Hashable) -> Int[Array, ""]:
        return jnp.array(self.listed.number[item])

    def show(self, state: State) -> str:
        return repr(self.decode(state))

    def table(self, reward: Callable[[Any], float]) -> TableReward:
        """A log-reward from a plain-Python reward R(x) >= 0 of the hashable states that may stop.

        Raises RewardError that names the state where R is negative, infinite, NaN or not a number.
        """
        values = np.full(len(self.listed.items), -np.inf)
        for number in np.nonzero(self.listed.stops)[0]:
            item = self.listed.items[number]
            value = _reward_of(reward, item)
            if not isinstance(value, int | float | np.number) or not 0.0 <= float(value) < float("inf"):
                raise RewardError(f"The reward of {item!r} is {value!r}: it must be a finite number >= 0.")
            values[number] = np.log(float(value)) if value > 0 else -np.inf
        return TableReward(values)


def _reward_of(reward: Callable[[Any], Any], item: Any) -> Any:
    try:
        return reward(item)
    except Exception as error:
        words = " ".join(str(error).split())
        raise RewardError(f"The reward of {item!r} raised {type(error).__name__}: {words}.") from error


def tabulate(
    start: Hashable,
    children: Callable[[Any], Iterable[Hashable]],
    can_stop: Callable[[Any], bool] | None = None,
    *,
    max_states: int = 1_000_000,
) -> TableEnvironment:
    """List every state reachable from `start` and make an exact environment of them.

    Arguments:
        start: the initial state, any hashable value.
        children: a function from a state to the hashable states one step further; a child given twice is a double edge.
        can_stop: says which states are finished objects; None: those without children.
        max_states: the most states that are listed.

    Returns:
        An environment; its `table(function)` makes a log-reward of a plain-Python reward.

    Raises:
        LawError: for a cycle or a dead end, with the state.
        SpaceTooLargeError: beyond `max_states`.

    Example:
        words = anabranch.tabulate("", lambda word: [word + letter for letter in "ab"] if len(word) < 3 else [])
    """
    number: dict[Hashable, int] = {start: 0}
    items, edges = [start], []
    for item in items:
        for child in children(item):
            if child not in number:
                number[child] = len(items)
                items.append(child)
            edges.append((number[item], number[child]))
        if len(items) > max_states:
            raise SpaceTooLargeError(f"More than {max_states:,} states are reachable from {start!r}: raise max_states.")
    source, target = np.array(edges, int).reshape(-1, 2).T
    level = longest_path_levels(len(items), source, target)
    if (level < 0).any():
        raise LawError(
            f"There is a cycle (law L5) through or before {items[int(np.argmin(level))]!r}: no state may recur."
        )
    leaf = np.bincount(source, minlength=len(items)) == 0
    stops = leaf if can_stop is None else np.array([bool(can_stop(item)) for item in items])
    dead = np.nonzero(leaf & ~stops)[0]
    if dead.size:
        raise LawError(f"{items[int(dead[0])]!r} has no children and may not stop: a dead end (law L4).")
    child, parent = _tables(len(items), edges)
    return TableEnvironment(Table(tuple(items), child, parent, stops, int(level.max())))


def _tables(count: int, edges: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Label the edges so that none shares a label with another out of the same source or into the same target.

    A bipartite graph needs only as many labels as its largest degree (König): where the two ends of an
    edge have no free label in common, the labels along an alternating path are swapped.
    """
    source, target = np.array(edges, int).reshape(-1, 2).T
    degree = max([1, *np.bincount(source), *np.bincount(target)])
    child, parent = np.full((count, degree), -1), np.full((count, degree), -1)
    for s, t in edges:
        free_out, free_in = child[s] < 0, parent[t] < 0
        common = free_out & free_in
        if common.any():
            label = int(np.argmax(common))
        else:
            label = int(np.argmax(free_out))
            _swap_path(child, parent, t, label, int(np.argmax(free_in)))
        child[s, label], parent[t, label] = t, s
    return child, parent


def _swap_path(child: np.ndarray, parent: np.ndarray, start: int, taken: int, free: int) -> None:
    """Swap two labels along the path that leaves `start` by `taken`, so that `taken` becomes free there."""
    path, t, label = [], start, taken
    while True:
        s = int(parent[t, label])
        if s < 0:
            break
        path.append((s, t, label))
        other = free if label == taken else taken
        t_next = int(child[s, other])
        if t_next < 0:
            break
        path.append((s, t_next, other))
        t, label = t_next, taken
    for s, t, label in path:
        child[s, label], parent[t, label] = -1, -1
    for s, t, label in path:
        swapped = free if label == taken else taken
        child[s, swapped], parent[t, swapped] = t, s
