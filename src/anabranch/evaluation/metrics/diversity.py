"""How different the best objects of a sample are from each other."""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from anabranch.evaluation.metrics.base import Compared, Measurable, Metric, Row, beside
from anabranch.evaluation.metrics.distances import mean_pairwise_distance
from anabranch.evaluation.metrics.top_k import top_numbers
from anabranch.ground.means import number


@dataclasses.dataclass(frozen=True)
class Diversity(Metric):
    """The mean pairwise distance of the k best different objects; of a single object there is none."""

    name = "diversity"

    def measure(self, sample: Measurable) -> Compared | None:
        """The distance by the task's own measure, Hamming's or the edit distance where it has none."""
        if sample.places is not None and sample.distance is None:
            return None  # no two places are the same, and how many numbers differ says nothing
        draws = [sample.drawn, *(() if sample.perfect is None else sample.perfect.draws)]
        if any(top_numbers(sample, draw).size < 2 for draw in draws):
            return None
        spread = _spread_of(sample)
        return sample.compared(lambda numbers: spread(top_numbers(sample, numbers)))

    def row(self, measured: Any) -> Row:
        """Beside the line of the best objects."""
        return "their mean distance", number(measured.value), beside(measured.perfect)


def _spread_of(sample: Measurable) -> Callable[[np.ndarray], float]:
    """The mean pairwise distance of numbered objects; a distance of one's own is asked once a pair."""
    distance = sample.distance
    if distance is None:
        return lambda numbers: mean_pairwise_distance([sample.listed.decode(int(at)) for at in numbers])
    item = cache(sample.listed.decode)
    between = cache(lambda first, second: distance(item(first), item(second)))
    return lambda numbers: mean_pairwise_distance(
        [int(at) for at in numbers], distance=lambda first, second: between(min(first, second), max(first, second))
    )
