"""The exact law of a policy on a listed space, beside its target."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from anabranch.evaluation.divergences import (
    jensen_shannon_divergence,
    kl_divergence,
    log_partition,
    target_distribution,
    total_variation_distance,
)
from anabranch.evaluation.facts import Fact
from anabranch.evaluation.flows import EdgeLaw, edge_law, terminal_distribution
from anabranch.graph.enumeration import state_keys
from anabranch.graph.state_graph import StateGraph
from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import LogReward, log_rewards
from anabranch.sampling.draw import reading_for
from anabranch.scoring.reading import Reading


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ExactLaw:
    """The exact law of a policy on an enumerated space, beside the target."""

    graph: StateGraph
    """All states."""
    law: EdgeLaw
    """What the policy says of every edge and state."""
    log_reward: Float[np.ndarray, " X"]
    """log R of each object, in nats."""
    log_target: Float[np.ndarray, " X"]
    """Log weights in proportion to which objects should be drawn: log R, where the objective has no other aim."""
    target: Float[np.ndarray, " X"]
    """The law R / Z, or whatever the objective aims at."""
    model: Float[np.ndarray, " X"]
    """The policy's own law."""
    group: np.ndarray
    """The number of each object; differs from 0..X-1 where several states are one object."""

    @property
    def merged(self) -> tuple[np.ndarray, np.ndarray]:
        """Target and model over decoded objects."""
        return np.bincount(self.group, self.target), np.bincount(self.group, self.model)

    @property
    def total_variation(self) -> float:
        """Half the L1 distance to the target."""
        return total_variation_distance(*self.merged)

    @property
    def kl(self) -> float:
        """KL(target || model) in nats."""
        return kl_divergence(*self.merged)

    @property
    def jsd(self) -> float:
        """Jensen-Shannon divergence in nats."""
        return jensen_shannon_divergence(*self.merged)

    @property
    def log_z(self) -> float:
        """The true log Z: of the reward, or of what is the target in its place."""
        return log_partition(self.log_target)

    @property
    def floored(self) -> float:
        """The probability of drawing an object whose reward is zero."""
        return float(self.model[np.isneginf(self.log_reward)].sum())

    def numbers_of(self, states: Any) -> Int[np.ndarray, " n"]:
        """The number of the object of each finished state of a batch."""
        place = np.full(self.graph.num_states, -1)
        place[self.graph.objects] = self.group
        return place[[self.graph.index[key] for key in state_keys(states)]]

    def fact(self, fact: Fact) -> float | None:
        """The exact probability of a fact under the policy; None where its condition never holds."""
        event, given = fact.indicators(self.graph.object_states)
        among = float(self.model @ given)
        return float(self.model @ event) / among if among > 0 else None


def exact_law(graph: StateGraph, policy: Policy, log_reward: LogReward, *, reading: Reading | None = None) -> ExactLaw:
    """Evaluate a policy on every state of a graph: the exact law by which it samples, beside R / Z.

    Arguments:
        graph: all states, as `state_graph(env)` gives them.
        policy: the sampler, such as run.policy.
        log_reward: log R(x) in nats, a JAX function of one state.
        reading: how heads are read, where the log P_B of edges is asked for too; None: P_F alone.

    Returns:
        An `ExactLaw`: both laws over objects, their distances, log Z, and the probability of any fact.

    Raises:
        RewardError: for a reward that is not one.
        ConfigError: where the logits of the policy are not finite.
    """
    return law_against(graph, policy, log_rewards(graph, log_reward), reading=reading)


def law_against(
    graph: StateGraph,
    policy: Policy,
    log_reward: Float[np.ndarray, " X"],
    *,
    log_target: Float[np.ndarray, " X"] | None = None,
    reading: Reading | None = None,
) -> ExactLaw:
    """The same with the log-rewards of `graph.objects` at hand, and the target's log weights where they are others."""
    aim = log_reward if log_target is None else log_target
    law = edge_law(graph, policy, reading or reading_for(graph.env, None))
    group = np.arange(graph.objects.size)
    if graph.env.merges_objects:
        numbers: dict[Any, int] = {}
        group = np.array([numbers.setdefault(graph.decode(int(x)), len(numbers)) for x in graph.objects])
    return ExactLaw(
        graph=graph,
        law=law,
        log_reward=log_reward,
        log_target=aim,
        target=target_distribution(aim),
        model=terminal_distribution(graph, law),
        group=group,
    )


def total_variation(graph: StateGraph, policy: Policy, log_reward: LogReward) -> float:
    """Exact total variation between the policy's law and R / Z, zeros as zeros.

    Arguments:
        graph: all states, as `state_graph(env)` gives them.
        policy: the sampler, such as run.policy.
        log_reward: log R(x) in nats, a JAX function of one state.

    Returns:
        Half the L1 distance, from 0 to 1, in float64.

    Raises:
        RewardError: names the object where a reward is NaN or infinite; and where all rewards are 0.

    Example:
        print(anabranch.total_variation(anabranch.state_graph(env), run.policy, log_reward))
    """
    return exact_law(graph, policy, log_reward).total_variation
