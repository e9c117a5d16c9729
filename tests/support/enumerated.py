"""Every trajectory of a small space, and gradients through one compiled pull-back; float64."""

import dataclasses
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anabranch.environment import Environment, take
from anabranch.evaluation.flows import edge_law, exact_flows, terminal_distribution, visit_probabilities
from anabranch.graph.state_graph import StateGraph
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.policies.tabular import TabularPolicy
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from anabranch.trajectories import Scores, Trajectories
from support.spaces import absolute_policy, graph_of, random_log_reward, skipping


def all_trajectories(graph: StateGraph) -> Trajectories:
    """Each complete trajectory of a graph once."""
    env, found, growing = graph.env, [], [([0], [])]
    while growing:
        numbers, labels = growing.pop()
        if graph.can_stop[numbers[-1]]:
            found.append((numbers, [*labels, env.num_actions]))
        growing += [
            ([*numbers, int(graph.target[edge])], [*labels, int(graph.action[edge])])
            for edge in np.nonzero(graph.source == numbers[-1])[0]
        ]
    rows, batch = env.rows, len(found)
    states, actions = np.zeros((rows, batch), int), np.zeros((rows, batch), int)
    for column, (numbers, labels) in enumerate(found):
        states[: len(numbers), column], actions[: len(labels), column] = numbers, labels
    length = jnp.array([len(labels) for _, labels in found])
    return Trajectories(jax.tree.map(jnp.asarray, take(graph.states, states)), jnp.asarray(actions), length)


@dataclasses.dataclass(frozen=True, eq=False)
class Enumerated:
    """A space in which every state may stop, all of its trajectories, and a policy that is exact for nothing."""

    env: Environment
    graph: StateGraph
    trajectories: Trajectories
    log_reward: np.ndarray
    """Of each object."""
    policy: TabularPolicy
    reading: Reading

    @property
    def object_of(self) -> np.ndarray:
        """The object, by its place in `graph.objects`, of each trajectory."""
        numbers = np.asarray(jax.vmap(self.policy.lookup)(self.trajectories.objects))
        return np.searchsorted(self.graph.objects, numbers)

    def scores(self, policy: TabularPolicy) -> Scores:
        """The scores of all trajectories, with the rewards of every state on the way."""
        return _scores(policy, self.reading, self.trajectories, jnp.asarray(self.log_reward))

    def gradient(self, loss: Any) -> TabularPolicy:
        """The gradient of a function of the scores in the policy's logits."""
        cotangent = eqx.filter_grad(loss)(self.scores(self.policy))
        return _pulled(self.policy, self.reading, self.trajectories, jnp.asarray(self.log_reward), cotangent)

    @property
    def log_p_b(self) -> np.ndarray:
        """log P_B of each edge under the policy."""
        found = edge_law(self.graph, self.policy, self.reading).log_pb
        assert found is not None
        return found


@eqx.filter_jit
def _scores(policy: TabularPolicy, reading: Reading, trajectories: Trajectories, log_reward: Any) -> Scores:
    numbers = jax.vmap(policy.lookup)(trajectories.objects)
    scores = score(policy, reading, trajectories, log_reward[numbers])
    at_rows = log_reward[jax.vmap(jax.vmap(policy.lookup))(trajectories.states)]
    return dataclasses.replace(scores, log_reward_at=jnp.where(scores.mask, at_rows, 0.0))


@eqx.filter_jit
def _pulled(policy: Any, reading: Any, trajectories: Any, log_reward: Any, cotangent: Any) -> Any:
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)

    def scores_of(parameters: Any) -> Any:
        scores = _scores(eqx.combine(parameters, static), reading, trajectories, log_reward)
        return eqx.filter(scores, eqx.is_inexact_array)

    return jax.vjp(scores_of, parameters)[1](cotangent)[0]


def random_policy(policy: TabularPolicy, seed: int) -> TabularPolicy:
    """A policy of the same shapes with random logits."""
    rng = np.random.default_rng(seed)
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)
    drawn = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0.0, 0.5, leaf.shape)), parameters)
    return eqx.combine(drawn, static)


@lru_cache(maxsize=1)
def skipping_enumerated() -> Enumerated:
    """The space `skipping` of the tests: trajectories of many lengths, double edges; to be used under 64 bits."""
    env = skipping()
    graph = graph_of(env)
    log_reward = 0.5 * random_log_reward(graph)
    policy = random_policy(absolute_policy(exact_flows(graph, log_reward)), 0)
    reading = Reading(env, LearnedBackward(), chunk=None)
    return Enumerated(env, graph, all_trajectories(graph), log_reward, policy, reading)


def tilted(place: Enumerated, prior: TabularPolicy, beta: float) -> TabularPolicy:
    """The sampler of prior(x) R(x)^beta whose trajectories to x are shared out as the prior's are."""
    law = edge_law(place.graph, prior, place.reading)
    log_weight = np.log(terminal_distribution(place.graph, law)) + beta * place.log_reward
    return absolute_policy(exact_flows(place.graph, log_weight, log_posterior(place, prior)))


def log_posterior(place: Enumerated, policy: TabularPolicy) -> np.ndarray:
    """The P_B of each edge that P_F's own trajectories have."""
    law = edge_law(place.graph, policy, place.reading)
    log_visits = np.log(visit_probabilities(place.graph, law))
    return log_visits[place.graph.source] + law.log_pf - log_visits[place.graph.target]
