"""Pareto fronts and their volumes, against slow definitions."""

import itertools

import numpy as np
import pytest
from examples.two_rewards import branin_and_currin

import anabranch as ab
from anabranch.evaluation.under_conditions import UnderConditions
from anabranch.ground.errors import ConfigError


def front_by_definition(rows):
    def beaten(row):
        return any((other >= row).all() and (other > row).any() for other in rows)

    return np.array([not beaten(row) for row in rows])


def volume_by_cells(rows):
    """The volume by counting the cells of the grid that all coordinates make."""
    axes = [np.unique(np.append(rows[:, axis], 0.0)) for axis in range(rows.shape[1])]
    total = 0.0
    for cell in itertools.product(*[range(len(axis) - 1) for axis in axes]):
        upper = np.array([axis[number + 1] for axis, number in zip(axes, cell, strict=True)])
        lower = np.array([axis[number] for axis, number in zip(axes, cell, strict=True)])
        if (rows >= upper).all(1).any():
            total += np.prod(upper - lower)
    return total


@pytest.mark.parametrize("columns", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_front_and_volume_are_those_of_the_definition(columns, seed):
    rows = np.random.default_rng(seed).integers(0, 6, (12, columns)) / 5.0
    assert (ab.pareto_front(rows) == front_by_definition(rows)).all()
    assert ab.hypervolume(rows) == pytest.approx(volume_by_cells(rows), abs=1e-12)
    shifted = rows + 0.5
    assert ab.hypervolume(shifted, 0.5) == pytest.approx(ab.hypervolume(rows), abs=1e-12)


def test_nothing_above_the_reference_has_no_volume():
    assert ab.hypervolume(np.array([[0.2, 0.9]]), np.array([0.5, 0.5])) == 0.0


def test_distances_are_those_worked_out_by_hand():
    front = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert ab.generational_distance(np.array([[0.0, 1.0], [1.0, 0.5]]), front) == pytest.approx(0.25)
    assert ab.generational_distance(front, np.array([[0.0, 1.0]])) == pytest.approx(np.sqrt(2.0) / 2.0)
    weights = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert ab.r2_indicator(front, weights) == pytest.approx((0.0 + 0.5) / 2.0)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: ab.pareto_front(np.zeros(3)), "values must be a matrix"),
        (lambda: ab.pareto_front(np.array([[np.nan, 1.0]])), "finite"),
        (lambda: ab.hypervolume(np.ones((2, 2)), np.zeros(3)), "has shape"),
        (lambda: ab.generational_distance(np.ones((2, 2)), np.ones((2, 3))), "give as many"),
        (lambda: ab.r2_indicator(np.ones((2, 2)), np.ones((2, 3))), "3"),
    ],
)
def test_what_is_no_matrix_of_rewards_is_refused(call, sentence):
    with pytest.raises(ConfigError, match=sentence):
        call()


@pytest.mark.thorough
def test_exact_numbers_of_two_rewards_on_a_grid():
    """log Z under five preferences, 36 points on the front, and its volume: numbers from outside of this library."""
    env = ab.make("hypergrid", env={"side": 32}).env
    condition = ab.Preferences(rewards=2, exponent=16.0)
    setup = ab.setup(env, branin_and_currin, objective="tb", condition=condition, steps=1, batch=1)
    under = UnderConditions.of(ab.state_graph(env), setup.log_reward)
    found = [under.log_z(condition.settled((weight, 1.0 - weight))) for weight in (1.0, 0.75, 0.5, 0.25, 0.0)]
    np.testing.assert_allclose(found, [5.557346, 4.345699, 3.528706, 3.255140, 3.579818], atol=2e-6)
    rows = np.unique(under.worth, axis=0)
    assert ab.pareto_front(rows).sum() == 36
    assert ab.hypervolume(rows) == pytest.approx(0.982144, abs=1e-6)


def test_exact_numbers_of_an_exponent_on_a_grid():
    task = ab.make("hypergrid")
    setup = ab.setup(task.env, task.log_reward, objective="tb", condition="temperature", steps=1, batch=1)
    under = UnderConditions.of(ab.state_graph(task.env), setup.log_reward)
    exponents = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
    found = [under.log_z(under.condition.settled(beta)) for beta in exponents]
    exact = [3.752629, 3.431529, 3.109061, 3.460723, 4.289692, 6.165814, 9.030410]
    np.testing.assert_allclose(found, exact, atol=2e-6)
