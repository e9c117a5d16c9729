"""The metrics of a policy: of all objects where they can be listed, of drawn ones and a test set elsewhere."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from anabranch.environment import Environment, take
from anabranch.evaluation.estimates import log_probs
from anabranch.evaluation.metrics.base import Judged, Listed
from anabranch.evaluation.metrics.summary import SampleMetrics, summarise
from anabranch.graph.enumeration import state_keys
from anabranch.graph.state_graph import StateGraph
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Policy
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward, log_reward_values
from anabranch.sampling.draw import reading_for
from anabranch.sampling.explore import Explore
from anabranch.sampling.reference_level import survey_of
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading

TEST_OBJECTS = 128
LEAST_DRAWS = 8
"""The fewest trajectories from which the probability of one object is estimated."""


def metrics_of_listed(
    graph: StateGraph,
    drawn: Int[np.ndarray, " n"],
    group: Int[np.ndarray, " X"],
    *,
    log_reward: Float[np.ndarray, " X"],
    log_target: Float[np.ndarray, " X"],
    target: Float[np.ndarray, " O"],
    model: Float[np.ndarray, " O"],
    seed: int,
    **choices: Any,
) -> SampleMetrics:
    """The metrics where all objects are known.

    `group` is the number of the object to which each finished state of `graph` belongs, `log_reward` its log R and
    `log_target` its log weight; `target` and `model` are the probabilities of the objects, `drawn` those of a sample.
    `choices` are the `settings`, `distance`, `metrics` and `places` of `summarise`.
    """
    _, first = np.unique(group, return_index=True)
    with np.errstate(divide="ignore"):
        judged = Judged(np.log(model), _joined(log_target, group), f"all {target.size:,} objects", True)
    listed = Listed(_joined(log_reward, group), lambda at: graph.decode(int(graph.objects[first[at]])), target)
    return summarise(drawn, listed, judged, seed=seed, **choices)


def _joined(log_weight: Float[np.ndarray, " X"], group: Int[np.ndarray, " X"]) -> Float[np.ndarray, " O"]:
    """The log of the summed weight of each object."""
    total = np.full(group.max() + 1, -np.inf)
    np.logaddexp.at(total, group, log_weight)
    return total


def metrics_of_drawn(
    env: Environment,
    policy: Policy,
    log_reward: LogReward,
    states: Any,
    *,
    backward: str | BackwardPolicy | None,
    seed: int,
    **choices: Any,
) -> SampleMetrics:
    """The metrics where only the drawn `states` are known, in the order of drawing.

    Probabilities are compared with rewards on objects that the policy did not choose: the different ends of
    uniformly random walks, each with log p(x) estimated by trajectories drawn back from it.
    """
    count = jax.tree.leaves(states)[0].shape[0]
    drawn, first = numbered(env, states)
    values = log_reward_values(log_reward, states)[first]
    listed = Listed(values, lambda at: env.decode(take(states, int(first[at]))))
    tested = _test_objects(env, policy, log_reward, seed)
    tested = take(tested, numbered(env, tested)[1])
    worth = log_reward_values(log_reward, tested)
    draws = max(LEAST_DRAWS, count // TEST_OBJECTS)
    options = {"backward": backward or "uniform", "samples": draws, "key": key_of(seed, Stream.TEST_LOG_PROB)}
    log_prob = log_probs(env, policy, tested, **options)
    error = np.median([one.error for one in log_prob])
    source = f"{worth.size} ends of random walks, log p ± {error:.2g}"
    judged = Judged(np.array([one.value for one in log_prob]), worth, source, False)
    return summarise(drawn, listed, judged, seed=seed, **choices)


def numbered(env: Environment, states: Any) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " X"]]:
    """The number of each state's object, in the order of first appearance, and where each object first appears."""
    keys = state_keys(states)
    if env.merges_objects:
        keys = [env.decode(take(states, at)) for at in range(len(keys))]
    numbering: dict[Any, int] = {}
    numbers = np.array([numbering.setdefault(key, len(numbering)) for key in keys])
    return numbers, np.unique(numbers, return_index=True)[1]


def _test_objects(env: Environment, policy: Policy, log_reward: LogReward, seed: int) -> Any:
    """Ends of random walks; of a reward in plain Python those that it has evaluated already."""
    if isinstance(log_reward, PythonReward):
        return take(survey_of(env, log_reward).ends, slice(TEST_OBJECTS))
    return jax.tree.map(np.asarray, _walked(policy, reading_for(env, None), key_of(seed, Stream.TEST_OBJECTS)))


@eqx.filter_jit
def _walked(policy: Policy, reading: Reading, key: Key[Array, ""]) -> Any:
    everywhere = Explore(epsilon=1.0, per="trajectory")
    return rollout(policy, reading, key, TEST_OBJECTS, explore=everywhere)[0].objects
