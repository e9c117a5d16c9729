"""A package of somebody else: a space of coins, and one part of each kind."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

import anabranch as ab


class Coins(ab.Environment):
    """Put down n coins, one place after another in any order, each heads or tails."""

    n: int = 4
    max_steps = property(lambda self: self.n)

    def initial(self):
        return jnp.full(self.n, -1)

    def step(self, state, action):
        return state.at[action // 2].set(action % 2)

    def undo(self, state, action):
        return state.at[action // 2].set(-1)

    def legal(self, state):
        return jnp.repeat(state < 0, 2)

    def undoable(self, state):
        return (state[:, None] == jnp.arange(2)).reshape(-1)

    def can_stop(self, state):
        return (state >= 0).all()


@dataclasses.dataclass(frozen=True)
class HeadsReward:
    """R = 1 + weight * number of heads."""

    weight: float = 1.0

    def __call__(self, state):
        return jnp.log(1.0 + self.weight * (state == 1).sum())


coins = ab.Task(env=Coins(), log_reward=HeadsReward(), name="coins", summary="coins in a row, heads worth more")


def even(state):
    """All coins alike."""
    return 0.0 * state.sum()


@dataclasses.dataclass(frozen=True, kw_only=True)
class HuberBalance(ab.TrajectoryBalance):
    """Trajectory balance with a residual that is bounded."""

    name: ClassVar[str] = "huber-tb"
    width: float = 5.0
    """Nats beyond which a residual pulls no harder."""

    def residual(self, scores):
        residual, weight = super().residual(scores)
        return self.width * jnp.tanh(residual / self.width), weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class Narrow:
    """A network of one narrow layer."""

    width: int = 16
    """Units."""

    def build(self, env: Any, **told: Any):
        return ab.MLP(width=self.width, depth=1).build(env, **told)


@dataclasses.dataclass(frozen=True)
class FirstCoin(ab.BackwardPolicy):
    """The first coin is taken up first, most of the time."""

    name: ClassVar[str] = "first"
    learned: ClassVar[bool] = False

    def log_probs(self, env, state, heads):
        mask = env.undoable(state)
        ranks = jnp.where(mask, -jnp.arange(mask.size, dtype=jnp.float32), -jnp.inf)
        return jnp.where(mask.any(), jax.nn.log_softmax(ranks), 0.0)


@dataclasses.dataclass(frozen=True)
class Heads(ab.Metric):
    """The mean log R of what is drawn."""

    name: ClassVar[str] = "heads"

    def measure(self, sample):
        log_reward = sample.listed.log_reward
        return sample.compared(lambda numbers: float(log_reward[numbers].mean()))
