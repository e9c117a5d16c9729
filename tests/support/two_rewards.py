"""Two rewards on a small grid, short trainings of them under conditions, and how two such trainings are compared."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import anabranch as ab

TASK = ab.make("hypergrid", env={"dim": 2, "side": 4}, reward={"r0": 0.1})
HEAT = ab.Temperature(low=0.5, high=4.0)
PAIR = ab.Preferences(rewards=2, exponent=4.0)
SMALL = {"objective": "tb", "steps": 40, "batch": 8, "policy": ab.MLP(width=16, depth=1), "exact": False}
LONGER = {**SMALL, "steps": 1_200, "batch": 32, "policy": ab.MLP(width=64), "optimizer": ab.Adam(learning_rate=4e-3)}


def quiet(env=TASK.env, reward=TASK.log_reward, **options):
    return ab.train(env, reward, callback=lambda row: None, **options)


def two(state):
    """Two rewards, each best in a corner."""
    return jnp.stack([0.1 + 0.3 * state[0], 0.1 + 0.3 * state[1]])


def two_in_python(objects):
    return [[0.1 + 0.3 * x, 0.1 + 0.3 * y] for x, y in objects]


def bits(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(run.policy, eqx.is_array))]


def same_bits(one, other):
    return all((a == b).all() for a, b in zip(bits(one), bits(other), strict=True))
