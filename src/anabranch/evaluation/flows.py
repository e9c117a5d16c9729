"""Exact flows of a graph for a given P_B, and the exact law of any policy on it; numpy float64."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from anabranch.environment import take
from anabranch.graph.enumeration import chunk_for, in_chunks
from anabranch.graph.state_graph import StateGraph, require_graph
from anabranch.ground.errors import ConfigError
from anabranch.policies.heads import Policy, require_policy
from anabranch.policies.tabular import TabularPolicy, remembered_lookup
from anabranch.rewards.log_reward import LogReward, log_rewards, whole_level
from anabranch.scoring.reading import Reading, StateScores, read


@dataclasses.dataclass(frozen=True, eq=False)
class EdgeLaw:
    """A forward and a backward policy on a graph, in nats; the backward one is None where there is none."""

    log_pf: Float[np.ndarray, " E"]
    log_stop: Float[np.ndarray, " N"]
    log_pb: Float[np.ndarray, " E"] | None
    log_flow: Float[np.ndarray, " N"]
    """The log state flows that the policy claims."""


@dataclasses.dataclass(frozen=True, eq=False)
class Flows:
    """The exact flow of a graph, in nats: what R and P_B determine."""

    graph: StateGraph
    """All states."""
    log_state: Float[np.ndarray, " N"]
    """log F of each state, in nats."""
    log_edge: Float[np.ndarray, " E"]
    """log F of each edge, in nats."""
    log_stop: Float[np.ndarray, " N"]
    """log R at objects, -inf elsewhere."""
    log_pb: Float[np.ndarray, " E"]
    """log P_B by which the flow was divided."""

    @property
    def log_z(self) -> float:
        """log of the summed reward: the flow of the source."""
        return float(self.log_state[0])


def uniform_log_pb(graph: StateGraph) -> Float[np.ndarray, " E"]:
    """log P_B of each edge when every edge into a state is equally likely."""
    return -np.log(graph.in_degree[graph.target].astype(np.float64))


def maximum_entropy_log_pb(graph: StateGraph) -> Float[np.ndarray, " E"]:
    """log n(s) - log n(t), with n the number of paths from the source: all ways into an object equally likely."""
    log_count = np.log(graph.path_count)
    return log_count[graph.source] - log_count[graph.target]


def exact_flows(
    graph: StateGraph, log_reward: Float[np.ndarray, " X"] | LogReward, log_pb: Float[np.ndarray, " E"] | None = None
) -> Flows:
    """The flow that reaches each object x with R(x) and is divided backward by P_B.

    Arguments:
        graph: all states, as `state_graph(env)` gives them.
        log_reward: a JAX function of one state, or one number for each of `graph.objects` (see `log_rewards`), in nats;
            -inf for a reward of 0.
        log_pb: log P_B of each edge [E]; None: uniform.

    Returns:
        `Flows` in float64 and nats: log F of states [N] and edges [E], and log Z.

    Raises:
        ConfigError: where there are more or fewer numbers than objects.
        RewardError: where the function gives none.
    """
    require_graph(graph)
    log_reward = log_rewards(graph, log_reward) if callable(log_reward) else np.asarray(log_reward, np.float64)
    if log_reward.shape != graph.objects.shape:
        raise ConfigError(
            f"exact_flows takes a function, or one log R for each of the {graph.objects.size:,} objects; given an "
            f"array of shape {log_reward.shape}."
        )
    log_pb = uniform_log_pb(graph) if log_pb is None else log_pb
    log_stop = np.full(graph.num_states, -np.inf)
    log_stop[graph.objects] = log_reward
    log_state, log_edge = log_stop.copy(), np.full(graph.num_edges, -np.inf)
    for edges in reversed(graph.edge_levels):
        log_edge[edges] = log_state[graph.target[edges]] + log_pb[edges]
        np.logaddexp.at(log_state, graph.source[edges], log_edge[edges])
    return Flows(graph, log_state, log_edge, log_stop, log_pb)


def exact_policy(flows: Flows, *, level: float | None = None) -> TabularPolicy:
    """A table that holds the exact flow: raw logits are log edge flows, so that every objective reads it right.

    Where no flow passes (objects of reward zero only), all edges have the same weight.

    Arguments:
        flows: as `exact_flows` gives them.
        level: nats that the flows are held relative to, because the table is in float32; None: log Z in whole nats.

    Returns:
        A policy that samples exactly in proportion to the reward, for any objective to be tested on.

    Example:
        flows = anabranch.exact_flows(anabranch.state_graph(env), log_reward)
        perfect = anabranch.exact_policy(flows)
    """
    graph, env = flows.graph, flows.graph.env
    level = whole_level(flows.log_z) if level is None else level
    forward = np.zeros((graph.num_states, env.num_actions + 1))
    carries = np.isfinite(flows.log_state)
    edge = np.where(carries[graph.source], flows.log_edge - level, 0.0)
    forward[graph.source, graph.action] = np.maximum(edge, -1e30)
    stop = np.where(carries, flows.log_stop - level, 0.0)
    forward[:, -1] = np.maximum(stop, -1e30)
    backward = np.zeros((graph.num_states, env.num_slots))
    backward[graph.target, env.backward_slot[graph.action]] = flows.log_pb
    return TabularPolicy(
        forward=jnp.asarray(forward, float),
        backward=jnp.asarray(backward, float),
        log_flow=jnp.asarray(np.maximum(flows.log_state - level, -1e30), float),
        log_z=jnp.asarray(flows.log_z - level, float),
        log_paths=jnp.asarray(np.log(graph.path_count), float),
        lookup=remembered_lookup(graph),
        level=level,
    )


def edge_law(graph: StateGraph, policy: Policy, reading: Reading) -> EdgeLaw:
    """What a policy says about every edge and every state of a graph."""
    require_policy(policy)
    chunk = chunk_for(graph.env, graph.num_states)
    every, log_pb_in = in_chunks(lambda states: _look_at_all(policy, reading, states), graph.states, chunk=chunk)
    log_pb = None if log_pb_in is None else log_pb_in[graph.target, graph.action].astype(np.float64)
    log_pf = every.log_pf.astype(np.float64)
    if not np.isfinite(log_pf.max(axis=1)).all():
        number = int(np.argmin(np.isfinite(log_pf.max(axis=1))))
        raise ConfigError(f"The policy's logits are not finite at {graph.show(number)}: training diverged.")
    flow = every.log_flow.astype(np.float64) + policy.level
    return EdgeLaw(log_pf[graph.source, graph.action], log_pf[:, -1], log_pb, flow)


def visit_probabilities(graph: StateGraph, law: EdgeLaw) -> Float[np.ndarray, " N"]:
    """The probability that a trajectory passes through each state."""
    visits = np.zeros(graph.num_states)
    visits[0] = 1.0
    chance = np.exp(law.log_pf)
    for edges in graph.edge_levels:
        visits += np.bincount(graph.target[edges], visits[graph.source[edges]] * chance[edges], graph.num_states)
    return visits


def terminal_distribution(graph: StateGraph, law: EdgeLaw) -> Float[np.ndarray, " X"]:
    """The exact probability with which a policy samples each of `graph.objects`."""
    visits = visit_probabilities(graph, law)[graph.objects]
    return visits * np.exp(law.log_stop[graph.objects])


def object_numbers(graph: StateGraph, items: list[Any]) -> list[int]:
    """The position in `graph.objects` of each plain-Python object. Raises ConfigError for one that is none."""
    known = {graph.env.decode(take(graph.states, number)): at for at, number in enumerate(graph.objects)}
    missing = [item for item in items if item not in known]
    if missing:
        raise ConfigError(f"{missing[0]!r} is not a finished object of {type(graph.env).__name__}.")
    return [known[item] for item in items]


@eqx.filter_jit
def _look_at_all(policy: Policy, reading: Reading, states: Any) -> tuple[StateScores, Any]:
    env, backward = reading.env, reading.backward

    def one(state: Any) -> tuple[StateScores, Any]:
        heads = policy.heads(state)
        log_pb = None if backward is None else backward.log_probs(env, state, heads)
        return read(policy, heads, reading, state)[0], log_pb

    return jax.vmap(one)(states)
