"""The reward gap: the mean reward of a sampler over that of its target."""

import numpy as np
from jaxtyping import Float

from anabranch.ground.means import Estimate, mean_with_error


def log_mean_reward(log_reward: Float[np.ndarray, " X"], probability: Float[np.ndarray, " X"]) -> float:
    """log E[R] under a law over objects, in nats; -inf where it has no mass on a reward."""
    there = (probability > 0) & ~np.isneginf(log_reward)
    if not there.any():
        return float("-inf")
    return float(np.logaddexp.reduce(log_reward[there] + np.log(probability[there])))


def reward_gap(log_reward: Float[np.ndarray, " n"], *, log_target_mean: float) -> Estimate:
    """E_model[R] / E_target[R], from log R of draws of the model and the known log E_target[R], in nats.

    1 for a perfect sampler; below it where good objects are missed, above it where the best are drawn too often.
    It cannot see that a mode is missing whose objects are worth as much as those that are drawn.
    """
    return mean_with_error(np.exp(log_reward - log_target_mean))
