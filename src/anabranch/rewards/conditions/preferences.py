"""Preferences over several rewards as a condition: one sampler for the whole Pareto front."""

import dataclasses
import itertools
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.rewards.conditions.base import ENDS, KNOTS, Condition, Value, as_numbers, hats


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preferences(Condition):
    """Weights w over several rewards, drawn from a Dirichlet law: R(x | w) = (sum of w_i f_i(x)) ^ exponent.

    The reward function returns the row f(x) of `rewards` numbers, 0 to 1 where `combine` is "tchebycheff", which takes
    1 - max of w_i (1 - f_i) in the place of the sum and also reaches the concave parts of a Pareto front. A combined
    value of 0 or less is a reward of 0.

    Paper: Jain et al. 2023, arXiv:2210.12765 (multi-objective GFlowNets).

    Raises:
        ConfigError: for a setting out of range.

    Example:
        env, two_rewards = anabranch.make("hypergrid").env, lambda state: (1.0 + state) / 8.0
        condition = anabranch.Preferences(rewards=2, exponent=16.0)
        run = anabranch.train(env, two_rewards, objective="tb", steps=100, batch=64, condition=condition)
        run.sample(10, condition=(0.3, 0.7))
    """

    rewards: int = 2
    """Numbers that the reward function returns for an object."""
    exponent: float = 1.0
    """Of the combined reward."""
    combine: Literal["sum", "tchebycheff"] = "sum"
    """How rewards and weights become one reward."""
    concentration: float = 1.0
    """Of the Dirichlet law; 1: all weights alike, less: more at the ends, more: in the middle."""

    name: ClassVar[str] = "preferences"

    def __post_init__(self) -> None:
        require_types(self)
        if self.rewards < 2:
            raise ConfigError(f"Preferences are between two rewards or more; given rewards={self.rewards}.")
        if not (0.0 < self.exponent < float("inf") and 0.0 < self.concentration < float("inf")):
            given = f"exponent={self.exponent}, concentration={self.concentration}"
            raise ConfigError(f"Preferences need a positive, finite exponent and concentration; given {given}.")

    @property
    def columns(self) -> int | None:
        return self.rewards

    def draw(self, key: Key[Array, ""]) -> Value:
        weights = jax.random.dirichlet(key, jnp.full(self.rewards, self.concentration))
        # Drawn from a little more than the simplex and cut, so that faces and corners are among them (`with_ends`).
        wider = jnp.maximum(weights * (1.0 + self.rewards * ENDS) - ENDS, 0.0)
        return wider / wider.sum()

    def middle(self) -> Value:
        return jnp.full(self.rewards, 1.0 / self.rewards, jnp.float32)

    def features(self, value: Value) -> Float[Array, " k"]:
        return jnp.concatenate([value, jax.vmap(lambda weight: hats(weight, KNOTS))(value).ravel()])

    def log_reward(self, worth: Float[Array, "*columns"], value: Value) -> Float[Array, ""]:
        combined = value @ worth if self.combine == "sum" else 1.0 - jnp.max(value * (1.0 - worth))
        positive = combined > 0.0
        # NaN is no reward, and stays one, so that it is reported.
        log_combined = jnp.log(jnp.where(positive | jnp.isnan(combined), combined, 1.0))
        return jnp.where(combined <= 0.0, -jnp.inf, self.exponent * log_combined)

    def settled(self, value: Any) -> Value:
        weights = as_numbers(value, what="The preferences", shape=(self.rewards,))
        if (weights < 0.0).any() or abs(weights.sum() - 1.0) > TOLERANCE:
            shown = ", ".join(f"{weight:.6g}" for weight in weights)
            raise ConfigError(
                f"The preferences must lie in the trained range, weights of at least 0 that sum to 1; given ({shown}), "
                f"whose sum is {weights.sum():.6g}."
            )
        return jnp.asarray(weights, jnp.float32)

    def grid(self) -> list[Any]:
        parts = MOST_PARTS if self.rewards == 2 else max(1, MOST_PARTS // 2 ** (self.rewards - 1))
        rows = itertools.product(range(parts + 1), repeat=self.rewards - 1)
        shares = [(*row, parts - sum(row)) for row in rows if sum(row) <= parts]
        return [tuple(float(one) for one in np.asarray(share) / parts) for share in reversed(shares)]


TOLERANCE = 1e-4
"""How far from 1 the sum of given weights may be."""
MOST_PARTS = 20
"""Into how many parts an evaluation divides the range of two weights."""
