"""How right a sampler is under each of its conditions, against the exact law of each."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from anabranch.evaluation.divergences import log_partition
from anabranch.evaluation.exact_law import ExactLaw, law_against
from anabranch.graph.enumeration import chunk_for, in_chunks
from anabranch.graph.state_graph import StateGraph
from anabranch.ground.errors import RewardError
from anabranch.policies.at_condition import held
from anabranch.policies.heads import Policy
from anabranch.rewards.conditional import ConditionalReward
from anabranch.rewards.conditional_host import ConditionalPythonReward
from anabranch.rewards.conditions.base import Condition

AnyReward = ConditionalReward | ConditionalPythonReward


def worth_of(reward: AnyReward, states: Any, *, chunk: int | None = None) -> Float[np.ndarray, "n *columns"]:
    """What the reward function says of a batch of states, in float64; -inf for an object in quarantine."""
    if isinstance(reward, ConditionalPythonReward):
        judged = reward.at(reward.condition.middle()).judged_states(states)
        assert judged.worth is not None
        return np.where(np.isnan(judged.worth), -np.inf, judged.worth)
    count = jax.tree.leaves(states)[0].shape[0]
    values = in_chunks(_batched(reward.worth), states, chunk=min(chunk or count, count))
    return np.asarray(values, np.float64)


@functools.lru_cache(maxsize=64)
def _batched(worth: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return jax.jit(jax.vmap(worth))


def log_rewards_at(condition: Condition, worth: Float[np.ndarray, "n *columns"], value: Any) -> Float[np.ndarray, " n"]:
    """log R(x | c) of objects of that worth under one condition, in float64."""
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), value)
        found = jax.vmap(lambda one: condition.log_reward(one, wide))(jnp.asarray(worth))
        return np.asarray(found, np.float64)


@dataclasses.dataclass(frozen=True, eq=False)
class UnderConditions:
    """A listed space, and what its objects are worth, from which the target under every condition follows."""

    graph: StateGraph
    condition: Condition
    worth: Float[np.ndarray, "X *columns"]
    """Of each object of the graph."""

    @classmethod
    def of(cls, graph: StateGraph, reward: AnyReward) -> "UnderConditions":
        """Evaluate every object once. Raises RewardError where one is worth NaN or +inf."""
        worth = worth_of(reward, graph.object_states, chunk=chunk_for(graph.env, graph.objects.size))
        bad = np.isnan(worth) | np.isposinf(worth)
        if bad.any():
            first = int(np.nonzero(bad.reshape(worth.shape[0], -1).any(1))[0][0])
            raise RewardError(
                f"The reward function returned {worth[first]} for {graph.show(int(graph.objects[first]))}: it must "
                "return finite numbers, or -inf as the logarithm of 0."
            )
        return cls(graph, reward.condition, worth)

    def log_rewards(self, value: Any) -> Float[np.ndarray, " X"]:
        """log R(x | c) of each object, in nats."""
        return log_rewards_at(self.condition, self.worth, value)

    def log_z(self, value: Any) -> float:
        """The exact log Z under a condition, in nats."""
        return log_partition(self.log_rewards(value))

    def law(self, policy: Policy, value: Any) -> ExactLaw:
        """The exact law of a policy under a condition, beside its target."""
        return law_against(self.graph, held(policy, value), self.log_rewards(value))

    def worst_distance(self, policy: Policy) -> float:
        """The largest total variation over a grid of conditions."""
        settled = self.condition.settled
        return max(self.law(policy, settled(value)).total_variation for value in self.condition.grid())
