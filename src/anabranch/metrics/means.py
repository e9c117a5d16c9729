"""Means with their standard errors."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.4f}"


def mean_with_error(values: Float[np.ndarray, " n"]) -> Estimate:
    """The mean and its standard error."""
    spread = float(values.std(ddof=1)) if values.size > 1 else float("nan")
    return Estimate(value=float(values.mean()), error=spread / values.size**0.5)


def log_mean_exp_with_error(values: Float[np.ndarray, " n"]) -> Estimate:
    """log of the mean of exp, and its standard error by the delta method."""
    top = values.max()
    if np.isneginf(top):
        return Estimate(value=float("-inf"), error=float("nan"))
    mean = mean_with_error(np.exp(values - top))
    return Estimate(value=float(top + np.log(mean.value)), error=mean.error / mean.value)


def half_width(values: Sequence[float]) -> float:
    """Half the 95 % interval of the mean of several values (Student's t); NaN for a single one."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return math.nan
    freedom = len(values) - 1
    return float(stdtrit(freedom, 0.975) * np.std(values, ddof=1) / math.sqrt(len(values)))
