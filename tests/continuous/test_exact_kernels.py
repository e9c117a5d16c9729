"""At an exactly solvable process every residual of every objective is 0: forward, replayed, and not at a wrong one."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import anabranch as ab
from anabranch.continuous.densities import normal_log_density
from anabranch.continuous.diffusion import Diffusion
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.named import objective_named
from anabranch.policies.heads import Heads, Policy, at_level, observed
from anabranch.policies.observation import observer
from anabranch.sampling.regrow import walk_back
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from anabranch.training.needs import filled

LOG_C = 0.7
STEPS, SCALE = 4, 1.5
BALANCES = sorted(
    name
    for name, kind in OBJECTIVES.items()
    if issubclass(kind, BalanceObjective) and name not in ("fm", "mdb", "rtb", "soft-dqn", "ml")
)
ENVS = [Diffusion(dim=2, steps=STEPS, scale=SCALE, process=process) for process in ("pinned", "preserving")]


@dataclasses.dataclass(frozen=True)
class Reached:
    """e^LOG_C times the law of the process without a network, at its end."""

    env: Diffusion

    def __call__(self, state):
        return LOG_C + normal_log_density(state.place, 0.0, float(self.env.process_numbers.marginal[-1])).sum()


class Free(Policy):
    """The process without a network, and its exact flows; `shift` plants an error in the drift."""

    log_z: Float[Array, ""]
    env: Diffusion = eqx.field(static=True)
    beyond_energy: bool = eqx.field(static=True)
    shift: float = eqx.field(static=True)

    def __call__(self, observation):
        raise NotImplementedError

    def heads(self, state):
        spread = jnp.asarray(self.env.process_numbers.marginal, float)[state.time]
        flow = LOG_C + normal_log_density(state.place, 0.0, spread).sum()
        if self.beyond_energy:
            flow = flow + self.env.energy(state, Reached(self.env))
        numbers = jnp.zeros(self.env.forward_logits).at[0].set(self.shift)
        return Heads(numbers, None, flow)


def residuals(env, name, *, back, log_z=LOG_C, shift=0.0):
    objective = objective_named(name)
    reward = Reached(env)
    policy = Free(jnp.array(log_z), env, "energy" in objective.needs, shift)
    setup = ab.setup(env, reward, objective=name, steps=1, batch=32, level=0.0, policy=ab.MLP(width=8, depth=1))
    policy = at_level(observed(policy, observer(env)), 0.0)
    reading: Reading = setup.reading
    trajectories, _, _ = rollout(policy, reading, jax.random.key(1), 32)
    if back:
        trajectories = walk_back(policy, reading, jax.random.key(2), trajectories.objects)
    scores = score(policy, reading, trajectories, jax.vmap(reward)(trajectories.objects))
    given = filled(setup, trajectories, lagged=policy, prior=None)
    residual, weight = objective.residual(dataclasses.replace(scores, **given))
    return np.abs(np.asarray(residual * (weight > 0)))


@pytest.mark.sampled(every=8)
@pytest.mark.parametrize("env", ENVS, ids=lambda env: env.process)
@pytest.mark.parametrize("name", BALANCES)
def test_every_residual_is_zero_at_the_exact_kernels(env, name):
    for back in (False, True):
        assert residuals(env, name, back=back).max() < 1e-5


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("name", BALANCES)
def test_a_wrong_drift_is_seen(name):
    assert residuals(ENVS[0], name, back=False, shift=0.1).max() > 0.02


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("name", [name for name in BALANCES if OBJECTIVES[name].has_log_z and name != "pcl"])
def test_a_wrong_log_z_is_seen(name):
    assert residuals(ENVS[0], name, back=True, log_z=LOG_C + 0.1).max() > 0.05
