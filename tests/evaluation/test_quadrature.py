"""The exact law of continuous policies by quadrature: known answers, a wrong policy, and grids that do not do."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.continuous.box import Box
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.kinds import KindsAndPoints
from anabranch.continuous.line import Line
from anabranch.evaluation.divergences import perfect_sampler_floor, total_variation_distance
from anabranch.evaluation.quadrature import quadrature
from anabranch.ground.errors import ConfigError, SpaceTooLargeError
from support.normal_target import Bell, constant


def two_bells(state):
    return jnp.logaddexp(-0.5 * ((state.place[0] - 2) / 0.5) ** 2, -0.5 * ((state.place[0] + 1) / 0.8) ** 2)


def corners(state):
    """The rewards of the hypergrid on the square."""
    away = jnp.abs(state.place - 0.5)
    return jnp.log(0.1 + 0.5 * jnp.all(away > 0.25) + 2.0 * jnp.all((away > 0.3) & (away < 0.4)))


@pytest.mark.thorough
def test_log_z_of_known_rewards():
    assert quadrature(Line(), constant(Line()), two_bells).log_z == pytest.approx(math.log(3.2587), abs=1e-4)


@pytest.mark.thorough
def test_log_z_of_the_hypergrids_reward():
    assert quadrature(Box(), constant(Box()), corners).log_z == pytest.approx(-1.187444, abs=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("dim", [1, 2])
def test_a_diffusion_without_a_network_is_a_normal_and_its_distances_are_known(dim):
    """TV of N(0, 1) with N(1, 1) is erf(1 / sqrt 8), with N(0, 1) it is 0; KL of a shift by 1 in each axis is dim / 2.

    In the kernel of zeros the place stays, so that all variance is the process's own.
    """
    env = Diffusion(dim=dim, steps=4, scale=1.0)
    same = quadrature(env, constant(env), Bell(dim=dim))
    assert same.total_variation < 1e-4
    assert abs(same.mass - 1.0) < 1e-4
    shifted = quadrature(env, constant(env), Bell(dim=dim, middle=1.0))
    assert shifted.total_variation == pytest.approx(math.erf(math.sqrt(dim / 8)), abs=2e-3)
    assert shifted.kl == pytest.approx(dim / 2, abs=2e-3)
    assert shifted.log_z == Bell(dim=dim).log_z


def test_sampled_shares_agree_with_the_law_of_a_policy_and_not_with_another():
    """On large bins the samples are as near to the policy's own law as perfect samples; the target is far."""
    env = Line()
    policy = constant(env)
    law = quadrature(env, policy, two_bells)
    drawn = ab.sample(env, policy, 4000, seed=1).states
    own = dataclasses.replace(law, target=law.model)
    target, found = own.binned(drawn)
    # Four standard deviations of the distance of perfect samples, which is about its mean over 14 at 50 bins.
    assert total_variation_distance(target, found) < 1.3 * perfect_sampler_floor(target, 4000)
    wrong, found = law.binned(drawn)
    assert total_variation_distance(wrong, found) == pytest.approx(law.total_variation, abs=0.05)
    assert law.total_variation > 0.3


@pytest.mark.thorough
def test_kinds_are_sheets_of_their_own():
    """A policy that draws all kinds alike, of a reward that gives them 1, 2 and 3: the kinds alone are 1/6 apart."""
    env = KindsAndPoints(components=1)
    # One plateau as wide as the interval is even, but for its soft edges.
    numbers = jnp.array([0.0, 0.0, 0.0, 0.0, 0.0, 40.0, -40.0])
    law = quadrature(env, constant(env, numbers), lambda state: jnp.log(state.kind + 1.0))
    assert law.log_z == pytest.approx(math.log(6.0), abs=1e-5)
    shares = law.model.reshape(3, -1).sum(1)
    assert shares == pytest.approx(np.ones(3) / 3, abs=1e-5)
    assert law.total_variation >= 1 / 6 - 1e-5


@pytest.mark.thorough
def test_steps_narrower_than_the_grid_have_no_answer_and_a_reason():
    env = Diffusion(dim=1, steps=3, scale=0.05)
    narrow = constant(env, [0.0, -200.0])
    law = quadrature(env, narrow, Bell(middle=20.0))
    assert law.total_variation is None
    assert law.kl is None
    assert "narrower than its nodes" in law.words


@pytest.mark.thorough
def test_a_narrow_reward_has_no_answer_and_a_reason():
    env = Diffusion(dim=1, steps=3, scale=1.0)
    law = quadrature(env, constant(env), Bell(middle=0.123, variance=1e-8))
    assert law.total_variation is None
    assert "the reward varies over less" in law.words


@pytest.mark.thorough
def test_evaluate_takes_the_quadrature_and_the_perfect_draws():
    env, target = Diffusion(dim=1, steps=4, scale=1.0), Bell(middle=0.5)
    options = {"objective": "tb", "samples": 1000}
    found = ab.evaluate(env, constant(env), target, **options)
    assert found.exact
    assert found.total_variation == pytest.approx(math.erf(0.5 / math.sqrt(8)), abs=2e-3)
    assert found.log_z_exact == target.log_z
    assert found.quadrature is not None
    assert "quadrature with 1,000 nodes" in found.quadrature
    assert found.sampled_total_variation is not None
    assert found.perfect_sampler_floor is not None
    assert found.sampled_total_variation > found.perfect_sampler_floor
    assert found.estimates.elbo.value < target.log_z < found.estimates.eubo.value
    # Both bounds are off by the divergence of a shift of .5: .125 nats, within five standard errors.
    for bound, side in ((found.estimates.elbo, -0.125), (found.estimates.eubo, 0.125)):
        assert abs(bound.value - target.log_z - side) < 5 * bound.error + 1e-3
    left_out = ab.evaluate(env, constant(env), target, exact=False, **options)
    assert (left_out.total_variation, left_out.quadrature, left_out.exact) == (None, None, False)
    assert left_out.log_z_exact == target.log_z


def test_more_than_two_coordinates_have_no_quadrature():
    env = Diffusion(dim=3, steps=2)
    assert quadrature(env, constant(env), Bell(dim=3)) is None
    with pytest.raises(SpaceTooLargeError, match="3 real coordinates, and quadrature is for one or two"):
        ab.evaluate(env, constant(env), Bell(dim=3), objective="tb", samples=10, exact=True)


def test_a_reward_in_plain_python_is_not_asked_for_at_every_node():
    env = Line()
    with pytest.raises(ConfigError, match="Quadrature asks for the reward of every node"):
        quadrature(env, constant(env), lambda place: -(float(place) ** 2))
