"""A log-reward is a plain function of one state: it takes a NumPy state as it takes one of JAX."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import take
from anabranch.envs.tasks import BUILT_IN
from anabranch.sampling.reference_level import survey_of


def finished(env, seed):
    """The NumPy state at the end of a random walk."""
    if isinstance(env, ab.ContinuousEnvironment):
        drawn = survey_of(env, lambda state: jnp.zeros(()))
        return take(drawn.ends, seed)
    random = np.random.default_rng(seed)
    state, legal, step = env.initial(), jax.jit(env.legal), jax.jit(env.step)
    labels = np.flatnonzero(legal(state))
    for _ in range(env.max_steps):
        if labels.size == 0:
            break
        state = step(state, int(random.choice(labels)))
        labels = np.flatnonzero(legal(state))
    return jax.tree.map(np.asarray, state)


@pytest.fixture
def unchecked():
    """As users run it: without the checks of shapes and types that the tests put around every function."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.sampled(every=16)
@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.usefixtures("unchecked")
def test_a_log_reward_takes_a_numpy_state(name):
    task = ab.make(name)
    state = finished(task.env, seed=0)
    value = float(task.log_reward(state))
    if isinstance(task.log_reward, ab.PythonReward):
        with pytest.raises(ab.RewardError, match="inside of a compiled program"):
            jax.jit(task.log_reward)(state)
        return
    traced = float(jax.jit(task.log_reward)(state))
    assert value == pytest.approx(traced, rel=1e-5, abs=1e-5)
    if hasattr(task.log_reward, "energy"):
        assert float(task.log_reward.energy(state)) == pytest.approx(-value, rel=1e-5, abs=1e-4)
