"""Evidence by enumeration, and L5 on it: every state, every edge."""

from collections.abc import Sequence

import jax
import numpy as np

from anabranch.environment import Environment, initial_state, take
from anabranch.graph.enumeration import Enumeration, chunk_for, enumerate_states
from anabranch.graph.state_graph import longest_path_levels
from anabranch.ground.errors import SpaceTooLargeError
from anabranch.laws.evidence import Evidence
from anabranch.laws.words import actions_text, path_text, say

BYTES_A_SECOND = 50_000_000
"""Bytes of states that an enumeration makes and compares in a second; measured where labels are many."""


def bytes_of_state(env: Environment) -> int:
    """The size of one state in memory."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(initial_state(env)))


def enumerated_evidence(env: Environment, *, max_states: int, seconds: float) -> Evidence:
    """All states and edges, or those up to the first state too deep for `max_steps`.

    Raises SpaceTooLargeError beyond the limits, and at once where the children of the initial state alone, which are
    made in one piece, would take longer.
    """
    children = (env.num_actions + 1) * bytes_of_state(env) * chunk_for(env, 1)
    if children > seconds * BYTES_A_SECOND:
        raise SpaceTooLargeError(f"The children of one state are {children:,} bytes, too many for {seconds:g} s.")
    steps = int(env.max_steps)
    listing = enumerate_states(env, max_states=max_states, seconds=seconds, max_depth=steps)
    cut = int(listing.depth.max()) > steps
    refuted = _path_refutation(env, listing, cut)
    return Evidence(
        env=env,
        states=listing.states,
        source=listing.source,
        target=listing.target,
        action=listing.action,
        index=listing.index,
        complete=not cut,
        refuted={"L5": refuted} if refuted else {},
    )


def _path_refutation(env: Environment, listing: Enumeration, cut: bool) -> str | None:
    level = longest_path_levels(listing.can_stop.size, listing.source, listing.target)
    if (level < 0).any():
        return _cycle(env, listing, level)
    if cut:
        return _too_long(env, listing, listing.depth)
    return _too_long(env, listing, level) if level.max() > env.max_steps else None


def _too_long(env: Environment, listing: Enumeration, depth: np.ndarray) -> str:
    """The sentence on a path that is longer than allowed; `depth` grows by one along some edge into each state."""
    forward = np.nonzero(depth[listing.source] == depth[listing.target] - 1)[0]
    entered = _first_edges(listing, forward)
    last = int(depth.argmax())
    edges = _walk_back(listing, entered, last, int(depth[last]))
    return too_long_text(env, take(listing.states, last), listing.action[edges].tolist())


def too_long_text(env: Environment, state: object, actions: Sequence[int]) -> str:
    """The sentence on a path of these actions from the initial state to `state`, too long for `max_steps`."""
    return (
        f"{len(actions)} moves (the actions {actions_text(actions)}) lead from the initial state to {say(env, state)}, "
        f"but max_steps is {env.max_steps}: return the length of the longest path, or let legal end it."
    )


def _cycle(env: Environment, listing: Enumeration, level: np.ndarray) -> str:
    """The sentence on one cycle; among the states without a level each has a parent without one."""
    caught = np.nonzero((level[listing.source] < 0) & (level[listing.target] < 0))[0]
    entered = _first_edges(listing, caught)
    loops = caught[listing.source[caught] == listing.target[caught]]
    if loops.size:
        edges = [int(loops[0])]
    else:
        here, when = min(entered), {}
        while here not in when:
            when[here] = len(when)
            here = int(listing.source[entered[here]])
        edges = _walk_back(listing, entered, here, len(when) - when[here])
    path = [listing.source[edges[0]], *listing.target[edges]]
    return cycle_text(env, [take(listing.states, int(number)) for number in path], listing.action[edges].tolist())


def cycle_text(env: Environment, states: Sequence[object], actions: Sequence[int]) -> str:
    """The sentence on a cycle."""
    return (
        f"legal actions lead from a state back to itself: {path_text(env, states, actions)}: "
        "let legal forbid a label that undoes progress or changes nothing, or let the state count the moves."
    )


def _first_edges(listing: Enumeration, edges: np.ndarray) -> dict[int, int]:
    """For each state the first of these edges that leads into it."""
    return dict(zip(listing.target[edges][::-1].tolist(), edges[::-1].tolist(), strict=True))


def _walk_back(listing: Enumeration, entered: dict[int, int], last: int, moves: int) -> list[int]:
    """The edges of a path of `moves` moves that ends in `last`, each state entered by its chosen edge."""
    edges = []
    for _ in range(moves):
        edges.append(entered[last])
        last = int(listing.source[edges[-1]])
    return edges[::-1]
