"""The maximum mean discrepancy between two samples of places, by a Gaussian kernel."""

import dataclasses

import numpy as np
from jaxtyping import Float

from anabranch.evaluation.metrics.base import Measurable, Metric, Row
from anabranch.evaluation.metrics.places import Between, between
from anabranch.ground.means import number


def mean_discrepancy(one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"]) -> float:
    """MMD with exp(-|x - y|^2 / (2 b^2)), b the median distance within `other`; the biased estimate, never below 0.

    Paper: Gretton et al. 2012, A kernel two-sample test.

    Arguments:
        one: places [n, d].
        other: places [m, d] of the target, which say the bandwidth.

    Returns:
        The root of the mean of the kernel within both samples less twice that between them.
    """
    from scipy.spatial.distance import cdist, pdist

    bandwidth = max(float(np.median(pdist(other))), np.finfo(float).tiny)

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-0.5 * cdist(a, b, "sqeuclidean") / bandwidth**2).mean())

    return float(np.sqrt(max(0.0, mean(one, one) + mean(other, other) - 2.0 * mean(one, other))))


@dataclasses.dataclass(frozen=True)
class MeanDiscrepancy(Metric):
    """MMD from perfect draws of the target, by a Gaussian kernel; beside it that of two perfect samples."""

    name = "mmd"

    def measure(self, sample: Measurable) -> Between | None:
        """None in a discrete space, and where the target has no sampler."""
        return between(sample, mean_discrepancy)

    def row(self, measured: Between) -> Row:
        """With its floor."""
        return f"MMD, {measured.places:,} samples", number(measured.value), f"a perfect sampler: {measured.perfect:.4f}"
