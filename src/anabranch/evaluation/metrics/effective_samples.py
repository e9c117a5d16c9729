"""Effective sample size: how many equally weighted draws importance weights are worth."""

import numpy as np
from jaxtyping import Float


def effective_sample_size(log_weights: Float[np.ndarray, " n"]) -> float:
    """How many equally weighted draws importance weights are worth: (sum w)^2 / sum w^2 (Kish 1965).

    Regions that were never drawn do not show.

    Arguments:
        log_weights: log R + log P_B - log P_F of each trajectory [n], in nats.

    Returns:
        n for a perfect sampler, whose weights are all equal; 0 where all are zero.
    """
    top = log_weights.max()
    if np.isneginf(top):
        return 0.0
    weights = np.exp(log_weights - top)
    return float(weights.sum() ** 2 / (weights**2).sum())
