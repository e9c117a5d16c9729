"""The best objects that were found: how good they are, and how different from each other."""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from anabranch.evaluation.metrics.base import Compared, Measurable, Metric, Row, beside
from anabranch.evaluation.metrics.distances import Distance, mean_pairwise_distance, object_distance
from anabranch.ground.errors import ConfigError
from anabranch.ground.means import log_mean_exp_with_error, number


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopK:
    """The `objects` best different objects among those drawn."""

    objects: int
    """k, or fewer where fewer different ones were drawn."""
    log_reward: float
    """log of their mean reward, in nats."""
    diversity: float
    """Their mean pairwise distance; NaN for a single one."""


def best(log_reward: Float[np.ndarray, " n"], k: int) -> np.ndarray:
    """The positions of the k largest, the largest first, ties in the given order. Raises ConfigError for k < 1."""
    if k < 1:
        raise ConfigError(f"top-k needs k >= 1; given {k}.")
    return np.argsort(-log_reward, kind="stable")[:k]


def top_k(
    objects: Sequence[Hashable],
    log_reward: Float[np.ndarray, " n"],
    *,
    k: int = 100,
    distance: Distance = object_distance,
) -> TopK:
    """The mean reward and the diversity of the k best different objects of a sample.

    An object that was drawn often counts once: a sampler that repeats itself is not rewarded for it.

    Arguments:
        objects: decoded draws.
        log_reward: log R of each of them [n], in nats.
        k: how many objects count; fewer where fewer different ones were drawn.
        distance: a function of two decoded objects, for the diversity.

    Returns:
        `TopK`: the count, log of the mean reward in nats, and the mean pairwise distance.

    Example:
        best = anabranch.top_k(["ab", "ab", "cb"], np.array([0.0, 0.0, 1.0]), k=2)
    """
    first = {item: at for at, item in reversed(list(enumerate(objects)))}
    places = np.array(sorted(first.values()))
    chosen = places[best(log_reward[places], k)]
    return TopK(
        objects=chosen.size,
        log_reward=log_mean_exp_with_error(log_reward[chosen]).value,
        diversity=mean_pairwise_distance([objects[at] for at in chosen], distance=distance),
    )


def top_numbers(sample: Measurable, numbers: np.ndarray) -> np.ndarray:
    """The k best of the different objects drawn, by number; an object of reward 0 is not among them."""
    _, first = np.unique(numbers, return_index=True)
    different = numbers[np.sort(first)]
    log_reward = sample.listed.log_reward[different]
    good = different[~np.isneginf(log_reward)]
    return good[best(sample.listed.log_reward[good], sample.settings.top_k)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopReward(Compared):
    """log of the mean reward of the best objects, in nats."""

    objects: int
    """How many different objects of a reward above 0 it is over."""


@dataclasses.dataclass(frozen=True)
class TopLogReward(Metric):
    """log of the mean reward of the k best different objects, in nats."""

    name = "top_log_reward"

    def measure(self, sample: Measurable) -> TopReward | None:
        """Over as many objects as there are, where fewer than k were drawn; None where all have reward 0."""

        def mean(numbers: np.ndarray) -> float:
            kept = sample.listed.log_reward[top_numbers(sample, numbers)]
            return log_mean_exp_with_error(kept).value

        objects = top_numbers(sample, sample.drawn).size
        if objects == 0:
            return None
        pair = sample.compared(mean)
        return TopReward(value=pair.value, perfect=pair.perfect, objects=objects)

    def row(self, measured: Any) -> Row:
        """With the number of objects that it is over."""
        return (
            f"log mean R of the best {measured.objects:,} objects drawn",
            number(measured.value),
            beside(measured.perfect),
        )
