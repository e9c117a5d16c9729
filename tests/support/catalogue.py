"""What holds of every space of the catalogue: its laws, its drawings, its count of paths, its stated log Z."""

import jax
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import take
from anabranch.envs.bits import BitStrings
from anabranch.envs.bits_ordered import BitsAtEnds, BitsLeftToRight
from anabranch.envs.dag_graphs import Dags
from anabranch.envs.energies import Sites
from anabranch.envs.hypergrid import Hypergrid
from anabranch.envs.independent_sets import IndependentSets
from anabranch.envs.ising import Ising
from anabranch.envs.knapsack import Knapsack
from anabranch.envs.orders import Orders
from anabranch.envs.permutations import Permutations
from anabranch.envs.phylogeny import Phylogeny
from anabranch.envs.sequences import Sequences
from anabranch.envs.sets import FixedSizeSets, Subsets
from anabranch.envs.tfbind8 import DNA
from anabranch.envs.tree import PerfectTree
from anabranch.evaluation.flows import exact_flows
from anabranch.plots.svg import count_elements
from support.spaces import graph_of

CATALOGUE = {
    "hypergrid": lambda: Hypergrid(dim=2, side=3),
    "bits": lambda: BitStrings(length=4, word=2),
    "bits-left": lambda: BitsLeftToRight(length=3, word=1),
    "bits-ends": lambda: BitsAtEnds(length=3, word=1),
    "sets": lambda: FixedSizeSets(items=4, size=2),
    "subsets": lambda: Subsets(items=3),
    "sequences": lambda: Sequences(alphabet="ab", shortest=1, longest=3),
    "permutations": lambda: Permutations(n=3),
    "tree": lambda: PerfectTree(depth=3),
    "ising": lambda: Ising(side=2),
    "potts": lambda: Sites(sites=2, values=3, columns=2),
    "dags": lambda: Dags(nodes=3),
    "phylogeny": lambda: Phylogeny("simulated-4"),
    "dna": lambda: DNA(length=2, ngrams=2),
    "orders": lambda: Orders(n=3),
    "independent-sets": lambda: IndependentSets(items=4, density=0.5),
    "knapsack": lambda: Knapsack(items=4),
    "product": lambda: ab.Product([Subsets(items=2), PerfectTree(depth=2)]),
    "choose": lambda: ab.Choose([Permutations(n=2), Hypergrid(dim=2, side=2)]),
    "in-order": lambda: ab.InOrder([PerfectTree(depth=1), Subsets(items=2)]),
    "repeat": lambda: ab.Repeat(Subsets(items=2), 2, least=0),
}
"""A small instance of each built-in space."""


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
