"""All metrics of one sample, each beside what a perfect sampler would have with as many draws."""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from anabranch.evaluation.metrics.correlation import Correlation, pearson, spearman
from anabranch.evaluation.metrics.distances import Distance, mean_pairwise_distance, object_distance
from anabranch.evaluation.metrics.flow_consistency import flow_consistency
from anabranch.evaluation.metrics.modes import found_within, mode_numbers, usual_budgets
from anabranch.evaluation.metrics.perfect import PerfectSampler, Reference
from anabranch.evaluation.metrics.reward_gap import log_mean_reward, reward_gap
from anabranch.evaluation.metrics.settings import MetricSettings
from anabranch.evaluation.metrics.top_k import best
from anabranch.ground.means import Estimate, log_mean_exp_with_error

RESOLUTION = 1e-4
"""Log-rewards that differ by less, in nats, are taken for equal: no training tells them apart."""


@dataclasses.dataclass(frozen=True, eq=False)
class Listed:
    """Different objects by number: all of a space, or those that were drawn."""

    log_reward: Float[np.ndarray, " X"]
    decode: Callable[[int], Any]
    target: Float[np.ndarray, " X"] | None = None
    """R / Z, where these are all objects."""


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Objects at which the sampler's own probability is known, or estimated."""

    log_prob: Float[np.ndarray, " T"]
    log_reward: Float[np.ndarray, " T"]
    source: str
    """In words: all objects, or where the test set comes from and how well log p(x) is known."""
    whole: bool
    """Whether these are all objects, so that a coefficient over them has no interval."""

    @property
    def ranked_reward(self) -> Float[np.ndarray, " T"]:
        """log R without what float32 adds, which would break ties between objects of one reward."""
        largest = float(np.abs(self.log_reward[np.isfinite(self.log_reward)]).max(initial=0.0))
        resolution = max(RESOLUTION, 2.0 * float(np.finfo(np.float32).eps) * largest)
        return np.round(self.log_reward / resolution) * resolution


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """A measured number, and what a perfect sampler would have; None where unknown."""

    value: float
    perfect: Reference | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModeCount:
    """Modes under a stated threshold (log R, in nats) and separation."""

    threshold: float
    separation: float
    found: Compared
    total: int | None
    """How many there are; None where unknown."""
    budgets: tuple[int, ...]
    curve: tuple[int, ...]
    """Modes found among the first samples, one number a budget."""
    perfect_curve: tuple[float, ...] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleMetrics:
    """The metrics of one sample; None where unknown."""

    top_objects: int
    """How many different objects of a reward above 0 the top-k numbers are over."""
    top_log_reward: Compared
    """log of the mean reward of the top k, in nats; -inf where there is none."""
    diversity: Compared | None
    """Mean pairwise distance of the top k; None for a single object."""
    modes: ModeCount | None
    reward_gap: Estimate | None
    """E_model[R] / E_target[R] by the sample."""
    perfect_reward_gap: Reference | None
    test_set: str | None
    """The objects over which the next three are."""
    spearman: Correlation | None
    """Of log p(x) and log R(x); 1 for a perfect sampler."""
    pearson: Correlation | None
    flow_consistency: Estimate | None
    """FCS; 0 for a perfect sampler."""
    subset_size: int


def summarise(
    drawn: Int[np.ndarray, " n"],
    listed: Listed,
    judged: Judged | None,
    *,
    settings: MetricSettings | None = None,
    distance: Distance | None = None,
    seed: int = 0,
) -> SampleMetrics:
    """Every metric that applies to the objects `drawn` (their numbers in `listed`, in the order of drawing)."""
    chosen = settings or MetricSettings()
    perfect = None
    if listed.target is not None:
        perfect = PerfectSampler(target=listed.target, samples=drawn.size, seed=seed)

    def top(numbers: np.ndarray) -> np.ndarray:
        _, first = np.unique(numbers, return_index=True)
        different = numbers[np.sort(first)]
        good = different[~np.isneginf(listed.log_reward[different])]
        return good[best(listed.log_reward[good], chosen.top_k)]

    def top_reward(numbers: np.ndarray) -> float:
        kept = listed.log_reward[top(numbers)]
        return log_mean_exp_with_error(kept).value if kept.size else -np.inf

    def compared(statistic: Callable[[np.ndarray], float]) -> Compared:
        return Compared(value=statistic(drawn), perfect=None if perfect is None else perfect.reference(statistic))

    spread = _diversity_of(listed, distance)
    several = top(drawn).size > 1 and (perfect is None or all(top(draw).size > 1 for draw in perfect.draws))
    gap = perfect_gap = None
    if listed.target is not None and perfect is not None:
        level = log_mean_reward(listed.log_reward, listed.target)
        gap = reward_gap(listed.log_reward[drawn], log_target_mean=level)
        perfect_gap = perfect.reference(
            lambda numbers: reward_gap(listed.log_reward[numbers], log_target_mean=level).value
        )
    options = {"seed": seed, "size": chosen.subset_size}
    return SampleMetrics(
        top_objects=top(drawn).size,
        top_log_reward=compared(top_reward),
        diversity=compared(lambda numbers: spread(top(numbers))) if several else None,
        modes=_modes(drawn, listed, perfect, chosen, distance or object_distance),
        reward_gap=gap,
        perfect_reward_gap=perfect_gap,
        test_set=None if judged is None else judged.source,
        spearman=None if judged is None else _coefficient(spearman, judged, judged.ranked_reward),
        pearson=None if judged is None else _coefficient(pearson, judged, judged.log_reward),
        flow_consistency=None if judged is None else _consistency(judged, **options),
        subset_size=chosen.subset_size,
    )


def _diversity_of(listed: Listed, distance: Distance | None) -> Callable[[np.ndarray], float]:
    """The mean pairwise distance of numbered objects; a distance of one's own is asked once a pair."""
    if distance is None:
        return lambda numbers: mean_pairwise_distance([listed.decode(int(at)) for at in numbers])
    item = cache(listed.decode)
    between = cache(lambda first, second: distance(item(first), item(second)))
    return lambda numbers: mean_pairwise_distance(
        [int(at) for at in numbers], distance=lambda first, second: between(min(first, second), max(first, second))
    )


def _modes(
    drawn: np.ndarray, listed: Listed, perfect: PerfectSampler | None, settings: MetricSettings, distance: Distance
) -> ModeCount | None:
    threshold = settings.mode_threshold
    if threshold is None:
        if perfect is None:
            return None
        worth = listed.log_reward[~np.isneginf(listed.log_reward)]
        threshold = float(np.quantile(worth, 0.99, method="higher"))
    good = np.flatnonzero(listed.log_reward >= threshold)
    numbers = np.full(listed.log_reward.size, -1)
    objects = [listed.decode(int(at)) for at in good] if settings.mode_separation > 0 else good.tolist()
    numbers[good] = mode_numbers(objects, listed.log_reward[good], threshold, settings.mode_separation, distance)
    budgets = usual_budgets(drawn.size)
    curve = found_within(numbers[drawn], budgets)
    ideal = None if perfect is None else np.array([found_within(numbers[draw], budgets) for draw in perfect.draws])
    reference = (
        None if ideal is None else Reference(mean=float(ideal[:, -1].mean()), spread=float(ideal[:, -1].std(ddof=1)))
    )
    return ModeCount(
        threshold=threshold,
        separation=settings.mode_separation,
        found=Compared(value=float(curve[-1]), perfect=reference),
        total=None if perfect is None else int(numbers.max() + 1),
        budgets=tuple(budgets),
        curve=tuple(curve),
        perfect_curve=None if ideal is None else tuple(ideal.mean(axis=0).tolist()),
    )


def _coefficient(
    coefficient: Callable[..., Correlation], judged: Judged, log_reward: Float[np.ndarray, " T"]
) -> Correlation:
    """A coefficient over a test set, or over all objects: then without an interval."""
    found = coefficient(judged.log_prob, log_reward)
    return dataclasses.replace(found, low=float("nan"), high=float("nan")) if judged.whole else found


def _consistency(judged: Judged, *, size: int, seed: int) -> Estimate | None:
    """FCS, with smaller sets where there are fewer objects; None where there is no set, or none that is ever drawn."""
    if judged.log_prob.size < 2 or np.isneginf(judged.log_prob).all():
        return None
    return flow_consistency(judged.log_prob, judged.log_reward, size=min(size, judged.log_prob.size), seed=seed)
