"""The knapsack: items that weigh no more than a capacity, worth their value."""

import dataclasses
import math
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.envs.instances import IsBest, require_instance_seed, whole_numbers
from anabranch.envs.sets import Subsets
from anabranch.envs.tasks import Task, usual_settings
from anabranch.evaluation.facts import Fact
from anabranch.ground.errors import ConfigError

HEAVIEST, DEAREST = 20, 20
"""The largest weight and the largest value that are drawn."""


class Knapsack(Subsets):
    """Sets of items whose weights add up to `capacity` at most; each label adds an item, every state may stop.

    The weights are given, or whole numbers from 1 to 20 drawn from `seed`.
    """

    items: int = 12
    """How many items there are."""
    seed: int = 0
    """Draws the weights."""
    weights: tuple[int, ...] | None = None
    """Of each item, in place of drawn ones; none: drawn."""
    capacity: int | None = None
    """What the knapsack holds; none: half of all weights, rounded down."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_instance_seed(self.seed)
        given = self.weights
        if given is not None and (len(given) != self.items or min(given) < 1):
            raise ConfigError(f"weights are {self.items} whole numbers from 1 on; given {given}.")
        if self.capacity is not None and self.capacity < 0:
            raise ConfigError(f"capacity is a whole number from 0 on; given {self.capacity}.")

    @cached_property
    def listed(self) -> Int[np.ndarray, " items"]:
        """The weight of each item."""
        if self.weights is not None:
            return np.array(self.weights)
        return whole_numbers(self.seed, self.items, low=1, high=HEAVIEST)

    @property
    def holds(self) -> int:
        """The capacity."""
        return int(self.listed.sum()) // 2 if self.capacity is None else self.capacity

    @property
    def max_steps(self) -> int:
        """As many of the lightest items as it holds."""
        return int((np.sort(self.listed).cumsum() <= self.holds).sum())

    def legal(self, state: Bool[Array, " items"]) -> Bool[Array, " items"]:
        weights = jnp.asarray(self.listed)
        return ~state & (jnp.sum(weights, where=state) + weights <= self.holds)

    def can_stop(self, state: Bool[Array, " items"]) -> Bool[Array, ""]:
        del state
        return jnp.array(True)

    def encode(self, item: tuple[int, ...]) -> Bool[Array, " items"]:
        """The set of these items. Raises ConfigError where they are too heavy."""
        state = super().encode(item)
        weight = int(self.listed[np.asarray(state)].sum())
        if weight > self.holds:
            raise ConfigError(f"The knapsack holds {self.holds}; the items {item!r} weigh {weight}.")
        return state


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackedValue:
    """log R = `beta` * value of the items, in nats.

    The values are given, or whole numbers from 1 to 20 drawn from `seed`. For the task, log Z is 14.603523,
    and the best value 108.
    """

    env: Knapsack
    seed: int = 1
    """Draws the values."""
    values: tuple[int, ...] | None = None
    """Of each item, in place of drawn ones; none: drawn."""
    beta: float = 0.1
    """Nats for each unit of value."""

    def __post_init__(self) -> None:
        require_instance_seed(self.seed)
        if not math.isfinite(self.beta):
            raise ConfigError(f"beta is a finite number of nats; given {self.beta}.")

    @property
    def listed(self) -> Int[np.ndarray, " items"]:
        """The value of each item. Raises ConfigError where there are more or fewer than items."""
        if self.values is None:
            return whole_numbers(self.seed, self.env.items, low=1, high=DEAREST)
        if len(self.values) != self.env.items:
            raise ConfigError(f"{len(self.values)} values were given for {self.env.items} items: give one for each.")
        return np.array(self.values)

    def __call__(self, state: Bool[Array, " items"]) -> Float[Array, ""]:
        """log R of one knapsack."""
        return -self.energy(state)

    def energy(self, state: Bool[Array, " items"]) -> Float[Array, ""]:
        """-beta for each unit of value so far."""
        return -self.beta * jnp.sum(jnp.asarray(self.listed, float), where=state)

    @property
    def log_z(self) -> float:
        """The exact log Z, item by item over all weights."""
        return self._joined(np.logaddexp)

    @property
    def best(self) -> float:
        """The largest log R."""
        return self._joined(np.maximum)

    def _joined(self, join: np.ufunc) -> float:
        """The log-rewards of all knapsacks, summed or at their largest, by their weight."""
        room = min(self.env.holds, int(self.env.listed.sum()))
        by_weight = np.full(room + 1, -np.inf)
        by_weight[0] = 0.0
        for weight, value in zip(self.env.listed.tolist(), self.listed.tolist(), strict=True):
            if weight <= room:
                by_weight[weight:] = join(by_weight[weight:], by_weight[: room + 1 - weight] + self.beta * value)
        return float(join.reduce(by_weight))


ENV = Knapsack()
REWARD = PackedValue(env=ENV)

TASKS = {
    "knapsack": Task(
        env=ENV,
        log_reward=REWARD,
        name="knapsack",
        summary="sets of 12 items within a capacity, worth their value",
        facts={"best": Fact(event=IsBest(REWARD))},
        settings=usual_settings(),
    )
}
