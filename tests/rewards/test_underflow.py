"""A reward that float32 cannot hold is told so, and one that is 0 is not."""

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from support import planted

ENV = planted.Subset(n=4, k=2)


def underflowing(state):
    return jnp.log(1e-50 * (1 + state.sum()))


def in_log_space(state):
    return -115.129 + jnp.log1p(state.sum())


def nothing(state):
    return jnp.where(state.sum() > 9, 0.0, -jnp.inf)


def trained(log_reward):
    return ab.train(ENV, log_reward, objective="vargrad", steps=1, batch=4, exact=False, callback=print)


def test_a_reward_that_underflows_is_told_so():
    for run in (trained, lambda reward: ab.log_rewards(ab.state_graph(ENV), reward)):
        with pytest.raises(
            ab.RewardError, match=r"but -11\d\.\d+ for one of them in float64: R underflowed.*log space"
        ):
            run(underflowing)


def test_log_space_is_the_way_out():
    assert np.isfinite(ab.log_rewards(ab.state_graph(ENV), in_log_space)).all()


@pytest.mark.thorough
def test_a_reward_of_zero_is_no_underflow():
    assert trained(nothing).steps == 1, "walks at random need not meet an object of a reward above 0"
    with pytest.raises(ab.RewardError, match="Every object has a reward of 0"):
        ab.log_rewards(ab.state_graph(ENV), nothing)
