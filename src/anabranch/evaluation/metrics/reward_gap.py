"""The reward gap: the mean reward of a sampler over that of its target."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from anabranch.evaluation.metrics.base import Measurable, Metric, Row, beside
from anabranch.evaluation.metrics.perfect import Reference
from anabranch.ground.means import Estimate, mean_with_error


def log_mean_reward(log_reward: Float[np.ndarray, " X"], probability: Float[np.ndarray, " X"]) -> float:
    """log E[R] under a law over objects, in nats; -inf where it has no mass on a reward."""
    there = (probability > 0) & ~np.isneginf(log_reward)
    if not there.any():
        return float("-inf")
    return float(np.logaddexp.reduce(log_reward[there] + np.log(probability[there])))


def reward_gap(log_reward: Float[np.ndarray, " n"], *, log_target_mean: float) -> Estimate:
    """E_model[R] / E_target[R]: the mean reward of a sampler over that of its target.

    1 for a perfect sampler; below it where good objects are missed, above it where the best are drawn too often.
    It cannot see that a mode is missing whose objects are worth as much as those that are drawn.

    Arguments:
        log_reward: log R of draws of the model [n], in nats.
        log_target_mean: the known log E_target[R], in nats.

    Returns:
        An `Estimate` with its standard error.
    """
    return mean_with_error(np.exp(log_reward - log_target_mean))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gap(Estimate):
    """E_model[R] / E_target[R] by the sample."""

    perfect: Reference


@dataclasses.dataclass(frozen=True)
class RewardGap(Metric):
    """The mean reward of the sampler over that of its target; 1 for a perfect sampler."""

    name = "reward_gap"

    def measure(self, sample: Measurable) -> Gap | None:
        """None where the target is not known."""
        log_reward, target, perfect = sample.listed.log_reward, sample.listed.target, sample.perfect
        if target is None or perfect is None:
            return None
        level = log_mean_reward(log_reward, target)
        gap = reward_gap(log_reward[sample.drawn], log_target_mean=level)
        reference = perfect.reference(lambda numbers: reward_gap(log_reward[numbers], log_target_mean=level).value)
        return Gap(value=gap.value, error=gap.error, perfect=reference)

    def row(self, measured: Any) -> Row:
        """With its standard error."""
        return "E[R] / target's E[R]", str(measured), beside(measured.perfect)
