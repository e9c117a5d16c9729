"""L3, L4, L6 and L7: what holds at each state by itself."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from anabranch.graph.enumeration import chunk_for, in_chunks, state_keys
from anabranch.ground.errors import ConfigError
from anabranch.laws.evidence import Evidence, Facts
from anabranch.laws.words import actions_text, say_both
from anabranch.policies.observation import observer


def source_refutation(evidence: Evidence, facts: Facts) -> str | None:
    """The sentence that refutes L3, or None."""
    at_start = np.nonzero(facts.undoable[0])[0]
    if at_start.size:
        return (
            f"undoable allows action {at_start[0]} at the initial state {evidence.say(0)}, but nothing leads into "
            f"it{facts.undoable_hint}: let undoable forbid every label there."
        )
    orphans = np.nonzero(~facts.undoable[1:].any(1))[0] + 1
    if orphans.size:
        number = int(orphans[0])
        return (
            f"undoable allows nothing at {evidence.say(number)}{_way_in(evidence, number)}, which is not the initial "
            f"state {evidence.say(0)}: let undoable allow every label that can have come last."
        )
    return None


def dead_end_refutation(evidence: Evidence, facts: Facts) -> str | None:
    """The sentence that refutes L4, or None."""
    dead = np.nonzero(facts.stuck & ~facts.can_stop)[0]
    if not dead.size:
        return None
    number = int(dead[0])
    return (
        f"nothing is legal at {evidence.say(number)}{_way_in(evidence, number)}, and can_stop is false there: let "
        "can_stop allow it, or legal forbid the steps that lead into it."
    )


def _way_in(evidence: Evidence, number: int) -> str:
    edges = np.nonzero(evidence.target == number)[0]
    if not edges.size:
        return ""
    return f" (reached by action {evidence.action[edges[0]]} from {evidence.say(int(evidence.source[edges[0]]))})"


def slots_refutation(evidence: Evidence, facts: Facts) -> str | None:
    """The sentence that refutes L7, or None; the form of `backward_slot` is known to be right."""
    env = evidence.env
    slot = env.backward_slot
    if slot.size == 0:
        return None
    order = np.argsort(slot, kind="stable")
    starts = np.nonzero(np.diff(slot[order], prepend=-1))[0]
    held = np.add.reduceat(facts.undoable[:, order], starts, axis=1, dtype=np.int32)
    number, group = (int(places[0]) if places.size else -1 for places in np.nonzero(held > 1))
    if number < 0:
        return None
    shared = int(slot[order][starts[group]])
    actions = np.nonzero(facts.undoable[number] & (slot == shared))[0].tolist()
    return (
        f"at {evidence.say(number)} the actions {actions_text(actions)} are all undoable and share backward slot "
        f"{shared}: give labels that can be undone at one state different slots."
    )


def observation_refutation(evidence: Evidence) -> str | None:
    """The sentence that refutes L6, or None.

    Without bounds and observe, the observation over the range found by enumeration keeps L6 by construction.
    """
    env = evidence.env
    if env.overrides("observe"):
        return _aliasing(evidence)
    return None if _all_boolean(evidence) or env.bounds() is None else _out_of_bounds(evidence)


def observation_unknown(evidence: Evidence) -> bool:
    """Whether no observation can be derived: integers of unknown range where not all states were seen."""
    declared = evidence.env.overrides("observe") or evidence.env.bounds() is not None
    return not (declared or evidence.complete or _all_boolean(evidence))


def _all_boolean(evidence: Evidence) -> bool:
    return all(leaf.dtype == bool for leaf in jax.tree.leaves(evidence.states))


def _out_of_bounds(evidence: Evidence) -> str | None:
    try:
        ranges = observer(evidence.env).ranges
    except ConfigError as wrong:
        return str(wrong)
    assert ranges is not None
    for leaf, (low, high) in zip(jax.tree.leaves(evidence.states), ranges, strict=True):
        outside = np.argwhere((leaf < low) | (leaf > high))
        if outside.size:
            value, number = leaf[tuple(outside[0])], int(outside[0][0])
            return (
                f"bounds says {low} to {high}, but a value is {value} at {evidence.say(number)}, so the observation "
                "derived from bounds does not show it: widen bounds."
            )
    return None


def _aliasing(evidence: Evidence) -> str | None:
    env = evidence.env
    watch = observer(env)
    seeing = jax.jit(jax.vmap(watch))

    def digest(states: Any) -> Any:
        seen = seeing(states)
        if watch.vocabulary is None:
            seen, plain = seen + 0.0, jnp.isfinite(seen).all(1)
        else:
            plain = ((seen >= 0) & (seen < watch.vocabulary)).all(1)
        return np.array([hash(key) for key in state_keys(seen)], np.int64), plain

    hashes, plain = in_chunks(digest, evidence.states, chunk=chunk_for(env, evidence.num_states))
    if not plain.all():
        number = int(np.argmin(plain))
        seen, allowed = _seen(evidence, number), f"tokens 0 to {(watch.vocabulary or 0) - 1}"
        return (
            f"observe returns {_short(seen)} at {evidence.say(number)}, but a network can read only "
            f"{'finite numbers' if watch.vocabulary is None else allowed}."
        )
    for one, other in _pairs(hashes):
        if np.array_equal(_seen(evidence, one), _seen(evidence, other)):
            first, second = say_both(env, evidence.state(one), evidence.state(other))
            return (
                f"observe returns the same {_short(_seen(evidence, one))} at {first} and at {second}, so a policy "
                "cannot treat them differently: let observe show what differs, or leave it out of the state."
            )
    return None


def _pairs(hashes: Int[np.ndarray, " N"]) -> list[tuple[int, int]]:
    """Numbers of neighbours with equal hashes, the earliest first."""
    order = np.argsort(hashes, kind="stable")
    again = np.nonzero(hashes[order][1:] == hashes[order][:-1])[0]
    return sorted(zip(order[again].tolist(), order[again + 1].tolist(), strict=True), key=lambda pair: pair[1])


def _seen(evidence: Evidence, number: int) -> np.ndarray:
    return np.asarray(observer(evidence.env)(jax.tree.map(jnp.asarray, evidence.state(number))))


def _short(seen: np.ndarray) -> str:
    return np.array2string(seen, threshold=12, edgeitems=4, max_line_width=10_000)
