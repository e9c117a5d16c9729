"""The residual of a whole trajectory, which a teacher looks at: zero at the exact flow for every balance condition."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from support.balances import BALANCES, held
from support.exact_scores import bench
from support.spaces import SPACES


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("space", SPACES)
def test_it_is_zero_at_the_exact_flow_and_not_elsewhere(space):
    with jax.enable_x64(True):
        for name, objective in BALANCES.items():
            scores = held(objective, space, "random")
            if scores is None:
                continue
            assert float(jnp.abs(objective.trajectory_residual(scores)).max()) < 1e-9, name
            less = dataclasses.replace(scores, log_reward=scores.log_reward.at[0].add(-1.0))
            assert float(objective.trajectory_residual(less)[0]) > 0.3, name


def test_it_is_that_of_trajectory_balance_where_a_log_z_and_a_p_b_are_learned():
    with jax.enable_x64(True):
        scores = bench("words").scores("random")
        wrong = dataclasses.replace(scores, log_z=scores.log_z + 0.5, log_pf=scores.log_pf * 1.1)
        expected = ab.TrajectoryBalance().residual(wrong)[0][0]
        for objective in (ab.DetailedBalance(), ab.SubTrajectoryBalance(), ab.TrajectoryBalance(penalty="huber")):
            np.testing.assert_allclose(objective.trajectory_residual(wrong), expected, atol=1e-12)
        np.testing.assert_allclose(ab.VarGrad().trajectory_residual(wrong).mean(), 0.0, atol=1e-12)
