"""A space written down as a function: its labels are proper on any graph, and its rewards may be small."""

import numpy as np
import pytest

import anabranch as ab
from anabranch.graph.tabulate import _tables


def random_edges(count, share, seed):
    """Edges of a random graph, each from a lower to a higher number."""
    luck = np.random.default_rng(seed)
    return [(s, t) for t in range(count) for s in range(t) if luck.random() < share]


@pytest.mark.parametrize("seed", range(20))
def test_as_many_labels_as_the_largest_degree_tell_all_edges_apart_at_both_ends(seed):
    edges = random_edges(30, 0.4, seed)
    child, parent = _tables(30, edges)
    assert child.shape[1] == max(np.bincount(end).max() for end in np.array(edges).T)
    forward = {(s, int(child[s, label]), label) for s, label in np.argwhere(child >= 0).tolist()}
    backward = {(int(parent[t, label]), t, label) for t, label in np.argwhere(parent >= 0).tolist()}
    assert forward == backward
    assert sorted((s, t) for s, t, _ in forward) == sorted(edges)


def test_rewards_below_one_are_rewards():
    space = ab.tabulate((), lambda word: [(*word, letter) for letter in "ab"] if len(word) < 2 else [])
    reward = space.table(lambda word: 0.25 if "b" in word else 1e-30)
    graph = ab.state_graph(space)
    assert np.exp(ab.log_rewards(graph, reward).max()) == pytest.approx(0.25)
