"""Gradients: packed against plain, and plain against finite differences."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.flow_matching import FlowMatching
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.policies.mlp import MLP
from anabranch.sampling.explore import Explore
from anabranch.sampling.rollout import rollout
from anabranch.scoring.score import score
from anabranch.training.step import init
from support.spaces import SPACES

OBJECTIVE_TABLE = {**{name: cls() for name, cls in OBJECTIVES.items()}, "fm linear": FlowMatching(form="linear")}


HELD_FIXED = ("soft-dqn", "soft-pg")
"""Their gradients leave out what they hold fixed, on purpose: objectives/test_equalities.py has what they must be."""

EVERY_STATE_STOPS = ("subset", "skipping")


def log_reward_of(state):
    """Some smooth reward of any of the small spaces."""
    total = jnp.sum(jnp.asarray(state, float))
    return 0.3 * total - 0.2 * jnp.cos(total)


@functools.cache
def batch_of(space, *, outflow, dtype=jnp.float32):
    """A reading, a fresh network, explored trajectories, what the sampler saw, and their log-rewards."""
    objective = FlowMatching() if outflow else TrajectoryBalance()
    options = {"steps": 1, "batch": 6, "explore": Explore(epsilon=0.3), "policy": MLP(width=8, skip=True)}
    backward = None if outflow else "learned"
    assert jnp.zeros(()).dtype == dtype
    setup = ab.setup(SPACES[space](), log_reward_of, objective=objective, backward=backward, **options)
    policy = init(setup, 0).policy
    draw = eqx.filter_jit(lambda policy: rollout(policy, setup.reading, jax.random.key(1), 6, explore=setup.explore))
    trajectories, seen, _ = draw(policy)
    return setup.reading, policy, trajectories, seen, jax.vmap(log_reward_of)(trajectories.objects)


def scorer(reading, policy, trajectories, rewards, *, chunk, known=None):
    """Scores as a function of the parameters."""
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)
    packed = dataclasses.replace(reading, chunk=chunk)

    def scores(parameters):
        combined = eqx.combine(parameters, static)
        found = score(combined, packed, trajectories, rewards, known=known, needs_inflow=reading.outflow)
        rows = jnp.where(found.mask, jnp.cos(jnp.arange(found.mask.size, dtype=float)).reshape(found.mask.shape), 0.0)
        given = ("log_reward_at", "energy", "log_prior", "lagged_log_flow")
        return dataclasses.replace(found, **{name: (1.0 + place) * rows for place, name in enumerate(given)})

    return scores, parameters


def pulled_back(scores_of, parameters, losses):
    """The gradient of each loss in NumPy, through one compiled pull-back."""
    floats, others = eqx.partition(jax.jit(scores_of)(parameters), eqx.is_inexact_array)

    def floats_of(parameters):
        return eqx.filter(scores_of(parameters), eqx.is_inexact_array)

    def cotangent_of(loss, floats):
        return jax.grad(lambda floats: loss(eqx.combine(floats, others)))(floats)

    cotangents = jax.jit(lambda floats: {name: cotangent_of(loss, floats) for name, loss in losses.items()})(floats)
    pull = jax.jit(lambda parameters, cotangent: jax.vjp(floats_of, parameters)[1](cotangent)[0])
    return {name: jax.tree.map(np.asarray, pull(parameters, one)) for name, one in cotangents.items()}


SAMPLE = [name for name in SPACES if name in ("faces", "slots")]
OTHERS = [name for name in SPACES if name not in SAMPLE]


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("outflow", [False, True], ids=["P_B", "inflow"])
@pytest.mark.parametrize("space", [*SAMPLE, *(pytest.param(one, marks=pytest.mark.thorough) for one in OTHERS)])
def test_packed_and_plain_gradients_agree(space, outflow):
    """In chunks that do not divide the rows, with values recomputed and reused, to 1e-5 relative (float32)."""
    reading, policy, trajectories, seen, rewards = batch_of(space, outflow=outflow)
    fitting = {name: o for name, o in OBJECTIVE_TABLE.items() if o.outflow == outflow}
    losses = {n: o.loss for n, o in fitting.items() if space in EVERY_STATE_STOPS or "log_reward_at" not in o.needs}
    plain = pulled_back(*scorer(reading, policy, trajectories, rewards, chunk=None), losses)
    for known in (None, seen):
        packed = pulled_back(*scorer(reading, policy, trajectories, rewards, chunk=7, known=known), losses)
        for name in losses:
            largest = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(plain[name]))
            for one, other in zip(jax.tree.leaves(plain[name]), jax.tree.leaves(packed[name]), strict=True):
                # A leaf that is one number, as log Z is, sums residuals of either sign, and little of them remains.
                scale = max(float(np.abs(one).max()), 0.01 * largest if one.ndim == 0 else 0.0, 1e-6)
                assert float(np.abs(one - other).max()) <= 1e-5 * scale, name


DIFFERENCES = {"tb", "subtb", "fm", "pcl"}
"""Of which `make test` takes the differences."""


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize(
    "name",
    [
        name if name in DIFFERENCES else pytest.param(name, marks=pytest.mark.thorough)
        for name in OBJECTIVE_TABLE
        if name not in HELD_FIXED
    ],
)
def test_gradients_are_the_finite_differences(name):
    """Policy gradient too: its baseline and rewards do not depend on the parameters of a fixed batch."""
    with jax.enable_x64(True):
        objective = OBJECTIVE_TABLE[name]
        reading, policy, trajectories, _, rewards = batch_of("skipping", outflow=objective.outflow, dtype=jnp.float64)
        scores_of, parameters = scorer(reading, policy, trajectories, rewards, chunk=5)
        loss = jax.jit(lambda parameters: objective.loss(scores_of(parameters)))
        leaves, structure = jax.tree.flatten(parameters)
        rng = np.random.default_rng(0)
        direction = [jnp.asarray(rng.normal(size=leaf.shape)) for leaf in leaves]
        ahead, behind = (
            loss(jax.tree.unflatten(structure, [a + sign * 1e-5 * d for a, d in zip(leaves, direction, strict=True)]))
            for sign in (1, -1)
        )
        gradient = jax.tree.leaves(jax.jit(jax.grad(loss))(parameters))
        slope = sum(float(jnp.vdot(g, d)) for g, d in zip(gradient, direction, strict=True))
        assert float(ahead - behind) / 2e-5 == pytest.approx(slope, rel=1e-6)


@pytest.mark.thorough
def test_with_edge_flows_log_z_is_the_outflow_of_the_source():
    reading, policy, trajectories, seen, rewards = batch_of("words", outflow=True)
    scores = score(policy, reading, trajectories, rewards, known=seen)
    assert (np.asarray(scores.log_z) == np.asarray(scores.log_flow[0])).all()
    assert np.abs(np.asarray(scores.log_flow[0] - scores.log_flow[1])).max() > 1e-3
