"""What the objectives are to each other and to the divergences that they descend: by enumeration, in float64."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.evaluation.divergences import target_distribution
from anabranch.evaluation.flows import (
    edge_law,
    exact_flows,
    maximum_entropy_log_pb,
    terminal_distribution,
    uniform_log_pb,
)
from anabranch.objectives.detailed_balance import DetailedBalance
from anabranch.objectives.maximum_likelihood import MaximumLikelihood
from anabranch.objectives.modified_detailed_balance import ModifiedDetailedBalance
from anabranch.objectives.path_consistency import PathConsistency
from anabranch.objectives.penalties import PENALTIES, alpha_family
from anabranch.objectives.policy_gradient import PolicyGradient
from anabranch.objectives.relative_trajectory_balance import RelativeTrajectoryBalance
from anabranch.objectives.soft_dqn import SoftDQN
from anabranch.objectives.soft_policy_gradient import SoftPolicyGradient
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.objectives.vargrad import VarGrad
from support.enumerated import random_policy, skipping_enumerated, tilted
from support.spaces import absolute_policy


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def close(one, other, *, rtol=1e-9):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(float(np.abs(b).max()), 1e-3))


def residual_of(objective, scores):
    residual, weight = objective.residual(scores)
    return np.asarray(jnp.where(weight > 0, residual, 0.0))


def test_all_trajectories_are_there():
    """Their probabilities add up to 1, forward from the source and backward from each object."""
    place = skipping_enumerated()
    scores = place.scores(place.policy)
    assert place.trajectories.length.size == place.graph.num_trajectories
    assert float(jnp.exp(scores.log_pf.sum(0)).sum()) == pytest.approx(1.0, rel=1e-12)
    back = np.bincount(place.object_of, np.exp(scores.log_pb.sum(0)))
    np.testing.assert_allclose(back, 1.0, rtol=1e-12)


def test_modified_detailed_balance_is_detailed_balance_with_its_flow():
    place = skipping_enumerated()
    scores = place.scores(place.policy)
    flow = jnp.where(scores.mask, scores.log_reward_at - scores.log_stop, 0.0)
    substituted = dataclasses.replace(scores, log_flow=flow)
    expected = residual_of(DetailedBalance(), substituted)
    np.testing.assert_allclose(expected[~np.asarray(scores.moves)], 0.0, atol=1e-12)
    np.testing.assert_allclose(residual_of(ModifiedDetailedBalance(), scores), expected, atol=1e-12)
    assert np.abs(expected).max() > 0.1


def test_soft_dqn_is_detailed_balance_of_which_one_side_is_learned():
    """Its gradient in log F is what detailed balance's would be without that of the successor's flow."""
    place = skipping_enumerated()
    scores = place.scores(place.policy)
    both = eqx.filter_grad(DetailedBalance().loss)(scores)
    lagged = dataclasses.replace(scores, lagged_log_flow=scores.log_flow)
    one = eqx.filter_grad(SoftDQN().loss)(lagged)
    np.testing.assert_allclose(one.log_pf, both.log_pf, atol=1e-12)
    successor = jnp.roll(jnp.where(scores.moves, one.log_flow, 0.0), 1, axis=0)
    np.testing.assert_allclose(one.log_flow - successor, both.log_flow, atol=1e-12)
    assert float(jnp.abs(successor).max()) > 1e-4
    for still in (one.log_pb, one.lagged_log_flow):
        assert float(jnp.abs(still).max()) == 0.0


def test_relative_balance_is_trajectory_balance_where_the_prior_samples_a_constant_reward():
    place = skipping_enumerated()
    scores = place.scores(place.policy)
    number = place.graph.objects.size
    constant = absolute_policy(exact_flows(place.graph, np.zeros(number), place.log_p_b))
    log_prior = place.scores(constant).log_pf
    relative = residual_of(RelativeTrajectoryBalance(), dataclasses.replace(scores, log_prior=log_prior))
    shifted = dataclasses.replace(scores, log_z=scores.log_z + math.log(number))
    np.testing.assert_allclose(relative, residual_of(TrajectoryBalance(), shifted), atol=1e-10)
    assert np.abs(relative).max() > 0.1


def test_relative_balance_is_zero_at_the_tilted_prior():
    """prior(x) R(x)^beta, for any prior."""
    place = skipping_enumerated()
    prior = random_policy(place.policy, 5)
    log_prior = place.scores(prior).log_pf
    scores = dataclasses.replace(place.scores(tilted(place, prior, 0.7)), log_prior=log_prior)
    assert np.abs(residual_of(RelativeTrajectoryBalance(beta=0.7), scores)).max() < 1e-9
    assert np.abs(residual_of(RelativeTrajectoryBalance(), scores)).max() > 0.1


def test_path_consistency_lies_between_detailed_balance_and_trajectory_balance():
    place = skipping_enumerated()
    scores = place.scores(place.policy)
    np.testing.assert_allclose(
        residual_of(PathConsistency(span=1), scores), residual_of(DetailedBalance(), scores), atol=1e-12
    )
    whole = residual_of(PathConsistency(span=99), scores)[:1]
    np.testing.assert_allclose(whole, residual_of(TrajectoryBalance(), scores), atol=1e-12)


def test_vargrad_is_trajectory_balance_at_its_own_log_z():
    place = skipping_enumerated()
    scores = place.scores(place.policy)
    at_mean = with_log_z(scores, scores.zeta.mean())
    assert float(VarGrad().loss(scores)) == pytest.approx(float(jnp.var(scores.zeta)), rel=1e-12)
    one, other = eqx.filter_grad(VarGrad().loss)(scores), eqx.filter_grad(TrajectoryBalance().loss)(at_mean)
    close((one.log_pf, one.log_pb), (other.log_pf, other.log_pb))
    pair = jax.tree.map(lambda leaf: leaf[..., :2] if leaf.ndim else leaf, scores)
    contrast = VarGrad(contrast="neighbour").loss(pair)
    assert float(contrast) == pytest.approx(float(jnp.diff(pair.zeta)[0] ** 2), rel=1e-12)


def on_policy(function):
    """The expectation of a number of each trajectory under the policy, whose probabilities are not differentiated."""
    return lambda scores: jnp.sum(jax.lax.stop_gradient(jnp.exp(scores.log_pf.sum(0))) * function(scores))


def divergence(alpha, log_z):
    """D_alpha of P_F's trajectories from those that R and P_B determine; of the latter nothing is differentiated."""

    def of(scores):
        log_p = scores.log_pf.sum(0)
        log_q = jax.lax.stop_gradient(scores.log_reward + scores.log_pb.sum(0)) - log_z
        p, q = jnp.exp(log_p), jnp.exp(log_q)
        if alpha == 0.0:
            return jnp.sum(q * (log_q - log_p))
        if alpha == 1.0:
            return jnp.sum(p * (log_p - log_q))
        return (jnp.sum(q * jnp.exp(alpha * (log_p - log_q))) - 1.0) / (alpha * (alpha - 1.0))

    return of


def with_log_z(scores, log_z):
    """The same scores with one log Z for all trajectories."""
    return dataclasses.replace(scores, log_z=jnp.broadcast_to(log_z, scores.log_z.shape))


def penalised(objective, log_z):
    def of(scores):
        return objective.penalise(objective.residual(with_log_z(scores, log_z))[0][0])

    return of


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_each_penalty_descends_its_own_divergence(alpha):
    """The expected on-policy gradient in P_F; log Z is the true one, and no exponent reaches its cap."""
    place = skipping_enumerated()
    log_z = float(np.logaddexp.reduce(place.log_reward))
    objective = TrajectoryBalance(penalty="alpha", alpha=alpha)
    residual = residual_of(objective, with_log_z(place.scores(place.policy), log_z))
    assert 1.0 < np.abs(residual).max() < 10.0
    expected = place.gradient(on_policy(penalised(objective, jnp.array(log_z)))).forward
    close(expected, place.gradient(divergence(alpha, log_z)).forward)
    another = place.gradient(divergence(alpha + 0.5, log_z)).forward
    assert float(jnp.abs(expected - another).max()) > 1e-3


def test_trajectory_balance_descends_twice_the_reverse_kl_whatever_its_log_z():
    place = skipping_enumerated()
    expected = place.gradient(on_policy(penalised(TrajectoryBalance(), jnp.array(0.3)))).forward
    kl = place.gradient(divergence(1.0, float(np.logaddexp.reduce(place.log_reward)))).forward
    close(expected, 2.0 * kl)


def over_pairs(objective):
    """The expected loss over batches of two independent trajectories."""

    def of(scores):
        chance = jax.lax.stop_gradient(jnp.exp(scores.log_pf.sum(0)))
        number = chance.size
        first, second = (grid.ravel() for grid in jnp.meshgrid(jnp.arange(number), jnp.arange(number)))

        def loss(one, other):
            columns = jnp.stack([one, other])
            pair = jax.tree.map(lambda leaf: leaf[..., columns] if leaf.ndim else leaf, scores)
            return chance[one] * chance[other] * objective.loss(pair)

        return jax.vmap(loss)(first, second).sum()

    return of


def test_the_soft_policy_gradient_descends_the_reverse_kl_in_both_policies():
    """P_B included, and with the baseline of the other trajectories."""
    place = skipping_enumerated()

    def kl(scores):
        log_p = scores.log_pf.sum(0)
        return jnp.sum(jnp.exp(log_p) * (log_p - scores.log_reward - scores.log_pb.sum(0)))

    expected, descended = place.gradient(over_pairs(SoftPolicyGradient())), place.gradient(kl)
    close((expected.forward, expected.backward), (descended.forward, descended.backward))
    assert float(jnp.abs(descended.backward).max()) > 1e-3


def test_the_plain_policy_gradient_ascends_the_mean_reward():
    place = skipping_enumerated()
    expected = place.gradient(over_pairs(PolicyGradient())).forward
    reward = place.gradient(lambda scores: -jnp.sum(jnp.exp(scores.log_pf.sum(0) + scores.log_reward))).forward
    close(expected, reward)


def test_maximum_likelihood_is_the_cross_entropy_of_trajectories():
    """At the exact flow of data x P_B it is their entropy, which no policy undercuts."""
    place = skipping_enumerated()
    exact = absolute_policy(exact_flows(place.graph, place.log_reward, place.log_p_b))
    scores, other = place.scores(exact), place.scores(place.policy)
    # P_F of the exact policy is the law of data and P_B: a batch with each trajectory as often as it says.
    chance = np.exp(scores.log_pf.sum(0))
    columns = np.random.default_rng(0).choice(chance.size, 4000, p=chance / chance.sum())
    batch = [jax.tree.map(lambda leaf: leaf[..., columns] if leaf.ndim else leaf, one) for one in (scores, other)]
    best, worse = (float(MaximumLikelihood().loss(one)) for one in batch)
    assert best == pytest.approx(-np.mean(np.log(chance)[columns]), rel=1e-12)
    assert worse > best + 0.1


RESIDUALS = np.linspace(-3.0, 3.0, 25)
FORMULAS = {
    "squared": RESIDUALS**2,
    "huber": np.where(np.abs(RESIDUALS) <= 1, RESIDUALS**2, 2 * np.abs(RESIDUALS) - 1),
    "linex": np.exp(RESIDUALS) - RESIDUALS - 1,
    "reverse-linex": np.exp(-RESIDUALS) + RESIDUALS - 1,
    "cosh": 2 * np.cosh(RESIDUALS) - 2,
}


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_is_its_formula(name):
    found = np.asarray(PENALTIES[name](jnp.asarray(RESIDUALS)))
    np.testing.assert_allclose(found, FORMULAS[name], atol=1e-12)
    assert found[12] == 0.0
    assert (np.delete(found, 12) > 0.0).all()


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.5, 0.99, 1.01, 2.0])
def test_the_family_is_its_formula_and_its_limit(alpha):
    a = alpha - 1.0
    formula = np.exp(a * RESIDUALS) / a**2 - RESIDUALS / a - 1 / a**2
    np.testing.assert_allclose(alpha_family(alpha)(jnp.asarray(RESIDUALS)), formula, atol=1e-8)
    np.testing.assert_allclose(alpha_family(1.0)(jnp.asarray(RESIDUALS)), RESIDUALS**2 / 2, atol=1e-12)
    near = alpha_family(1.0 + 1e-4)(jnp.asarray(RESIDUALS))
    np.testing.assert_allclose(near, RESIDUALS**2 / 2, atol=1e-3)


@pytest.mark.parametrize("name", PENALTIES)
def test_small_residuals_keep_their_digits_in_float32(name):
    small = jnp.array([-1e-3, 1e-3], jnp.float32)
    scale = 1.0 if name in ("squared", "huber", "cosh") else 0.5
    np.testing.assert_allclose(PENALTIES[name](small), scale * 1e-6, rtol=1e-3)


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_of_hundreds_of_nats_are_finite_and_go_on_rising(name):
    far = jnp.array([-300.0, -20.0, -10.0, 10.0, 20.0, 300.0], jnp.float32)
    value, slope = (jax.vmap(f)(far) for f in (PENALTIES[name], jax.grad(PENALTIES[name])))
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    assert (np.diff(value[:3]) < 0).all()
    assert (np.diff(value[3:]) > 0).all()


def test_uniform_and_maximum_entropy_p_b_have_one_terminal_law_and_different_policies():
    place = skipping_enumerated()
    laws = []
    for log_pb in (uniform_log_pb(place.graph), maximum_entropy_log_pb(place.graph)):
        policy = absolute_policy(exact_flows(place.graph, place.log_reward, log_pb))
        laws.append(edge_law(place.graph, policy, place.reading))
        terminal = terminal_distribution(place.graph, laws[-1])
        np.testing.assert_allclose(terminal, target_distribution(place.log_reward), rtol=1e-10)
    assert np.abs(np.exp(laws[0].log_pf) - np.exp(laws[1].log_pf)).max() > 0.01
