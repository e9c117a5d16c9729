"""The teacher and the ensemble by themselves: the formula of the reward, what a member draws and learns from."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.policies.observation import observer
from anabranch.sampling.rollout import rollout
from anabranch.sampling.thompson import Member, bootstrapped, drawn_by_members, member_logits, residuals_of_members
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score

GRID = Hypergrid(dim=2, side=4)
READING = Reading(GRID, UniformBackward())


def test_the_reward_of_a_teacher_is_the_formula():
    teacher = ab.Teacher(alpha=0.5, undersampled=19.0, epsilon=0.01)
    found = teacher.log_reward(jnp.array([2.0, -2.0, 0.0]), jnp.array([1.0, -1.0, 3.0]))
    by_hand = [math.log(0.01 + 20 * 4.0) + 0.5, math.log(0.01 + 4.0) - 0.5, math.log(0.01) + 1.5]
    np.testing.assert_allclose(found, by_hand, rtol=1e-6)
    plain = dataclasses.replace(teacher, alpha=0.0, undersampled=0.0)
    assert float(plain.log_reward(jnp.array([3.0]), jnp.array([7.0]))[0]) == pytest.approx(math.log(9.01))


BAD = {
    "The teacher's share of a batch lies from 0 to below 1; given 1.0": lambda: ab.Teacher(share=1.0),
    "alpha of a teacher must be 0 or positive, and finite; given -0.5": lambda: ab.Teacher(alpha=-0.5),
    "undersampled must be 0 or positive, and finite; given inf": lambda: ab.Teacher(undersampled=math.inf),
    "epsilon of a teacher must be positive and finite; given 0.0": lambda: ab.Teacher(epsilon=0.0),
    "The ensemble's share of a batch lies from 0 to below 1; given -0.1": lambda: ab.Thompson(share=-0.1),
    "must be positive; given members=0, width=256, depth=2": lambda: ab.Thompson(members=0),
    "bootstrap is a probability above 0, at most 1; given 0.0": lambda: ab.Thompson(bootstrap=0.0),
    "prior must be 0 or positive, and finite; given -1.0": lambda: ab.Thompson(prior=-1.0),
}


@pytest.mark.parametrize("sentence", BAD)
def test_settings_out_of_range_are_refused(sentence):
    with pytest.raises(ab.ConfigError, match=sentence):
        BAD[sentence]()


def ensemble_of(**settings):
    thompson = ab.Thompson(**{"members": 3, "width": 8, "depth": 1, **settings})
    return thompson.build(observer(GRID), jax.random.key(0))


def member_of(ensemble, prior, number):
    return Member(ensemble=ensemble, prior=prior, number=jnp.array(number), log_z=ensemble.log_z)


def test_the_priors_have_the_standard_deviation_that_was_asked_for():
    for size in (0.5, 2.0):
        _, prior = ensemble_of(prior=size)
        assert float(jnp.std(prior.heads(jnp.zeros(2, int)).forward)) == pytest.approx(size, rel=1e-4)
    assert ensemble_of(prior=0.0)[1] is None


@pytest.mark.thorough
def test_the_residual_of_a_member_is_that_of_trajectory_balance_of_the_policy_that_it_is():
    """Scored in the library's own way, member by member, in place of all of them in one pass."""
    ensemble, prior = ensemble_of(prior=2.0)
    trajectories, _ = drawn_by_members(ensemble, prior, READING, jax.random.key(1), 16, 3)
    log_reward = jnp.linspace(-2.0, 2.0, 16)
    found = residuals_of_members(ensemble, prior, READING, trajectories, log_reward)
    assert found.shape == (3, 16)
    for number in range(3):
        scores = score(member_of(ensemble, prior, number), READING, trajectories, log_reward)
        np.testing.assert_allclose(found[number], ab.TrajectoryBalance().residual(scores)[0][0], atol=1e-5)
    assert not np.allclose(found[0], found[1], atol=0.1)


@pytest.mark.thorough
def test_each_trajectory_is_drawn_by_one_member_and_all_members_draw():
    """Members whose first action is known: the first actions are those of members drawn evenly, to three deviations."""
    ensemble, prior = ensemble_of(prior=200.0)
    first = [int(jnp.argmax(logits)) for logits in member_logits(ensemble, prior, jnp.zeros(2, int), 3)]
    batch = 600
    trajectories, flags = drawn_by_members(ensemble, prior, READING, jax.random.key(2), batch, 3)
    assert not bool(flags.dead_end | flags.too_long)
    counts = np.bincount(np.asarray(trajectories.actions[0]), minlength=3)
    wanted = np.bincount(first, minlength=3) * batch / 3
    assert np.all(np.abs(counts - wanted) < 3 * np.sqrt(batch * 2 / 9))
    own, _, _ = rollout(member_of(ensemble, prior, 0), READING, jax.random.key(3), 8)
    assert set(np.asarray(own.actions[0])) == {first[0]}


def test_a_member_learns_from_what_its_coin_has_given_it_alone():
    residual = jnp.array([[1.0, 2.0], [3.0, 5.0]])
    chosen = jnp.array([[True, False], [False, True]])
    assert float(bootstrapped(residual, chosen)) == pytest.approx((1.0 + 25.0) / 2)
    assert float(bootstrapped(residual, jnp.zeros((2, 2), bool))) == 0.0
    slope = jax.grad(lambda r: bootstrapped(r, chosen))(residual)
    np.testing.assert_allclose(slope, [[1.0, 0.0], [0.0, 5.0]])
