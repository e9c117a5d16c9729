"""Instances of combinatorial problems: numbers from a seed, the best object, and sums over all orders."""

import abc
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.ground.arguments import is_whole
from anabranch.ground.errors import ConfigError

TOLERANCE = 1e-3
"""Nats by which float32 may miss the best log R."""


def uniforms(seed: int, count: int) -> Float[np.ndarray, " count"]:
    """Numbers of [0, 1): the upper 53 bits of the next 64-bit numbers of NumPy's PCG64(seed), over 2^53."""
    raw = np.random.PCG64(seed).random_raw(count) >> np.uint64(11)
    return raw.astype(np.float64) / 2**53


def whole_numbers(seed: int, count: int, *, low: int, high: int) -> Int[np.ndarray, " count"]:
    """Whole numbers low .. high, each as likely."""
    return low + np.floor(uniforms(seed, count) * (high - low + 1)).astype(int)


def require_instance_seed(seed: int) -> None:
    """Raise ConfigError where a seed of an instance is not a whole number from 0 on."""
    if not is_whole(seed) or seed < 0:
        raise ConfigError(f"seed is a whole number from 0 on; given {seed!r}.")


def require_positive(**numbers: float) -> None:
    """Raise ConfigError where a setting is not a finite number above 0."""
    for name, number in numbers.items():
        if not 0.0 < number < float("inf"):
            raise ConfigError(f"{name} is a finite number above 0; given {number}.")


@dataclasses.dataclass(frozen=True)
class IsBest:
    """Whether an object has the largest reward, for a reward that knows its largest log R, `best`."""

    reward: Any
    """A reward with `best`: the largest log R, or None where it is not known."""

    def __call__(self, state: Any) -> Bool[Array, ""]:
        """Of one object."""
        return self.reward(state) >= self.reward.best - TOLERANCE

    def about(self, reward: Any) -> "IsBest | None":
        """The same of another reward; None where its best object is not known."""
        return None if getattr(reward, "best", None) is None else IsBest(reward)


MOST_ORDERED = 14
"""Up to so many items all orders are summed, over 2^n sets and the item that came last."""


@dataclasses.dataclass(frozen=True)
class StepsOfOrder:
    """What an order weighs at each of its items, in nats."""

    first: Float[np.ndarray, " n"]
    """At its first item."""
    following: Callable[[int], Float[np.ndarray, "n n"]]
    """At each further one, [before, item], with a bit for each earlier item."""
    last: Float[np.ndarray, " n"]
    """At its end."""


class OrderReward(abc.ABC):
    """Abstract: a reward of orders that adds up item by item, so that its sum and its best are exact."""

    @abc.abstractmethod
    def steps_of_order(self) -> StepsOfOrder:
        """What an order weighs at each of its items."""

    @property
    def log_z(self) -> float | None:
        """The exact log Z, over all sets of items and the last of them; None beyond 14 items."""
        return _over_orders(self, np.logaddexp)

    @property
    def best(self) -> float | None:
        """The largest log R; None beyond 14 items."""
        return _over_orders(self, np.maximum)


@functools.lru_cache(maxsize=64)
def _over_orders(reward: OrderReward, join: np.ufunc) -> float | None:
    steps = reward.steps_of_order()
    n = steps.first.size
    return None if n > MOST_ORDERED else over_orders(n, join, **vars(steps))


def over_orders(
    n: int,
    join: np.ufunc,
    *,
    first: Float[np.ndarray, " n"],
    following: Callable[[int], Float[np.ndarray, "n n"]],
    last: Float[np.ndarray, " n"],
) -> float:
    """The log-weights of all orders of n items, joined by np.logaddexp (their sum) or np.maximum (the best).

    Held and Karp's dynamic program. An order weighs first[item] at its first item, following(done)[before, item] at
    each further one, where `done` has a bit for each earlier item, and last[item] at its end.
    """
    table = np.full((2**n, n), -np.inf)
    table[1 << np.arange(n), np.arange(n)] = first
    for done in range(1, 2**n):
        inside = (done >> np.arange(n)) & 1 == 1
        outside = np.nonzero(~inside)[0]
        reached = join.reduce(table[done][inside][:, None] + following(done)[inside][:, outside], axis=0)
        table[done | (1 << outside), outside] = reached
    return float(join.reduce(table[-1] + last))
