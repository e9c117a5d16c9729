"""Metrics of places: the distances of known shifts, their floors, and modes that are reached or missed."""

import numpy as np
import pytest

import anabranch as ab
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.targets.base import Modes
from anabranch.evaluation.metrics.mmd import mean_discrepancy
from anabranch.evaluation.metrics.places import reached
from anabranch.evaluation.metrics.wasserstein import wasserstein_distance
from support.normal_target import Bell, constant


def test_wasserstein_of_a_shift_is_its_length_and_of_a_permutation_0():
    places = np.random.default_rng(0).standard_normal((200, 2))
    assert wasserstein_distance(places, places + np.array([3.0, 4.0])) == pytest.approx(5.0)
    assert wasserstein_distance(places, places[::-1]) == 0.0
    # Of sorted numbers on a line the assignment is known.
    one, other = np.sort(np.random.default_rng(1).standard_normal((2, 50, 1)), axis=1)
    assert wasserstein_distance(one, other) == pytest.approx(np.sqrt(((one - other) ** 2).mean()))


def test_the_discrepancy_of_one_law_is_small_and_of_far_ones_near_its_most():
    one, other = np.random.default_rng(0).standard_normal((2, 500, 2))
    assert mean_discrepancy(one, one) == pytest.approx(0.0, abs=1e-7)
    # The square of the biased estimate of one law is about 2 / n.
    assert mean_discrepancy(one, other) < 3 * (2 / 500) ** 0.5
    assert mean_discrepancy(one + 100.0, other) > 0.9


def test_modes_are_reached_within_their_radius():
    modes = Modes([[0.0, 0.0], [5.0, 0.0]], 1.0)
    assert reached(np.array([[0.5, 0.5], [9.0, 0.0]]), modes) == 1
    assert reached(np.array([[0.5, 0.5], [5.9, 0.0]]), modes) == 2


def measured(middle):
    env = Diffusion(dim=2, steps=3, scale=1.0)
    return ab.evaluate(env, constant(env), Bell(dim=2, middle=middle), objective="tb", samples=600, exact=False)


@pytest.mark.thorough
def test_a_perfect_policy_is_at_the_floor_and_a_shifted_one_is_not():
    right, wrong = measured(0.0).metrics, measured(8.0).metrics
    for name in ("wasserstein", "mmd"):
        assert right[name].value < 2 * right[name].perfect
        assert wrong[name].value > 10 * wrong[name].perfect
        assert right[name].places == 600
    assert wrong.wasserstein.value == pytest.approx(8 * 2**0.5, rel=0.05)
    assert (right.modes_reached.value, right.modes_reached.total, right.modes_reached.perfect.mean) == (1, 1, 1)
    assert (wrong.modes_reached.value, wrong.modes_reached.perfect.mean) == (0, 1)


@pytest.mark.thorough
def test_metrics_of_listed_objects_do_not_speak_of_places_and_those_of_places_not_of_lists():
    found = measured(0.0).metrics
    assert [name for name in ("diversity", "modes", "flow_consistency") if found[name] is not None] == []
    assert any(row[0].startswith("Wasserstein-2, 600") for row in found.rows)
    task = ab.make("faces")
    run = ab.train(task.env, task.log_reward, objective="tb", steps=2, batch=4, policy=ab.MLP(width=8), exact=False)
    listed = ab.evaluate(task.env, run.policy, task.log_reward, objective="tb", samples=50).metrics
    assert [name for name in ("wasserstein", "mmd", "modes_reached") if listed[name] is not None] == []
    assert listed.flow_consistency is not None
