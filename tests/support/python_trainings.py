"""Small trainings with rewards in plain Python."""

import jax
import numpy as np

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid
from anabranch.rewards.python_reward import python_reward

GRID = Hypergrid(dim=2, side=4)
SETTINGS = {"objective": "tb", "steps": 12, "batch": 8, "policy": ab.MLP(width=16), "exact": False}


def trained(function, *, train=None, **settings):
    reward = python_reward(function, **{"survey": 32, **settings})
    return ab.train(GRID, reward, **{**SETTINGS, **(train or {})})


def objects_of(graph):
    return [GRID.decode(state) for state in np.asarray(graph.object_states)]


def parameters(run):
    leaves = jax.tree.leaves(run.policy)
    return np.concatenate([np.ravel(leaf) for leaf in leaves if hasattr(leaf, "dtype")])


def require_same(one, other):
    assert np.array_equal(parameters(one), parameters(other))


def interrupting(at):
    """A callback that ends a training at a step."""

    def callback(row):
        if row["step"] >= at:
            raise KeyboardInterrupt

    return callback
