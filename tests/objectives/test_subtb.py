"""Sub-trajectory balance: the linear-time loss against all pairs, its limits, and its stability."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.objectives.base import PENALTIES
from anabranch.objectives.detailed_balance import DetailedBalance
from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.trajectories import Scores


def random_scores(rows=9, batch=5, seed=0, scale=1.0):
    """Scores of nothing in particular, with lengths from 1 to all rows."""
    rng = np.random.default_rng(seed)
    length = rng.integers(1, rows + 1, batch)
    length[:2] = 1, rows
    mask = np.arange(rows)[:, None] < length
    moves = np.arange(rows)[:, None] < length - 1
    draw = lambda: scale * rng.normal(size=(rows, batch))  # noqa: E731
    log_flow = np.where(mask, draw(), 0.0)
    log_flow[0] = log_flow[0, 0]
    return Scores(
        log_pf=jnp.asarray(np.where(mask, -np.abs(draw()), 0.0)),
        log_pb=jnp.asarray(np.where(moves, -np.abs(draw()), 0.0)),
        log_flow=jnp.asarray(log_flow),
        log_stop=jnp.zeros((rows, batch)),
        log_reward=jnp.asarray(rng.normal(size=batch)),
        log_z=jnp.asarray(log_flow[0]),
        mask=jnp.asarray(mask),
    )


@pytest.mark.sampled(every=10)
@pytest.mark.parametrize("penalty", ["squared", pytest.param("huber", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("normalise", ["batch", "trajectory", "length"])
@pytest.mark.parametrize("lam", [0.01, 0.5, 0.9, 1.0, 1.3, 1.9])
def test_the_loss_is_the_mean_over_all_pairs(lam, normalise, penalty):
    with jax.enable_x64(True):
        scores = random_scores()
        objective = SubTrajectoryBalance(lam=lam, normalise=normalise, penalty=penalty)
        residual, weight = objective.residual(scores)
        oracle = jnp.sum(weight * PENALTIES[penalty](residual))
        assert float(weight.sum()) == pytest.approx(1.0, rel=1e-12)
        assert float(objective.loss(scores)) == pytest.approx(float(oracle), rel=1e-12)
        fast, slow = (jax.grad(f)(scores.log_pf, scores) for f in (_loss_of(objective), _pairs_of(objective, penalty)))
        assert np.allclose(fast, slow, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("normalise", ["batch", "trajectory", "length"])
@pytest.mark.parametrize("lam", [0.5, 1.3])
def test_the_three_normalisations_are_what_they_say(lam, normalise):
    """Piece by piece, in plain Python."""
    with jax.enable_x64(True):
        scores = random_scores(rows=5, batch=4)
        found = float(SubTrajectoryBalance(lam=lam, normalise=normalise).loss(scores))
    flow, walked = np.asarray(scores.log_flow), np.cumsum(np.asarray(scores.log_pf) - np.asarray(scores.log_pb), 0)
    pieces = []
    for column, length in enumerate(np.asarray(scores.mask).sum(0)):
        before = np.concatenate([[0.0], walked[:, column]])
        nodes = [*(flow[:length, column] - before[:length]), float(scores.log_reward[column]) - before[length]]
        pieces += [
            (column, j - i, (nodes[i] - nodes[j]) ** 2) for i in range(length + 1) for j in range(i + 1, length + 1)
        ]
    groups = {"batch": lambda *_: 0, "trajectory": lambda column, lag: column, "length": lambda column, lag: lag}
    means: dict[int, list[tuple[float, float]]] = {}
    for column, lag, square in pieces:
        means.setdefault(groups[normalise](column, lag), []).append((lam**lag, square))
    values = {group: np.average([s for _, s in of], weights=[w for w, _ in of]) for group, of in means.items()}
    outer = {group: lam**group if normalise == "length" else 1.0 for group in values}
    assert found == pytest.approx(np.average([*values.values()], weights=[*outer.values()]), rel=1e-12)


def _loss_of(objective):
    return lambda log_pf, scores: objective.loss(dataclasses.replace(scores, log_pf=log_pf))


def _pairs_of(objective, penalty):
    def loss(log_pf, scores):
        residual, weight = objective.residual(dataclasses.replace(scores, log_pf=log_pf))
        return jnp.sum(weight * PENALTIES[penalty](residual))

    return loss


def test_a_small_lambda_is_detailed_balance():
    with jax.enable_x64(True):
        scores = random_scores()
        small = SubTrajectoryBalance(lam=1e-9, normalise="batch").loss(scores)
        assert float(small) == pytest.approx(float(DetailedBalance().loss(scores)), rel=1e-7)
        by_trajectory = SubTrajectoryBalance(lam=1e-9, normalise="trajectory").loss(scores)
        assert abs(float(by_trajectory) / float(small) - 1.0) > 1e-3


def test_a_large_lambda_is_trajectory_balance():
    with jax.enable_x64(True):
        scores = random_scores()
        large = SubTrajectoryBalance(lam=1e9, normalise="trajectory").loss(scores)
        assert float(large) == pytest.approx(float(TrajectoryBalance().loss(scores)), rel=1e-7)
        over_batch = SubTrajectoryBalance(lam=1e9, normalise="batch").loss(scores)
        assert abs(float(over_batch) / float(large) - 1.0) > 1e-2


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("lam", [0.5, 0.9, 1.0, 1.9])
def test_long_trajectories_stay_finite_in_float32(lam):
    """1.9^240 is 10^67: no power of lambda may be formed in float32."""
    with jax.enable_x64(True):
        exact = SubTrajectoryBalance(lam=lam).loss(random_scores(rows=240, batch=4))
    scores = jax.tree.map(
        lambda leaf: leaf if leaf.dtype == bool else leaf.astype(jnp.float32), random_scores(rows=240, batch=4)
    )
    value, gradient = jax.value_and_grad(_loss_of(SubTrajectoryBalance(lam=lam)))(scores.log_pf, scores)
    assert np.isfinite(gradient).all()
    assert float(value) == pytest.approx(float(exact), rel=1e-4)
