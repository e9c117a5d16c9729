"""Runs in continuous spaces, for the tests of their pictures and their pages."""

import jax.numpy as jnp

import anabranch as ab
from anabranch.continuous.box import Box
from anabranch.continuous.line import Line

QUIET = {"callback": lambda row: None, "anneal": ab.Anneal(steps=0), "optimizer": ab.Adam(learning_rate=2e-3)}


def two_hills(state):
    """log R on a line: hills at -1 and 2."""
    place = state.place[0]
    return jnp.logaddexp(-0.5 * ((place - 2.0) / 0.5) ** 2, -0.5 * ((place + 1.0) / 0.8) ** 2)


def corner(state):
    """log R in a box: high where both coordinates are."""
    return jnp.log(0.05 + jnp.all(state.place > 0.6))


SPACES = {"line": (Line(components=2), two_hills), "box": (Box(components=2), corner)}


def trained_points(name, place=None, *, steps=40, **settings):
    """A short training in one of the spaces, kept at a place."""
    env, log_reward = SPACES[name]
    policy = ab.MLP(width=16)
    settings = {**QUIET, "objective": "tb", "batch": 16, "policy": policy, "out": place, **settings}
    return ab.train(env, log_reward, steps=steps, **settings)
