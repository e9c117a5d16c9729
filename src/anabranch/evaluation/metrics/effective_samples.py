"""Effective sample size: how many equally weighted draws importance weights are worth."""

import numpy as np
from jaxtyping import Float


def effective_sample_size(log_weights: Float[np.ndarray, " n"]) -> float:
    """(sum w)^2 / sum w^2 (Kish 1965); n for a perfect sampler, whose weights are all equal, 0 where all are zero.

    The log-weight of a trajectory is log R + log P_B - log P_F. Regions that were never drawn do not show.
    """
    top = log_weights.max()
    if np.isneginf(top):
        return 0.0
    weights = np.exp(log_weights - top)
    return float(weights.sum() ** 2 / (weights**2).sum())
