"""Exact constants, flows, floors and tables."""

import math

import jax.numpy as jnp
import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anabranch as ab
import anabranch.graph.state_graph as graph_module
from anabranch.envs.faces import Faces, FacesReward
from anabranch.evaluation.divergences import (
    jensen_shannon_divergence,
    kl_divergence,
    perfect_sampler_floor,
    target_distribution,
    total_variation_distance,
)
from anabranch.evaluation.flows import exact_flows, maximum_entropy_log_pb
from anabranch.graph.enumeration import enumerate_states
from anabranch.graph.state_graph import small_state_graph
from anabranch.graph.tabulate import tabulate
from support.spaces import SPACES, Slots, Subset, graph_of, random_log_pb, random_log_reward, skipping, words


def test_faces_have_the_known_numbers():
    graph = ab.state_graph(Faces())
    assert (graph.num_states, graph.num_edges, graph.objects.size, graph.num_trajectories) == (42, 96, 20, 120)
    log_reward = ab.log_rewards(graph, FacesReward())
    assert np.isfinite(log_reward).sum() == 8
    assert exact_flows(graph, log_reward).log_z == pytest.approx(math.log(12), abs=1e-7)
    target = target_distribution(log_reward)
    smiles = np.array(["smile" in graph.decode(int(number)) for number in graph.objects])
    assert target[smiles].sum() == pytest.approx(2 / 3, abs=1e-7)


def test_a_floor_of_zero_rewards_adds_twelve_floors_to_z():
    graph = ab.state_graph(Faces())
    log_reward = ab.log_rewards(graph, FacesReward())
    floored = np.where(np.isneginf(log_reward), math.log(1e-4), log_reward)
    assert math.exp(exact_flows(graph, floored).log_z) == pytest.approx(12 + 12e-4, rel=1e-7)


@pytest.mark.parametrize("space", SPACES)
def test_flows_are_conserved(space):
    """In every state what flows in flows out, STOP included, whatever P_B is."""
    graph = graph_of(SPACES[space]())
    for log_pb in (None, maximum_entropy_log_pb(graph), random_log_pb(graph)):
        flows = exact_flows(graph, random_log_reward(graph), log_pb)
        edge, state = np.exp(flows.log_edge), np.exp(flows.log_state)
        inflow = np.bincount(graph.target, edge, graph.num_states)
        outflow = np.bincount(graph.source, edge, graph.num_states) + np.exp(flows.log_stop)
        assert np.allclose(inflow[1:], state[1:], rtol=1e-12)
        assert np.allclose(outflow, state, rtol=1e-12)
        assert flows.log_z == pytest.approx(np.logaddexp.reduce(random_log_reward(graph)), abs=1e-12)


def test_the_graph_reaches_networkx_whole():
    graph = ab.state_graph(Faces())
    exported = graph.to_networkx()
    assert networkx.is_directed_acyclic_graph(exported)
    assert (exported.number_of_nodes(), exported.number_of_edges()) == (42, 96)
    assert sum(1 for _, data in exported.nodes(data=True) if data["can_stop"]) == 20
    assert exported.nodes[0]["text"] == "(empty face)"


def test_double_edges_stay_double():
    assert skipping().num_actions == 4
    graph = ab.state_graph(skipping())
    pairs = list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    assert pairs.count((0, 2)) == 2
    assert graph.to_networkx().number_of_edges(0, 2) == 2


@pytest.mark.parametrize("env, states", [(Subset(5, 3), 26), (Slots(3, 2), 27), (words(3, "ab"), 15)])
def test_state_counts(env, states):
    assert ab.state_graph(env).num_states == states


def test_a_space_too_large_says_how_far_it_came():
    with pytest.raises(
        ab.SpaceTooLargeError, match=r"too large to enumerate: [\d,]+ states were reached at the limit of 500"
    ):
        ab.state_graph(Subset(30, 15), max_states=500)


def test_a_space_is_enumerated_once_whatever_the_limits(monkeypatch):
    """A graph serves every later question that it fits, and a failure every question with no higher limit."""
    asked = []

    def counting(env, **limits):
        asked.append(limits["max_states"])
        return enumerate_states(env, **limits)

    monkeypatch.setattr(graph_module, "enumerate_states", counting)
    env = Subset(6, 3)
    for limit in (20, 10, 20):
        with pytest.raises(ab.SpaceTooLargeError, match="limit of 20"):
            ab.state_graph(env, max_states=limit)
    graph = ab.state_graph(env)
    assert ab.state_graph(env, max_states=42) is graph
    assert small_state_graph(env) is graph
    with pytest.raises(ab.SpaceTooLargeError, match="limit of 20"):
        ab.state_graph(env, max_states=20)
    assert asked == [20, 1_000_000]
    assert small_state_graph(Subset(30, 15)) is None


# Hypergrid 2x8 with R0 = .1, computed from the closed formula of its reward.
def grid_target(side=8):
    x = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
    off = np.abs(2 * x - (side - 1))
    outer, inner = (2 * off > side - 1).all(1), ((5 * off > 3 * (side - 1)) & (5 * off < 4 * (side - 1))).all(1)
    reward = 0.1 + 0.5 * outer + 2.0 * inner
    return reward / reward.sum()


@pytest.mark.parametrize("samples, floor", [(10_000, 0.0256), (200_000, 0.0057), (1_000_000, 0.0026)])
def test_the_floor_of_a_perfect_sampler(samples, floor):
    assert perfect_sampler_floor(grid_target(), samples) == pytest.approx(floor, abs=5e-5)


def test_the_floor_agrees_with_simulation():
    target = np.array([0.5, 0.3, 0.15, 0.05])
    draws = np.random.default_rng(0).multinomial(40, target, 20_000) / 40
    simulated = 0.5 * np.abs(draws - target).sum(1).mean()
    assert perfect_sampler_floor(target, 40) == pytest.approx(simulated, rel=0.01)


def test_distances_on_a_worked_example():
    target, model = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    assert total_variation_distance(target, model) == pytest.approx(0.25)
    assert kl_divergence(target, model) == pytest.approx(0.5 * math.log(2))
    assert kl_divergence(model, target) == math.inf
    assert 0 < jensen_shannon_divergence(target, model) < math.log(2)
    assert jensen_shannon_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(math.log(2))


def random_children(seed, size):
    rng = np.random.default_rng(seed)
    children = {number: [] for number in range(size)}
    for number in range(1, size):
        for _ in range(rng.integers(1, 4)):
            children[int(rng.integers(0, number))].append(number)
    return children


@pytest.mark.thorough
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(2, 40))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_tabulated_labels_are_seen_from_both_ends(seed, size):
    """Every edge has one label, free of the others at both of its ends, and no more labels than the largest degree."""
    children = random_children(seed, size)
    listed = tabulate(0, lambda state: children[state]).listed
    edges = sorted((s, t) for s in children for t in children[s])
    numbers = {item: number for number, item in enumerate(listed.items)}
    source, label = np.nonzero(listed.child >= 0)
    target = listed.child[source, label]
    assert sorted((numbers[s], numbers[t]) for s, t in edges) == sorted(
        zip(source.tolist(), target.tolist(), strict=True)
    )
    assert (listed.parent[target, label] == source).all()
    assert (listed.parent >= 0).sum() == len(edges)
    assert listed.child.shape[1] == max(np.bincount(source).max(), np.bincount(target).max())


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, "high", None])
def test_a_bad_reward_in_a_table_names_its_state(bad):
    env = words(2)
    with pytest.raises(ab.RewardError, match="'ab'"):
        env.table(lambda word: bad if word == "ab" else 1.0)


def test_a_cycle_and_a_dead_end_are_refused():
    with pytest.raises(ab.LawError, match="cycle"):
        tabulate(0, lambda s: [(s + 1) % 3])
    with pytest.raises(ab.LawError, match="dead end"):
        tabulate(0, lambda s: [1, 2] if s == 0 else [], lambda s: s == 1)


def test_a_reward_of_zero_everywhere_is_refused():
    graph = ab.state_graph(Faces())
    with pytest.raises(ab.RewardError, match="nothing to sample"):
        ab.log_rewards(graph, lambda state: jnp.array(-jnp.inf))
