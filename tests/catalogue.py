"""What holds of every space of the catalogue: its laws, its drawings, its count of paths, its stated log Z."""

import jax
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import take
from anabranch.exact.flows import exact_flows
from anabranch.plots.svg import count_elements
from spaces import graph_of


def log_z_of(env, reward):
    """log Z by enumeration, in float64."""
    graph = graph_of(env)
    return exact_flows(graph, ab.log_rewards(graph, reward)).log_z


def assert_sound(env, reward=None):
    """Every law is proved, every state can be shown and drawn, paths are counted right, log Z and energies agree."""
    assert ab.check(env).proved
    graph = graph_of(env)
    assert_path_counts(env)
    texts = {graph.show(number) for number in range(graph.num_states)}
    assert len(texts) == graph.num_states
    for number in range(0, graph.num_states, max(1, graph.num_states // 20)):
        assert count_elements(env.draw(take(graph.states, number))) > 0
    if reward is not None:
        assert reward.log_z == pytest.approx(log_z_of(env, reward), abs=1e-6)
    if hasattr(reward, "energy"):
        assert_energies(graph, reward)
    return graph


def assert_path_counts(env):
    """The stated number of paths to each state is that of the graph."""
    graph = graph_of(env)
    count = np.asarray(graph.map(env.log_path_count), float)
    np.testing.assert_allclose(count, np.log(graph.path_count), atol=1e-5)


def assert_energies(graph, reward):
    """Energies are 0 at the source and -log R at objects, and finite in between."""
    energy = np.asarray(graph.map(reward.energy))
    assert energy[0] == 0.0
    assert np.isfinite(energy).all()
    np.testing.assert_allclose(energy[graph.objects], -ab.log_rewards(graph, reward), atol=1e-5)


def log_reward_of(reward, items):
    """log R of plain-Python objects, through `encode`."""
    states = np.stack([np.asarray(reward.env.encode(item)) for item in items])
    return np.asarray(jax.jit(jax.vmap(reward))(states), float)
