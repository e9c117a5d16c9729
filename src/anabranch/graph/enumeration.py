"""Every reachable state of a small environment, by vmapped `step` and `legal`, level by level."""

import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Int

from anabranch.continuous.contract import is_continuous
from anabranch.environment import Environment, forward_mask, initial_state, step
from anabranch.ground.errors import SpaceTooLargeError

SMALL_CHUNK, LARGE_CHUNK = 256, 8192
MOST_BYTES = 2**27
"""Most bytes of children that one compiled call makes."""


class Enumeration(eqx.Module):
    """The reachable states and the edges between them, in order of discovery; state 0 is the initial one."""

    states: Any
    """Pytree of [N, ...] NumPy arrays."""
    source: Int[np.ndarray, " E"]
    target: Int[np.ndarray, " E"]
    action: Int[np.ndarray, " E"]
    can_stop: Bool[np.ndarray, " N"]
    depth: Int[np.ndarray, " N"]
    """Moves on the shortest path from the initial state."""
    index: dict[bytes, int]
    """The number of a state, by its bytes."""


def state_keys(states: Any) -> list[bytes]:
    """One key of bytes for each state of a batch; equal where all leaves are equal."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(states)]
    count = leaves[0].shape[0]
    if count == 0:
        return []
    flat = [np.ascontiguousarray(leaf).reshape(count, -1).view(np.uint8).reshape(count, -1) for leaf in leaves]
    joined = np.ascontiguousarray(np.concatenate(flat, axis=1))
    if joined.shape[1] == 0:
        return [b""] * count
    return joined.view(np.dtype((np.void, joined.shape[1])))[:, 0].tolist()


def in_chunks(function: Callable[..., Any], states: Any, *, chunk: int) -> Any:
    """Apply a batched function to [N, ...] states in padded chunks of one shape, and join the results in NumPy."""
    count = jax.tree.leaves(states)[0].shape[0]
    pieces = []
    for start in range(0, count, chunk):
        piece = jax.tree.map(lambda leaf: np.asarray(leaf[start : start + chunk]), states)
        short = chunk - min(chunk, count - start)
        padded = jax.tree.map(lambda leaf: np.concatenate([leaf, np.repeat(leaf[:1], short, axis=0)]), piece)
        result = jax.tree.map(np.asarray, function(padded))
        pieces.append(jax.tree.map(lambda leaf: leaf[: chunk - short], result))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *pieces)


def chunk_for(env: Environment, count: int) -> int:
    """A chunk size of one of two shapes, smaller where the labels are many or the states large."""
    size = SMALL_CHUNK if count <= 16 * SMALL_CHUNK else LARGE_CHUNK
    shapes = jax.tree.leaves(jax.eval_shape(lambda: initial_state(env)))
    state_bytes = 16 + sum(leaf.size * leaf.dtype.itemsize for leaf in shapes)
    return max(1, min(size, MOST_BYTES // ((env.num_actions + 1) * state_bytes)))


def enumerate_states(env: Environment, *, max_states: int, seconds: float, max_depth: int | None = None) -> Enumeration:
    """Walk every edge once, breadth first.

    Raises SpaceTooLargeError when `max_states` are exceeded or `seconds` have passed. Makes no assumption on
    the laws: a graph with cycles is enumerated as it is. States deeper than `max_depth` end the walk: they are
    kept, but not expanded, and their `can_stop` is False.
    """
    if is_continuous(env):
        raise SpaceTooLargeError(
            f"{type(env).__name__} is continuous: its states cannot be listed. Use what needs no list: "
            "anabranch.evaluate, anabranch.estimate and anabranch.log_prob."
        )
    started = time.monotonic()
    with jax.ensure_compile_time_eval():
        first = jax.tree.map(lambda leaf: np.asarray(leaf)[None], initial_state(env))
    expand = _expander(env)
    index: dict[bytes, int] = {state_keys(first)[0]: 0}
    layers, depths, masks, edges = [first], [np.zeros(1, int)], [], []
    frontier, base = first, 0
    while (width := jax.tree.leaves(frontier)[0].shape[0]) > 0:
        level = len(depths)
        if max_depth is not None and level > max_depth + 1:
            break
        chunk = chunk_for(env, width)
        fresh: list[Any] = []
        for start in range(0, width, chunk):
            piece = jax.tree.map(lambda leaf: leaf[start : start + chunk], frontier)
            mask, children = in_chunks(expand, piece, chunk=chunk)
            masks.append(mask)
            parent, label = np.nonzero(mask[:, :-1])
            legal_children = jax.tree.map(lambda leaf: leaf[parent, label], children)
            before = len(index)
            target = np.fromiter(
                (index.setdefault(k, len(index)) for k in state_keys(legal_children)), int, len(parent)
            )
            edges.append((parent + base + start, target, label))
            numbers, first_seen = np.unique(target, return_index=True)
            fresh.append(jax.tree.map(lambda leaf: leaf[first_seen[numbers >= before]], legal_children))
            _refuse_if_large(env, len(index), time.monotonic() - started, max_states, seconds)
        base += width
        frontier = jax.tree.map(lambda *leaves: np.concatenate(leaves), *fresh)
        layers.append(frontier)
        depths.append(np.full(len(index) - base, level))
    joined = [np.concatenate(column) for column in zip(*edges, strict=True)]
    states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *layers)
    can_stop = np.pad(np.concatenate(masks)[:, -1], (0, width))
    return Enumeration(states, joined[0], joined[1], joined[2], can_stop, np.concatenate(depths), index)


def _expander(env: Environment) -> Callable[[Any], Any]:
    def expand(state: Any, labels: Any) -> Any:
        return forward_mask(env, state), jax.vmap(lambda action: step(env, state, action))(labels)

    # The labels are an argument: what is known while tracing is computed here one operation after the other.
    compiled, labels = jax.jit(jax.vmap(expand, (0, None))), np.arange(env.num_actions, dtype=np.int32)

    def call(states: Any) -> Any:
        with jax.ensure_compile_time_eval():
            return compiled(states, labels)

    return call


def _refuse_if_large(env: Environment, states: int, spent: float, max_states: int, seconds: float) -> None:
    if states > max_states:
        limit = f"the limit of {max_states:,} states"
    elif spent > seconds:
        limit = f"the limit of {seconds:g} s"
    else:
        return
    raise SpaceTooLargeError(
        f"{type(env).__name__} is too large to enumerate: {states:,} states were reached at {limit}. "
        "Raise max_states or seconds, or use what needs no enumeration: anabranch.estimate and anabranch.log_prob."
    )
