"""Flow consistency in subgraphs: the distance of a sampler from its target within small random sets of objects."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from anabranch.evaluation.metrics.base import Measurable, Metric, Row
from anabranch.ground.errors import ConfigError
from anabranch.ground.means import Estimate, mean_with_error
from anabranch.ground.streams import Stream, generator_of

CROWDED = 16
"""Where there are fewer objects than this many sets hold, most draws with replacement would repeat one."""


def flow_consistency(
    log_prob: Float[np.ndarray, " X"],
    log_reward: Float[np.ndarray, " X"],
    *,
    size: int = 8,
    subsets: int = 1000,
    seed: int = 0,
) -> Estimate:
    """FCS: the expected total variation between p and R, both restricted to a random set S of `size` objects.

    FCS = E_S [ sum over x in S of |p(x) / p(S) - R(x) / R(S)| / 2 ]: 0 exactly where p = R / Z, the total
    variation where S is everything, and computable without Z. S is drawn with probability in proportion to
    p(S) (one member by p, the others uniformly), as in corollary 1 of Silva et al., When do GFlowNets learn the right
    distribution? (ICLR 2025; an earlier version is arXiv:2411.05899). A set without any reward counts 1.

    Arguments:
        log_prob: log p(x) of all objects, or of a test set [X], in nats; it need not be normalised.
        log_reward: log R(x) of the same objects [X], in nats.
        size: how many objects a set holds.
        subsets: how many sets are drawn.
        seed: the seed of the sets that are drawn.

    Returns:
        An `Estimate`; its error is that of drawing the sets.

    Raises:
        ConfigError: for a size that no set has, and where the sampler draws none of the objects.
    """
    if not 2 <= size <= log_prob.size or subsets < 2:
        raise ConfigError(
            f"Subsets need 2 <= size <= {log_prob.size} objects and subsets >= 2; given size={size}, subsets={subsets}."
        )
    if np.isneginf(log_prob).all():
        raise ConfigError("The sampler draws none of these objects: log p(x) is -inf for all of them.")
    chosen = _subsets(log_prob, size, subsets, generator_of(seed, Stream.SUBSETS))
    model, target = (_restricted(values[chosen]) for values in (log_prob, log_reward))
    distance = np.where(target.any(axis=1), 0.5 * np.abs(model - target).sum(axis=1), 1.0)
    return mean_with_error(distance)


def _subsets(
    log_prob: Float[np.ndarray, " X"], size: int, subsets: int, random: np.random.Generator
) -> Int[np.ndarray, "subsets size"]:
    """Each with one member drawn by p, and the others uniformly among the rest."""
    edges = np.cumsum(np.exp(log_prob - log_prob.max()))
    first = np.searchsorted(edges, random.random((subsets, 1)) * edges[-1], side="right").clip(max=log_prob.size - 1)
    others = _different(log_prob.size - 1, size - 1, subsets, random)
    return np.hstack([first, others + (others >= first)])


def _different(below: int, size: int, rows: int, random: np.random.Generator) -> Int[np.ndarray, "rows size"]:
    """Rows of different numbers below a bound: sorted out of a shuffle, or drawn again where two are the same."""
    if below < CROWDED * size:
        return np.argsort(random.random((rows, below)), axis=1)[:, :size]
    drawn = random.integers(0, below, (rows, size))
    while True:
        ordered = np.sort(drawn, axis=1)
        again = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if not again.any():
            return drawn
        drawn[again] = random.integers(0, below, (int(again.sum()), size))


def _restricted(values: Float[np.ndarray, "subsets size"]) -> Float[np.ndarray, "subsets size"]:
    """The weights exp(values), normalised in each row; zeros where the row has none."""
    top = values.max(axis=1, keepdims=True)
    weight = np.exp(values - np.where(np.isneginf(top), 0.0, top))
    return weight / np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(float).tiny)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetDistance(Estimate):
    """FCS over sets of `size` objects."""

    size: int
    test_set: str
    """The objects from which the sets are drawn, in words."""


@dataclasses.dataclass(frozen=True)
class FlowConsistency(Metric):
    """The distance of the sampler from its target within small sets of objects; 0 for a perfect sampler."""

    name = "flow_consistency"

    def measure(self, sample: Measurable) -> SetDistance | None:
        """With smaller sets where there are fewer objects; None without a set, or one that is drawn, and of places."""
        judged = sample.judged
        if (
            sample.places is not None
            or judged is None
            or judged.log_prob.size < 2
            or np.isneginf(judged.log_prob).all()
        ):
            return None
        size = min(sample.settings.subset_size, judged.log_prob.size)
        estimate = flow_consistency(judged.log_prob, judged.log_reward, size=size, seed=sample.seed)
        return SetDistance(value=estimate.value, error=estimate.error, size=size, test_set=judged.source)

    def row(self, measured: Any) -> Row:
        """With the size of the sets."""
        words = f"a perfect sampler: 0; {measured.test_set}"
        return f"flow consistency, sets of {measured.size}", str(measured), words
