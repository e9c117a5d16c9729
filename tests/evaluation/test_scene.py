"""The scene of a continuous space: its target integrates to one, its grid holds what matters, frames hold the draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.continuous.box import Box
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.kinds import Kinded, KindsAndPoints
from anabranch.continuous.line import Line
from anabranch.continuous.places import Timed
from anabranch.continuous.targets.gaussians import GaussianGrid
from anabranch.continuous.torus import Torus
from anabranch.evaluation.scene import Grid, Scene, periods_of, places_of, target_on, templates_of
from anabranch.rewards.host_reward import PythonReward


def timed(env, places):
    return Timed(np.asarray(places, np.float32), np.full(len(places), env.max_steps))


def normal(mean, scale):
    return lambda state: -0.5 * jnp.sum(((state.place - mean) / scale) ** 2)


def test_a_target_on_a_line_is_its_normalised_density():
    env = Line()
    states = timed(env, np.random.default_rng(0).normal(0.0, 3.0, (500, 1)))
    scene = Scene.over(env, normal(1.0, 0.5), states, cells=200)
    middle = scene.grid.centres(0)
    truth = np.exp(-0.5 * ((middle - 1.0) / 0.5) ** 2) / (0.5 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(scene.target[0], truth, atol=2e-3 * truth.max())
    assert scene.target.sum() * scene.grid.volume == pytest.approx(1.0)
    low, high = scene.grid.ranges[0]
    assert -6.5 < low < -4.0, "the samples, but for the few that lie farthest out"
    assert 4.0 < high < 6.5
    assert (scene.kinds, scene.log_z) == (("",), None)


def test_a_target_beyond_the_samples_is_looked_for():
    states = timed(Line(), np.linspace(-1.0, 1.0, 101)[:, None])
    low, high = Scene.over(Line(), normal(1.6, 0.1), states, cells=20).grid.ranges[0]
    assert low < -0.85
    assert 1.75 < high < 2.3


def test_a_grid_of_two_axes_keeps_their_order():
    env = Diffusion(dim=2, steps=3)
    grid = Grid(np.array([[-4.0, 4.0], [-2.0, 2.0]]), 40)
    states = timed(env, np.random.default_rng(1).normal((2.0, -1.0), (0.2, 0.1), (4_000, 2)))
    target = target_on(env, normal(jnp.array([2.0, -1.0]), jnp.array([0.2, 0.1])), grid, templates_of(env, states))[0]
    sampled = grid.density(places_of(env, states))
    for density in (target, sampled):
        first, second = (density * grid.centres(0)[:, None], density * grid.centres(1)[None, :])
        assert first.sum() * grid.volume == pytest.approx(2.0, abs=0.02)
        assert second.sum() * grid.volume == pytest.approx(-1.0, abs=0.02)
    # The total variation of 4,000 draws over some 60 cells; with the axes exchanged it is 1.
    assert 0.5 * np.abs(target - sampled).sum() * grid.volume < 0.1
    assert grid.share_outside(np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 3.0], [1.0, 1.0]])) == 0.5


def test_each_kind_has_a_panel_whose_share_is_that_of_its_reward():
    env = KindsAndPoints(kinds=3, dim=1)
    generator = np.random.default_rng(0)
    kinds = generator.choice(2, size=900, p=(0.25, 0.75))
    states = Kinded(kinds, generator.uniform(size=(900, 1)).astype(np.float32), np.full(900, 2))
    scene = Scene.over(env, lambda state: jnp.log(1.0 + state.kind), states, cells=50)
    np.testing.assert_allclose(scene.target.sum(axis=1) * scene.grid.volume, [1 / 6, 2 / 6, 3 / 6], rtol=1e-5)
    shares = scene.sampled(states).sum(axis=1) * scene.grid.volume
    np.testing.assert_allclose(shares, [*np.bincount(kinds) / 900, 0.0], rtol=1e-9)
    assert scene.kinds == ("kind 0", "kind 1", "kind 2"), "also the one that was never drawn"


def test_what_a_target_knows_is_taken_and_python_is_not_asked():
    env = Diffusion(dim=2, steps=3)
    states = timed(env, np.random.default_rng(0).normal(size=(200, 2)))
    scene = Scene.over(env, GaussianGrid(), states, cells=32)
    assert scene.log_z == 0.0
    assert (scene.grid.ranges[:, 0] < -10.5).all(), "its draws lie there, the samples do not"
    asked = []
    reward = PythonReward(function=lambda objects: asked.append(objects) or [1.0] * len(objects)).on(env)
    assert Scene.over(env, reward, states, cells=8).target is None
    assert asked == []
    wide = Diffusion(dim=4, steps=3)
    places = timed(wide, np.random.default_rng(0).normal(size=(200, 4)))
    assert Scene.over(wide, normal(0.0, 1.0), places, cells=8).target is None
    assert Scene.over(wide, normal(0.0, 1.0), places, cells=8).grid.axes == 2


def test_places_are_found_whatever_axes_lead():
    env = Box(dim=3)
    first = env.initial()
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (4, 5, *leaf.shape)), first)
    assert places_of(env, batch).shape == (4, 5, 3)
    assert periods_of(env) is None
    assert periods_of(Torus(dim=3)) == pytest.approx((2 * np.pi,) * 2)
