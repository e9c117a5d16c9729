"""The Wasserstein distance of order 2 between two samples of places, by an exact assignment."""

import dataclasses

import numpy as np
from jaxtyping import Float

from anabranch.evaluation.metrics.base import Measurable, Metric, Row
from anabranch.evaluation.metrics.places import Between, between
from anabranch.ground.means import number


def wasserstein_distance(one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "n d"]) -> float:
    """W2 between two samples of one size: the root of the least mean squared distance of a one-to-one assignment.

    Arguments:
        one: places [n, d].
        other: as many.

    Returns:
        The distance, in the unit of the places. Of two finite samples of one law it is above 0.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    cost = cdist(one, other, "sqeuclidean")
    rows, columns = linear_sum_assignment(cost)
    return float(np.sqrt(cost[rows, columns].mean()))


@dataclasses.dataclass(frozen=True)
class Wasserstein(Metric):
    """Wasserstein-2 from perfect draws of the target, on at most 1,000 places, beside that of two perfect samples."""

    name = "wasserstein"

    def measure(self, sample: Measurable) -> Between | None:
        """None in a discrete space, and where the target has no sampler."""
        return between(sample, wasserstein_distance)

    def row(self, measured: Between) -> Row:
        """With its floor."""
        beside = f"a perfect sampler: {measured.perfect:.4f}"
        return f"Wasserstein-2, {measured.places:,} samples", number(measured.value), beside
