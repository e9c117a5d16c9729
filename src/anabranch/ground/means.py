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
    """The number."""
    error: float
    """Its standard error; NaN where it is unknown."""

    def __str__(self) -> str:
        return with_error(self.value, self.error)


ROUNDING = 1e-12
"""Relative rounding error of float64 sums: a standard error below it counts as 0."""


def number(value: float | None, form: str = ".4f") -> str:
    """A number as text; a dash where unknown or undefined."""
    return "-" if value is None or value != value else format(value, form)


def with_error(value: float, error: float, form: str = ".4f") -> str:
    """A number and its error as text: the error with one digit where it would round to 0, no error where it is none."""
    if math.isnan(error) or error <= ROUNDING * max(1.0, abs(value)):
        return f"{value:{form}}"
    shown = f"{error:{form}}"
    return f"{value:{form}} ± {shown if float(shown.replace(',', '')) > 0 else f'{error:.0e}'}"


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
