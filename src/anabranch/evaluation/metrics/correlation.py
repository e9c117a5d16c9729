"""Correlation of log p(x) with log R(x) over objects that the sampler did not choose."""

import dataclasses
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from anabranch.evaluation.metrics.base import Judged, Measurable, Metric, Row
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.ground.means import number
from anabranch.ground.streams import Stream, generator_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """The confidence interval of a correlation: by Fisher's transformation, or by a bootstrap over the objects.

    Fisher's costs nothing and takes the transformed coefficient for normal; the bootstrap makes no such assumption and
    takes the percentiles of the coefficient over resampled objects.

    Example:
        interval = anabranch.Interval(level=0.9, kind="bootstrap")
        anabranch.spearman(np.array([-3.0, -2.0, -1.0, -4.0]), np.array([0.0, 0.5, 1.0, -1.0]), interval=interval)
    """

    level: float = 0.95
    """Probability that it covers."""
    kind: Literal["fisher", "bootstrap"] = "fisher"
    """How it is found."""
    resamples: int = 1000
    """Of a bootstrap."""
    seed: int = 0
    """Of a bootstrap."""

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 < self.level < 1.0 or self.kind not in ("fisher", "bootstrap") or self.resamples < 1:
            raise ConfigError(
                "An interval has a level between 0 and 1, is 'fisher' or 'bootstrap', and resamples >= 1; "
                f"given {self.level}, {self.kind!r} and {self.resamples}."
            )


FISHER = Interval()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Correlation:
    """A coefficient over `objects` pairs, with its interval; NaN where undefined, 1 for a perfect sampler."""

    value: float
    """The coefficient."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""
    objects: int
    """Pairs that it is over."""
    tied: int
    """How many of them have the reward of another."""
    left_out: int
    """Objects of reward 0, which are not among them."""


def ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2.0)[place]


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    if x.size < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    dx, dy = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((dx**2).sum() * (dy**2).sum()))
    return float(np.clip((dx * dy).sum() / scale, -1.0, 1.0)) if scale > 0 else float("nan")


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """The slope of the ranks of x over those of y: Spearman's coefficient, but that ties of y ask nothing of x."""
    if x.size < 2 or np.isnan(x).any():
        return float("nan")
    dx, dy = ranks(x) - (x.size + 1) / 2.0, ranks(y) - (x.size + 1) / 2.0
    scale = float((dy**2).sum())
    return float(np.clip((dx * dy).sum() / scale, -1.0, 1.0)) if scale > 0 else float("nan")


def pearson(
    log_prob: Float[np.ndarray, " n"], log_reward: Float[np.ndarray, " n"], *, interval: Interval = FISHER
) -> Correlation:
    """Pearson's coefficient; objects of reward 0 are left out. NaN where some log p(x) is not finite.

    Fisher's interval takes atanh r for normal, with variance 1 / (n - 3).

    Arguments:
        log_prob: log p(x) of the sampler [n], in nats.
        log_reward: log R(x) of the same objects [n], in nats.
        interval: how sure the coefficient is said to be.

    Returns:
        A `Correlation` with its interval; 1 for a perfect sampler.
    """
    return _correlation(_pearson, lambda r: 1.0, log_prob, log_reward, interval)


def spearman(
    log_prob: Float[np.ndarray, " n"], log_reward: Float[np.ndarray, " n"], *, interval: Interval = FISHER
) -> Correlation:
    """Spearman's coefficient; objects of reward 0 are left out.

    Objects of equal reward may stand in any order: it is the slope of the ranks of p(x) over those of R(x), which is
    Pearson's coefficient of them where no rewards are equal. So it is 1 where p(x) is larger whenever R(x) is, 0 on
    average for a sampler that knows nothing of R, whatever is tied; NaN where all rewards are equal. (Pearson's over
    ranks with ties would be below 1 for any sampler with the smallest error.) Somers' D does the same for Kendall's.

    Fisher's interval has the variance (1 + r^2 / 2) / (n - 3) of Bonett and Wright 2000.

    Arguments:
        log_prob: log p(x) of the sampler [n], in nats or in any increasing scale.
        log_reward: log R(x) of the same objects [n].
        interval: Fisher's, or that of a bootstrap over the objects.

    Returns:
        A `Correlation` with its interval, and how many objects are tied.
    """
    return _correlation(_spearman, lambda r: 1.0 + r**2 / 2.0, log_prob, log_reward, interval)


def _correlation(
    coefficient: Callable[[np.ndarray, np.ndarray], float],
    variance: Callable[[float], float],
    log_prob: np.ndarray,
    log_reward: np.ndarray,
    interval: Interval,
) -> Correlation:
    kept = ~np.isneginf(log_reward)
    x, y = log_prob[kept], log_reward[kept]
    value, low, high = coefficient(x, y), float("nan"), float("nan")
    upper = (1.0 + interval.level) / 2.0
    if interval.kind == "bootstrap" and np.isfinite(value):
        chosen = generator_of(interval.seed, Stream.RESAMPLES).integers(0, x.size, (interval.resamples, x.size))
        values = np.array([coefficient(x[row], y[row]) for row in chosen])
        low, high = (float(bound) for bound in np.nanquantile(values, [1.0 - upper, upper]))
    elif abs(value) == 1.0:
        low = high = value
    elif x.size > 3 and np.isfinite(value):
        half = NormalDist().inv_cdf(upper) * (variance(value) / (x.size - 3)) ** 0.5
        low, high = (float(np.tanh(np.arctanh(value) + side * half)) for side in (-1, 1))
    _, count = np.unique(y, return_counts=True)
    tied, left_out = int(count[count > 1].sum()), int((~kept).sum())
    return Correlation(value=value, low=low, high=high, objects=x.size, tied=tied, left_out=left_out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgedCorrelation(Correlation):
    """A coefficient over a test set, or over all objects: then without an interval."""

    test_set: str
    """The objects that it is over, in words."""

    @classmethod
    def over(cls, judged: Judged, coefficient: Correlation) -> "JudgedCorrelation":
        """A coefficient with the objects that it is over."""
        values = dataclasses.asdict(coefficient)
        if judged.whole:
            values["low"] = values["high"] = float("nan")
        return cls(**values, test_set=judged.source)

    def words(self, *, ties: bool) -> str:
        """What to hold the coefficient against."""
        parts = [] if self.low != self.low else [f"[{self.low:.4f}, {self.high:.4f}]"]
        parts.append(self.test_set)
        if self.left_out:
            parts.append(f"without {self.left_out:,} of R = 0")
        if ties and self.tied:
            parts.append(f"{self.tied:,} in ties of R")
        return f"a perfect sampler: 1; {', '.join(parts)}"


@dataclasses.dataclass(frozen=True)
class Spearman(Metric):
    """Spearman's coefficient of log p(x) with log R(x); 1 for a perfect sampler."""

    name = "spearman"

    def measure(self, sample: Measurable) -> JudgedCorrelation | None:
        """Rewards that differ by the rounding of float32 are tied."""
        judged = sample.judged
        return judged and JudgedCorrelation.over(judged, spearman(judged.log_prob, judged.ranked_reward))

    def row(self, measured: Any) -> Row:
        """With how many objects have the reward of another."""
        return "Spearman, log p with log R", number(measured.value), measured.words(ties=True)


@dataclasses.dataclass(frozen=True)
class Pearson(Metric):
    """Pearson's coefficient of log p(x) with log R(x); 1 for a perfect sampler."""

    name = "pearson"

    def measure(self, sample: Measurable) -> JudgedCorrelation | None:
        """Over all objects, or a test set."""
        judged = sample.judged
        return judged and JudgedCorrelation.over(judged, pearson(judged.log_prob, judged.log_reward))

    def row(self, measured: Any) -> Row:
        """With its interval."""
        return "Pearson, log p with log R", number(measured.value), measured.words(ties=False)
