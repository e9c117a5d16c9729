"""Distances between distributions, and what a perfect sampler would show with as many samples."""

import math

import numpy as np
from jaxtyping import Float


def target_distribution(log_reward: Float[np.ndarray, " X"]) -> Float[np.ndarray, " X"]:
    """The target law R / Z, zeros as zeros.

    Arguments:
        log_reward: log R of all objects [X], in nats; -inf for a reward of 0.

    Returns:
        Probabilities [X], in the same order, that add up to 1.
    """
    weight = np.exp(log_reward - log_reward.max())
    return weight / weight.sum()


def log_partition(log_reward: Float[np.ndarray, " X"]) -> float:
    """log Z = log of the summed reward, in nats."""
    return float(np.logaddexp.reduce(log_reward))


def total_variation_distance(target: Float[np.ndarray, " X"], model: Float[np.ndarray, " X"]) -> float:
    """Half the L1 distance."""
    return float(0.5 * np.abs(target - model).sum())


def kl_divergence(target: Float[np.ndarray, " X"], model: Float[np.ndarray, " X"]) -> float:
    """KL(target || model) in nats; infinite where the model misses an object of the target."""
    there = target > 0
    if (model[there] <= 0).any():
        return float("inf")
    return float(max(0.0, np.sum(target[there] * np.log(target[there] / model[there]))))


def jensen_shannon_divergence(target: Float[np.ndarray, " X"], model: Float[np.ndarray, " X"]) -> float:
    """JSD in nats, at most log 2."""
    middle = 0.5 * (target + model)
    return 0.5 * (kl_divergence(target, middle) + kl_divergence(model, middle))


def perfect_sampler_floor(target: Float[np.ndarray, " X"], samples: int) -> float:
    """The expected total variation between a target and perfect draws from it: what sampling alone leaves.

    Half the sum of the mean absolute deviations of binomials (de Moivre's closed form).

    Arguments:
        target: probabilities of all objects [X].
        samples: how many objects are drawn.

    Returns:
        The expectation, from 0 to 1: a sampled total variation near it is as good as can be seen.
    """
    probability = target[(target > 0) & (target < 1)]
    above = np.floor(samples * probability) + 1.0
    counts, place = np.unique(above, return_inverse=True)
    log_choose = np.array([_log_choose(samples, count) for count in counts.tolist()])[place]
    log_power = above * np.log(probability) + (samples - above + 1.0) * np.log1p(-probability)
    deviation = 2.0 * above * np.exp(log_choose + log_power)
    return float(0.5 * deviation.sum() / samples)


def _log_choose(samples: int, count: float) -> float:
    """log of samples! / (count! (samples - count)!); -inf for more than all."""
    if count > samples:
        return -math.inf
    return math.lgamma(samples + 1.0) - math.lgamma(count + 1.0) - math.lgamma(samples - count + 1.0)
