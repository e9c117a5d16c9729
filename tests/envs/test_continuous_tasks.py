"""Named tasks of continuous spaces: each target fits its space, distances are metrics, settings stand in one place."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.continuous_tasks import SETTINGS, TASKS, around, euclidean, kinds_apart


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_finite_reward_at_its_own_objects(name):
    task = ab.make(name)
    assert isinstance(task.env, ab.ContinuousEnvironment)
    assert name in ab.task_names()
    assert len(task.summary) < 70
    size = 1 if name == "line" else task.env.dim
    place = (0.3,) * size
    state = task.env.encode((1, place) if name == "kinds-and-points" else place)
    value, slope = jax.value_and_grad(lambda moved: task.log_reward(_at(state, moved)))(state.place)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    settings, tuned = task.settings("tb"), SETTINGS[name]
    assert settings.policy == (ab.Drift if tuned.follows else ab.MLP)(width=tuned.width)
    assert settings.explore == ab.Explore(epsilon=tuned.epsilon)


def _at(state, place):
    return jax.tree.unflatten(
        jax.tree.structure(state), [place if leaf is state.place else leaf for leaf in jax.tree.leaves(state)]
    )


@pytest.mark.parametrize("name, env, expected", [
    ("many-well", {"dim": 16}, ab.ManyWell(dim=16)),
    ("funnel", {"dim": 3}, ab.Funnel(dim=3)),
    ("lennard-jones", {"dim": 9}, ab.LennardJones(dim=9)),
    ("box", {"dim": 4}, ab.BoxCorners(dim=4)),
    ("torus", {"dim": 3}, ab.CoupledAngles(dim=3)),
    ("kinds-and-points", {"kinds": 4, "dim": 2}, ab.KindBumps(kinds=4, dim=2)),
    ("gaussians-2", {"dim": 5}, ab.TwoGaussians(dim=5)),
])  # fmt: skip
def test_a_target_follows_the_size_of_its_space(name, env, expected):
    assert ab.make(name, env=env).log_reward == expected


def test_other_settings_of_a_target_stay():
    task = ab.make("funnel", env={"dim": 4}, reward={"deviation": 1.5})
    assert task.log_reward == ab.Funnel(dim=4, deviation=1.5)
    assert ab.make("many-well-32").log_reward.log_z == pytest.approx(164.695675, abs=1e-6)
    with pytest.raises(ab.ConfigError, match="given dim=7"):
        ab.make("many-well", env={"dim": 7})


def test_distances():
    assert euclidean((0.0, 0.0), (3.0, 4.0)) == 5.0
    assert euclidean(1.0, -1.5) == 2.5
    assert around((3.0, 0.0), (-3.0, 0.0)) == pytest.approx(2 * math.pi - 6.0)
    assert around((0.1, 0.2), (0.1 + 2 * math.pi, 0.2)) == pytest.approx(0.0, abs=1e-9)
    assert kinds_apart((0, (0.5,)), (0, (0.2,))) == pytest.approx(0.3)
    assert kinds_apart((0, (0.5,)), (2, (0.5,))) == 1.0


def test_objects_are_shown_with_four_digits():
    box = ab.make("box").env
    assert box.show(box.encode((0.123456, 0.5))) == "(0.1235, 0.5)"
    mixed = ab.KindsAndPoints()
    assert mixed.show(mixed.encode((2, (1 / 3,)))) == "(2, (0.3333,))"
    assert ab.Line().show(ab.Line().encode(jnp.array(-2.0001234))) == "-2"
