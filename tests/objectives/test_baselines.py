"""The baseline of soft policy gradient."""

import jax
import numpy as np
import pytest

from anabranch.objectives.soft_policy_gradient import SoftPolicyGradient
from support.enumerated import skipping_enumerated


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


def test_the_baseline_of_a_trajectory_is_the_mean_of_the_others():
    """A baseline that a trajectory enters itself would bias its gradient."""
    place = skipping_enumerated()
    scores = place.scores(place.policy)
    zeta, log_pf = np.asarray(scores.zeta), np.asarray(scores.log_pf.sum(0))
    others = [np.delete(zeta, number).mean() for number in range(zeta.size)]
    expected = -np.mean((zeta - others) * log_pf) - np.mean(np.asarray(scores.log_pb.sum(0)))
    assert float(SoftPolicyGradient().loss(scores)) == pytest.approx(expected, rel=1e-12)
