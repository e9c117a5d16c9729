"""From the columns that a function returned to log R, in float64: weights, exponent, and what is no reward."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from anabranch.rewards.answers import Row
from anabranch.rewards.outcomes import Outcome


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the columns of an object become one reward."""

    exponent: float = 1.0
    weights: tuple[float, ...] = ()
    combine: Literal["sum", "product"] = "sum"
    zeros: Literal["floor", "error"] = "floor"

    def log_reward(self, outcome: Outcome) -> float:
        """log R of an outcome; -inf where R = 0. Raises BadRewardError where there is none."""
        if outcome.status != "ok":
            raise BadRewardError(outcome.reason)
        value = self._combined(outcome.row)
        if value == -math.inf and self.zeros == "error":
            raise BadRewardError('the reward is 0, and zeros="error" allows none')
        return value if value == -math.inf else self.exponent * value

    def _combined(self, row: Row) -> float:
        """log of the weighted sum, or of the product, of the columns."""
        weights = self.weights or (1.0,) * len(row)
        if len(weights) != len(row):
            raise BadRewardError(f"the function returned {len(row)} columns; weights has {len(weights)}")
        for value in row:
            if not math.isfinite(value):
                raise BadRewardError(f"the reward is {shown(row)}; a reward is a finite number >= 0: {hint(value)}")
        if self.combine == "product":
            return _product(row, weights)
        # Divided by the largest, so that a sum of numbers near 1e308 stays finite.
        largest = max(map(abs, row))
        total = sum(w * (value / largest) for w, value in zip(weights, row, strict=True)) if largest else 0.0
        if total < 0.0:
            raise BadRewardError(f"the reward is {shown(row)}; a reward is a finite number >= 0: {hint(total)}")
        return math.log(total) + math.log(largest) if total else -math.inf


def _product(row: Row, weights: Sequence[float]) -> float:
    if min(row) < 0.0:
        raise BadRewardError(f"the columns are {shown(row)}; those of a product are >= 0: {hint(min(row))}")
    if any(value == 0.0 and weight > 0.0 for value, weight in zip(row, weights, strict=True)):
        return -math.inf
    return sum(w * math.log(value) for w, value in zip(weights, row, strict=True) if w)


class BadRewardError(Exception):
    """Why an object has no reward."""


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """The log-rewards of a batch of objects."""

    log_reward: Float[np.ndarray, " n"]
    """In nats, float64; -inf where R = 0, NaN where there is none."""
    problems: dict[int, str]
    """Why there is none, by the number of the object."""
    worth: Float[np.ndarray, "n *columns"] | None = None
    """Under conditions what an object is worth, from which each condition makes its reward; NaN where there is none."""
    conditions: Any = None
    """A pytree of [n, ...]: the condition under which each object was judged."""


def judged(recipe: Recipe, outcomes: Sequence[Outcome], log_copies: Float[np.ndarray, " n"]) -> Judged:
    """log R of each outcome less what its copies share, and the problems of those that have none."""
    log_reward, problems = np.full(len(outcomes), np.nan), {}
    for number, outcome in enumerate(outcomes):
        try:
            log_reward[number] = recipe.log_reward(outcome)
        except BadRewardError as error:
            problems[number] = str(error)
    return Judged(log_reward - log_copies, problems)


def columns_of(count: int, outcomes: Sequence[Outcome]) -> tuple[Float[np.ndarray, "n count"], dict[int, str]]:
    """The columns of each outcome, NaN where there are none, and the problems of those."""
    columns, problems = np.full((len(outcomes), count), np.nan), {}
    for number, outcome in enumerate(outcomes):
        if outcome.status != "ok":
            problems[number] = outcome.reason
        elif len(outcome.row) != count:
            problems[number] = f"the function returned {len(outcome.row)} columns; the condition takes {count}"
        elif not all(map(math.isfinite, outcome.row)):
            problems[number] = f"the columns are {shown(outcome.row)}; each must be a finite number"
        else:
            columns[number] = outcome.row
    return columns, problems


def shown(row: Row) -> str:
    """The numbers of an object as an error shows them."""
    return repr(row[0]) if len(row) == 1 else repr(row)


def hint(value: float) -> str:
    """What a number that is no reward often comes from."""
    if math.isnan(value):
        return "NaN often is the logarithm or the root of a negative number"
    if math.isinf(value):
        return "an infinite one often is a division by 0"
    return "return R itself, not its logarithm or an energy; exp(-energy) is one"
