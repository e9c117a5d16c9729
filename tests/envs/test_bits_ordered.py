"""Bit strings from left to right and at either end: the same objects, other trajectories."""

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.bits import BitStrings, NearestMode
from anabranch.envs.bits_ordered import BitsAtEnds, BitsLeftToRight
from anabranch.evaluation.flows import (
    edge_law,
    exact_flows,
    exact_policy,
    maximum_entropy_log_pb,
    terminal_distribution,
    uniform_log_pb,
)
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.scoring.reading import Reading
from support.catalogue import assert_sound
from support.spaces import graph_of, random_log_pb, words

KINDS = (BitStrings, BitsLeftToRight, BitsAtEnds)


@pytest.mark.parametrize("env", [kind(length=6, word=2) for kind in KINDS[1:]], ids=str)
def test_orders_are_sound(env):
    graph = assert_sound(env)
    assert graph.objects.size == 2**6


def test_all_orders_have_the_same_objects_and_rewards():
    rewards = []
    for kind in KINDS:
        env = kind(length=6, word=2)
        graph = graph_of(env)
        log_reward = ab.log_rewards(graph, NearestMode(env=env, modes=2))
        items = [graph.decode(int(number)) for number in graph.objects]
        rewards.append(dict(zip(items, log_reward.tolist(), strict=True)))
    assert len(set(rewards[0].values())) > 2
    assert rewards[0] == rewards[1] == rewards[2]


def test_left_to_right_is_a_tree_with_one_slot():
    env = BitsLeftToRight(length=6, word=2)
    graph = graph_of(env)
    assert graph.num_states == 1 + 4 + 16 + 64
    assert set(graph.in_degree[1:]) == {1}
    assert env.num_slots == 1
    assert env.decode(env.step(env.step(env.initial(), jnp.array(1)), jnp.array(2))) == "0110.."


def test_words_go_in_front_or_behind():
    env = BitsAtEnds(length=6, word=2)
    first = env.step(env.initial(), jnp.array(1))
    assert env.decode(first) == env.decode(env.step(env.initial(), jnp.array(4 + 1))) == "01...."
    behind, in_front = env.step(first, jnp.array(4 + 2)), env.step(first, jnp.array(2))
    assert (env.decode(behind), env.decode(in_front)) == ("0110..", "1001..")
    assert np.nonzero(np.asarray(env.undoable(behind)))[0].tolist() == [1, 4 + 2]
    assert env.decode(env.undo(behind, jnp.array(1))) == "10...."
    assert env.num_slots == 2


def test_the_ends_are_those_of_the_listed_twin():
    """The same graph from a plain-Python function, where a child that is listed twice is a double edge."""
    graph, twin = graph_of(BitsAtEnds(length=3, word=1)), graph_of(words(3, "ab"))
    for one in (graph, twin):
        assert (one.num_states, one.num_edges, one.num_trajectories) == (1 + 2 + 4 + 8, 28, 8 * 2**3)
    double = np.unique(np.stack([graph.source, graph.target]), axis=1, return_counts=True)
    ends = [graph.decode(int(target)) for target in double[0][1][double[1] == 2]]
    assert sorted(ends) == ["0..", "00.", "000", "1..", "11.", "111"]


@pytest.mark.parametrize("log_pb_of", [uniform_log_pb, random_log_pb])
def test_double_edges_share_their_flow_and_leave_the_law_as_it_is(log_pb_of):
    env = BitsAtEnds(length=4, word=1)
    graph = graph_of(env)
    log_reward = ab.log_rewards(graph, NearestMode(env=env, modes=2, beta=6.0))
    flows = exact_flows(graph, log_reward, log_pb_of(graph))
    law = edge_law(graph, exact_policy(flows), Reading(env, UniformBackward()))
    target = np.exp(log_reward - np.logaddexp.reduce(log_reward))
    np.testing.assert_allclose(terminal_distribution(graph, law), target, atol=1e-6)
    to_first = graph.target == graph.target[0]
    assert to_first.sum() == 2
    both = np.logaddexp.reduce(flows.log_edge[to_first])
    assert both == pytest.approx(flows.log_state[graph.target[0]], abs=1e-9)
    if log_pb_of is uniform_log_pb:
        assert flows.log_edge[to_first][0] == pytest.approx(both - np.log(2), abs=1e-9)
        np.testing.assert_allclose(uniform_log_pb(graph), maximum_entropy_log_pb(graph), atol=1e-12)
