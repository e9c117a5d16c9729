"""The backward policies' own losses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.policies.backward.learned import PessimisticBackward, TrajectoryLikelihoodBackward
from support.enumerated import Enumerated, log_posterior, random_policy, skipping_enumerated


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def column(scores, number):
    """One trajectory as a batch of its own."""
    return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, number, 1, -1) if leaf.ndim else leaf, scores)


def expected(own_loss):
    """Of a loss of single trajectories, under P_F, which is not differentiated."""

    def of(scores):
        chance = jax.lax.stop_gradient(jnp.exp(scores.log_pf.sum(0)))
        losses = jax.vmap(lambda number: own_loss(column(scores, number)))(jnp.arange(chance.size))
        return jnp.sum(chance * losses)

    return of


def test_trajectory_likelihood_ends_where_p_b_is_the_posterior_of_p_f():
    """Its expected gradient is zero there and not elsewhere, and it says nothing to P_F."""
    place = skipping_enumerated()
    loss = expected(TrajectoryLikelihoodBackward().own_loss)
    graph, backward = place.graph, np.zeros(place.policy.backward.shape)
    backward[graph.target, place.env.backward_slot[graph.action]] = log_posterior(place, place.policy)
    at_posterior = eqx.tree_at(lambda one: one.backward, place.policy, jnp.asarray(backward))
    gradients = [
        Enumerated(place.env, graph, place.trajectories, place.log_reward, policy, place.reading).gradient(loss)
        for policy in (at_posterior, place.policy, random_policy(place.policy, 9))
    ]
    largest = [float(jnp.abs(gradient.backward).max()) for gradient in gradients]
    assert largest[0] < 1e-12
    assert min(largest[1:]) > 1e-2
    assert all(float(jnp.abs(gradient.forward).max()) == 0.0 for gradient in gradients)


def test_pessimism_is_the_same_over_what_is_remembered():
    """Objects of a data set, whose trajectory nobody saw, take no part in the mean."""
    scores = skipping_enumerated().scores(skipping_enumerated().policy)
    whole = jax.tree.map(lambda leaf: leaf[..., :3] if leaf.ndim else leaf, scores)
    unseen = jax.tree.map(
        lambda leaf: leaf.at[..., 1].set(jnp.zeros((), leaf.dtype)) if leaf.ndim == 2 else leaf, whole
    )
    seen = jax.tree.map(lambda leaf: leaf[..., jnp.array([0, 2])] if leaf.ndim else leaf, whole)
    pessimistic = PessimisticBackward().own_loss
    assert float(pessimistic(whole)) == pytest.approx(float(TrajectoryLikelihoodBackward().own_loss(whole)))
    assert float(pessimistic(unseen)) == pytest.approx(float(pessimistic(seen)), rel=1e-12)
