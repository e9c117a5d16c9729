"""Scores whose gradient flows through what was drawn, for objectives that ask for it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.ground.errors import ConfigError
from anabranch.policies.heads import Policy
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import relative_log_rewards
from anabranch.sampling.explore import ON_POLICY
from anabranch.sampling.rollout import rollout
from anabranch.scoring.score import of_rows
from anabranch.training.settings import Setup
from anabranch.trajectories import Scores


def pathwise_scores(setup: Setup, policy: Policy, key: Key[Array, ""], batch: int) -> Scores:
    """The scores of the trajectories that a key draws, as functions of the policy: draws, densities and reward."""
    reading = setup.reading
    trajectories, seen, _ = rollout(policy, reading, key, batch, explore=ON_POLICY)
    log_reward = relative_log_rewards(setup.log_reward, trajectories.objects, level=setup.level)
    # The rows that the sampler wrote carry their gradient themselves: nothing is scored again.
    rows = jax.tree.map(lambda leaf: jnp.where(trajectories.mask, leaf, 0.0), seen.rows)
    return of_rows(policy, reading, trajectories, rows, log_reward)


def require_pathwise(setup: Setup) -> None:
    """Raise ConfigError where draws, or the reward, have no gradient."""
    name = f"The objective {setup.objective.name}"
    if not (isinstance(setup.env, ContinuousEnvironment) and setup.env.drift_numbers):
        raise ConfigError(f"{name} follows draws back to the network: it needs normal steps, as those of Diffusion.")
    if isinstance(setup.log_reward, PythonReward):
        raise ConfigError(f"{name} follows the gradient of the reward; {setup.log_reward.name} is plain Python.")
