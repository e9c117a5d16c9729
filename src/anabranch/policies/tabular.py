"""A policy with one row of logits a state, for spaces that can be listed."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State
from anabranch.graph.state_graph import StateGraph, state_graph
from anabranch.ground.content import ByContent
from anabranch.ground.errors import ConfigError
from anabranch.policies.conditioned import Observation
from anabranch.policies.heads import Heads, Policy


@dataclasses.dataclass(frozen=True, eq=False)
class Lookup(ByContent):
    """The number of a state of a StateGraph, computed inside JAX by a hash without collisions."""

    multipliers: np.ndarray
    sorted_hash: np.ndarray
    number: np.ndarray

    def __call__(self, state: State) -> Int[Array, ""]:
        words = jnp.concatenate([jnp.ravel(leaf).astype(jnp.uint32) for leaf in jax.tree.leaves(state)])
        value = jnp.sum(words * self.multipliers, dtype=jnp.uint32)
        return jnp.asarray(self.number)[jnp.searchsorted(jnp.asarray(self.sorted_hash), value)]

    @classmethod
    def of(cls, graph: StateGraph, *, tries: int = 100) -> "Lookup":
        """Find a hash that tells all states of the graph apart; raises ConfigError where none is found."""
        count = graph.num_states
        leaves = [np.asarray(leaf).reshape(count, -1).astype(np.uint32) for leaf in jax.tree.leaves(graph.states)]
        words = np.concatenate(leaves, axis=1)
        for attempt in range(tries):
            drawn = np.random.default_rng(attempt).integers(0, 2**31, words.shape[1], dtype=np.uint32)
            multipliers = drawn * np.uint32(2) + np.uint32(1)
            values = (words * multipliers).sum(1, dtype=np.uint32)
            order = np.argsort(values)
            if (np.diff(values[order].astype(np.int64)) > 0).all():
                return cls(multipliers, values[order], order)
        raise ConfigError(f"A table over {count:,} states is too large for Tabular: use the MLP.")


class TabularPolicy(Policy):
    """One row of logits a state; exact logits live here in the tests."""

    forward: Float[Array, "N labels"]
    backward: Float[Array, "N slots"] | None
    log_flow: Float[Array, " N"]
    log_z: Float[Array, ""]
    log_paths: Float[Array, " N"] | None
    lookup: Lookup = eqx.field(static=True)

    def __call__(self, observation: Observation) -> Heads:
        """The heads of state number `observation`."""
        backward = None if self.backward is None else self.backward[observation]
        log_paths = None if self.log_paths is None else self.log_paths[observation]
        return Heads(self.forward[observation], backward, self.log_flow[observation], log_paths)

    def heads(self, state: State) -> Heads:
        """The heads at one state, found by its number."""
        return self(self.lookup(state))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tabular:
    """Recipe of a table: one row of logits a state, for environments that can be enumerated.

    All logits start at zero, whatever the seed. A table can represent every policy and generalises nothing, so that it
    separates errors of an objective from errors of a network. A state is found in the table by a hash without
    collisions, inside the compiled program.

    Raises:
        SpaceTooLargeError: by `build`, where the environment cannot be enumerated.
        ConfigError: by `build`, for a training under conditions, which a table cannot tell apart.

    Example:
        run = anabranch.train("faces", objective="tb", policy=anabranch.Tabular())
    """

    def build(self, env: Environment, *, observer: Any, key: Any, learned_backward: bool) -> TabularPolicy:
        """A table over the state graph of `env`."""
        del observer, key
        if env.unconditioned is not env:
            raise ConfigError("A table has a row for each state and none for conditions: choose policy=MLP().")
        graph = state_graph(env)
        states, slots = graph.num_states, env.num_slots
        return TabularPolicy(
            forward=jnp.zeros((states, env.num_actions + 1)),
            backward=jnp.zeros((states, slots)) if learned_backward else None,
            log_flow=jnp.zeros(states),
            log_z=jnp.zeros(()),
            log_paths=jnp.zeros(states) if learned_backward else None,
            lookup=remembered_lookup(graph),
        )


def remembered_lookup(graph: StateGraph) -> Lookup:
    """The lookup of a graph, made once (a policy's static parts are compared by identity)."""
    if "_lookup" not in graph.__dict__:
        graph.__dict__["_lookup"] = Lookup.of(graph)
    return graph.__dict__["_lookup"]
