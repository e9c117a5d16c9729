"""Evidence by random walks, for spaces too large to enumerate; L5 and L2 on the walks themselves."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State, initial_state, same_state, step, take, undo
from anabranch.graph.enumeration import state_keys
from anabranch.ground.streams import Stream, key_of
from anabranch.laws.edges import undo_fault
from anabranch.laws.enumerated import bytes_of_state, cycle_text, too_long_text
from anabranch.laws.evidence import Evidence, on_device
from anabranch.laws.words import actions_text, say

MOST_BYTES = 2**28
"""Walks are fewer where their states would take more memory."""
WALKED_BYTES_A_SECOND, LEAST_ROW_BYTES = 20_000_000, 100
"""Bytes of states and masks that walks make in a second, laws included; a row counts for some at least. Measured."""


@dataclasses.dataclass(frozen=True, eq=False)
class Walks:
    """Walks as [W, rows] NumPy arrays: the state of each row, the label taken there, whether one was."""

    states: Any
    action: Int[np.ndarray, "W rows"]
    moving: Bool[np.ndarray, "W rows"]

    @property
    def length(self) -> Int[np.ndarray, " W"]:
        """Moves of each walk."""
        return self.moving.sum(1)

    def at(self, walk: int, row: int) -> State:
        """The state of one row."""
        return take(self.states, (walk, row))

    def actions(self, walk: int, until: int | None = None) -> list[int]:
        """The labels of one walk, in the order taken."""
        return self.action[walk, : self.length[walk]][:until].tolist()


def affordable_walks(env: Environment, walks: int, seconds: float) -> int:
    """So many walks as memory holds and so many seconds allow, at least one.

    It is estimated before they start, since all walks go at once.
    """
    row_bytes, rows = bytes_of_state(env), env.max_steps + 1
    fit = MOST_BYTES // (max(row_bytes, 1) * rows)
    in_time = seconds * WALKED_BYTES_A_SECOND / ((row_bytes + env.num_actions + LEAST_ROW_BYTES) * rows)
    return int(max(1, min(walks, fit, in_time)))


def walked_evidence(env: Environment, *, walks: int, seed: int) -> Evidence:
    """States and edges of uniform random walks, which go on while anything is legal, and of walks back again."""
    luck = jax.random.uniform(key_of(seed, Stream.CHECK_WALKS), (2, walks, env.max_steps + 1))
    ahead = Walks(*jax.tree.map(np.asarray, walk_ahead(env, luck[0])))
    there = np.pad(ahead.moving[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    index: dict[bytes, int] = {}
    number = np.full(there.shape, -1)
    number.T[there.T] = _numbered(ahead.states, there, index)
    seen = [_rows(ahead.states, there)]
    refuted = {"L5": text} if (text := _path_refutation(env, ahead, number)) else {}
    if not refuted:
        ends = jax.tree.map(lambda leaf: leaf[np.arange(walks), ahead.length], ahead.states)
        *columns, sound, last, home = _walk_back(env, luck[1, :, 1:], on_device(ends))
        back = Walks(*jax.tree.map(np.asarray, columns))
        refuted = {"L2": text} if (text := _return_refutation(env, back, np.asarray(sound), last, home)) else {}
        if not refuted:
            _numbered(back.states, back.moving, index)
            seen.append(_rows(back.states, back.moving))
    walk, row = np.nonzero(ahead.moving[:, :-1])
    joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *seen)
    return Evidence(
        env=env,
        states=_distinct(joined),
        source=number[walk, row],
        target=number[walk, row + 1],
        action=ahead.action[walk, row],
        index=index,
        complete=False,
        walks=walks,
        refuted=refuted,
    )


def _rows(states: Any, where: Bool[np.ndarray, "W rows"]) -> Any:
    """The states of the rows `where`, row by row, so that the initial state comes first."""
    return jax.tree.map(lambda leaf: np.swapaxes(leaf, 0, 1)[where.T], states)


def _numbered(states: Any, where: Bool[np.ndarray, "W rows"], index: dict[bytes, int]) -> list[int]:
    return [index.setdefault(key, len(index)) for key in state_keys(_rows(states, where))]


def _distinct(states: Any) -> Any:
    """Each state once, in order of first appearance: the order of the index."""
    first: dict[bytes, int] = {}
    for place, key in enumerate(state_keys(states)):
        first.setdefault(key, place)
    return take(states, np.fromiter(first.values(), int))


def walk_ahead(env: Environment, luck: Float[Array, "W rows"]) -> Any:
    """States, labels, and which rows move, of uniform random walks that go on while anything is legal."""

    def move(state: State, uniform: Float[Array, ""]) -> Any:
        legal = jnp.asarray(env.legal(state))
        action = _choose_label(uniform, legal)
        child = step(env, state, action)
        return _choose(legal.any(), child, state), (state, action, legal.any())

    return jax.jit(jax.vmap(lambda row: jax.lax.scan(move, initial_state(env), row)[1]))(luck)


def _walk_back(env: Environment, luck: Float[Array, "W rows"], ends: State) -> Any:
    """States, labels, moving and soundness of each row, the last state, and whether it is the initial one."""
    source = initial_state(env)

    def move(carry: Any, uniform: Float[Array, ""]) -> Any:
        state, going = carry
        undoable = jnp.asarray(env.undoable(state))
        moving = going & undoable.any() & ~same_state(state, source)
        action = _choose_label(uniform, undoable)
        parent = undo(env, state, action)
        sound = jnp.asarray(env.legal(parent))[action] & same_state(step(env, parent, action), state)
        return (_choose(moving & sound, parent, state), moving & sound), (state, action, moving, sound | ~moving)

    def walk(row: Float[Array, " rows"], end: State) -> Any:
        (last, _), rows = jax.lax.scan(move, (end, jnp.array(True)), row)
        return *rows, last, same_state(last, source)

    return jax.jit(jax.vmap(walk))(luck, ends)


def _choose_label(uniform: Float[Array, ""], mask: Bool[Array, " A"]) -> Int[Array, ""]:
    """One of the allowed labels, each as likely; 0 where none is allowed."""
    rank = jnp.minimum((uniform * mask.sum()).astype(int), mask.sum() - 1)
    return jnp.argmax(jnp.cumsum(mask) > rank)


def _choose(condition: Bool[Array, ""], one: State, other: State) -> State:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)


def _path_refutation(env: Environment, ahead: Walks, number: Int[np.ndarray, "W rows"]) -> str | None:
    """The sentence that refutes L5: a state twice on one walk, or a walk that goes on too long."""
    for walk in range(number.shape[0]):
        row = number[walk, : ahead.length[walk] + 1]
        row = row[row >= 0]
        distinct, first = np.unique(row, return_index=True)
        if distinct.size < row.size:
            again = int(np.setdiff1d(np.arange(row.size), first)[0])
            before = int(first[np.searchsorted(distinct, row[again])])
            states = [ahead.at(walk, place) for place in range(before, again + 1)]
            return cycle_text(env, states, ahead.actions(walk)[before:again])
    endless = np.nonzero(ahead.moving[:, -1])[0]
    if not endless.size:
        return None
    walk = int(endless[0])
    actions = ahead.actions(walk)
    return too_long_text(env, step(env, on_device(ahead.at(walk, -1)), jnp.asarray(actions[-1])), actions)


def _return_refutation(env: Environment, back: Walks, sound: Any, last: State, home: Any) -> str | None:
    """The sentence that refutes L2: an edge that does not lead back here, or a way back that ends elsewhere."""
    row, walk = (places[:1] for places in np.nonzero(~sound.T))
    if row.size:
        place = (int(walk[0]), int(row[0]))
        return undo_fault(env, on_device(back.at(*place)), int(back.action[place]))
    lost = np.nonzero(~np.asarray(home))[0]
    if not lost.size:
        return None
    walk = int(lost[0])
    actions = back.actions(walk)
    return (
        f"from {say(env, back.at(walk, 0))} the undoable actions {actions_text(actions)} lead back to "
        f"{say(env, take(last, walk))}, which is not the initial state {say(env, initial_state(env))}, and "
        f"{'no further' if len(actions) < env.max_steps else 'max_steps moves are spent'}; let undoable allow only "
        "labels that can have come last, at every state but the initial one."
    )
