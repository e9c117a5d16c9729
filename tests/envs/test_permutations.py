"""Permutations built in any order, worth their fixed points."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.permutations import FixedPoints, Permutations, derangements, is_derangement
from anabranch.evaluation.flows import maximum_entropy_log_pb, uniform_log_pb
from support.catalogue import assert_sound, log_reward_of, log_z_of
from support.spaces import graph_of

FOUR = Permutations(n=4)


def test_permutations_are_sound():
    graph = assert_sound(FOUR, FixedPoints(env=FOUR))
    assert graph.num_states == sum(math.comb(4, k) ** 2 * math.factorial(k) for k in range(5))
    assert (graph.objects.size, FOUR.num_slots) == (24, 4)
    assert graph.in_degree.max() == 4


def test_uniform_is_the_maximum_entropy_backward_policy():
    graph = graph_of(FOUR)
    np.testing.assert_allclose(uniform_log_pb(graph), maximum_entropy_log_pb(graph), atol=1e-12)


def test_the_known_log_z():
    assert log_z_of(FOUR, FixedPoints(env=FOUR)) == pytest.approx(3.826215, abs=1e-6)
    assert FixedPoints(env=FOUR).log_z == pytest.approx(3.826215, abs=1e-6)
    assert FixedPoints(env=Permutations(n=6)).log_z == pytest.approx(7.227967, abs=1e-6)
    eight = np.array(list(itertools.permutations(range(8)))) == np.arange(8)
    listed = np.log(np.exp(0.5 * eight.sum(1)).sum())
    assert FixedPoints(env=Permutations(n=8)).log_z == pytest.approx(listed, abs=1e-12)
    assert listed == pytest.approx(11.253324, abs=1e-6)


def test_derangements_are_counted():
    assert [derangements(n) for n in range(7)] == [1, 0, 1, 2, 9, 44, 265]
    every = jnp.array(list(itertools.permutations(range(4))))
    assert sum(bool(is_derangement(state)) for state in every) == 9


def test_fixed_points_are_worth_their_weight():
    reward = FixedPoints(env=FOUR, weight=-0.3)
    items = list(itertools.permutations(range(4)))
    expected = [-0.3 * sum(value == place for place, value in enumerate(item)) for item in items]
    assert log_reward_of(reward, items) == pytest.approx(expected, abs=1e-6)
    assert float(reward.energy(jnp.array([0, -1, 2, 1]))) == pytest.approx(0.6)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Permutations(n=0), "given n=0"),
        (lambda: FixedPoints(env=FOUR, weight=math.inf), "finite"),
        (lambda: FOUR.encode((0, 1, 1, 2)), "each of 0 to 3 once"),
        (lambda: FOUR.encode((0, 1, 2)), "each of 0 to 3 once"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()
