"""A user's file: an objective, a network, a backward policy and a metric, none of which is the library's."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

import anabranch as ab


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doubled(ab.TrajectoryBalance):
    """Twice the residual of trajectory balance, or `factor` times."""

    name: ClassVar[str] = "doubled"
    factor: float = 2.0

    def residual(self, scores):
        residual, weight = super().residual(scores)
        return self.factor * residual, weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flat:
    """A recipe for a network of one layer, made of the library's own."""

    width: int = 8

    def build(self, env: Any, **told: Any):
        return ab.MLP(width=self.width, depth=1).build(env, **told)


@dataclasses.dataclass(frozen=True)
class LastFirst(ab.BackwardPolicy):
    """The label of the highest number is undone first, most of the time."""

    name: ClassVar[str] = "last-first"
    learned: ClassVar[bool] = False

    def log_probs(self, env, state, heads):
        mask = env.undoable(state)
        ranks = jnp.where(mask, jnp.arange(mask.size, dtype=jnp.float32), -jnp.inf)
        return jnp.where(mask.any(), jax.nn.log_softmax(ranks), 0.0)


@dataclasses.dataclass(frozen=True)
class ShareOfBest(ab.Metric):
    """The share of draws whose log R is nearly that of the best object known."""

    name: ClassVar[str] = "share-of-best"
    within: float = 0.5

    def measure(self, sample):
        log_reward = sample.listed.log_reward
        best = log_reward >= log_reward.max() - self.within
        return sample.compared(lambda numbers: float(best[numbers].mean()))


class Needy(Doubled):
    """It cannot be made without an argument."""

    def __init__(self, needed):
        raise NotImplementedError(needed)


doubled, flat, last_first = Doubled(factor=3.0), Flat(), LastFirst()
