"""What was seen of an environment: states and edges, by enumeration or on walks, and facts about each."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from anabranch.environment import Environment, State, same_state, take, undo
from anabranch.graph.enumeration import chunk_for, in_chunks
from anabranch.laws.words import say


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """Distinct reachable states (number 0 is the initial one) and legal edges between them."""

    env: Environment
    states: Any
    """Pytree of [N, ...] NumPy arrays."""
    source: Int[np.ndarray, " E"]
    target: Int[np.ndarray, " E"]
    action: Int[np.ndarray, " E"]
    index: Mapping[bytes, int]
    """The number of a state, by its bytes."""
    complete: bool
    """Whether these are all states and all edges."""
    walks: int = 0
    refuted: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Sentences on laws that the gathering itself has refuted."""

    @property
    def num_states(self) -> int:
        """N."""
        return jax.tree.leaves(self.states)[0].shape[0]

    def state(self, number: int) -> State:
        """One state."""
        return take(self.states, number)

    def say(self, number: int) -> str:
        """One state in words."""
        return say(self.env, self.state(number))


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """What the masks say at every state of an evidence."""

    stuck: Bool[np.ndarray, " N"]
    """Nothing is legal."""
    can_stop: Bool[np.ndarray, " N"]
    undoable: Bool[np.ndarray, "N A"]
    all_legal: Bool[np.ndarray, " N"]

    @property
    def objects(self) -> Int[np.ndarray, " X"]:
        """The numbers of the finished states."""
        return np.nonzero(self.can_stop)[0]

    @property
    def legal_hint(self) -> str:
        """A remark where `legal` forbids nothing anywhere."""
        return " (legal is true for every label at every state seen: is its mask missing?)" * bool(self.all_legal.all())

    @property
    def undoable_hint(self) -> str:
        """A remark where `undoable` forbids nothing anywhere."""
        everywhere = bool(self.undoable.all())
        return " (undoable is true for every label at every state seen: is its mask missing?)" * everywhere


@dataclasses.dataclass(frozen=True, eq=False)
class Retrace:
    """For every edge of an evidence: whether its child may undo it, and whether that restores the parent."""

    allowed: Bool[np.ndarray, " E"]
    restored: Bool[np.ndarray, " E"]


def gather_facts(evidence: Evidence) -> Facts:
    """Ask for the masks at every state."""
    env = evidence.env

    def ask(state: State) -> tuple[Array, ...]:
        legal, undoable = jnp.asarray(env.legal(state)), jnp.asarray(env.undoable(state))
        return ~legal.any(), jnp.asarray(env.can_stop(state)), undoable, legal.all()

    return Facts(*in_chunks(jax.jit(jax.vmap(ask)), evidence.states, chunk=chunk_for(env, evidence.num_states)))


def gather_retrace(evidence: Evidence) -> Retrace:
    """Undo every edge."""
    env = evidence.env
    if evidence.source.size == 0:
        return Retrace(np.zeros(0, bool), np.zeros(0, bool))

    def back(parent: State, child: State, action: Any) -> tuple[Array, Array]:
        return jnp.asarray(env.undoable(child))[action], same_state(undo(env, child, action), parent)

    compiled = jax.jit(jax.vmap(back))

    def on_edges(edges: Any) -> tuple[Array, Array]:
        source, target, action = edges
        return compiled(take(evidence.states, source), take(evidence.states, target), action)

    edges = (evidence.source, evidence.target, evidence.action)
    return Retrace(*in_chunks(on_edges, edges, chunk=chunk_for(env, evidence.source.size)))


def on_device(state: State) -> State:
    """A state of NumPy leaves as JAX arrays, as the methods of an author expect it."""
    return jax.tree.map(jnp.asarray, state)
