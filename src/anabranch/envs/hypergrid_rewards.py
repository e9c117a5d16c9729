"""Other rewards of the field on the hypergrid: cosine, sparse, deceptive."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.envs.hypergrid import SETTINGS, Hypergrid, log_total
from anabranch.envs.tasks import Task
from anabranch.ground.errors import RewardError
from anabranch.rewards.log_reward import require_nonnegative


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosineReward:
    """R = r0 + r1 prod over coordinates of (cos(50 a) + 1) phi(5 a), a = |x/(side-1) - .5|.

    phi is the density of the standard normal: ripples under a bell around the middle. About eight ripples lie
    across the grid, so that it takes a side of 32 or more to see them. As in torchgfn (arXiv:2305.14594).
    Z = r0 side^dim + r1 (sum of one coordinate's factor over the side)^dim; log Z = 4.798264 for the 2 x 32
    task.
    """

    env: Hypergrid
    r0: float = 0.1
    """R everywhere."""
    r1: float = 0.5
    """Height of the ripples."""

    def __post_init__(self) -> None:
        require_nonnegative(r0=self.r0, r1=self.r1)

    @property
    def factors(self) -> Float[np.ndarray, " side"]:
        """The factor of each value of a coordinate."""
        off = np.abs(np.arange(self.env.side) / (self.env.side - 1) - 0.5)
        return (np.cos(50 * off) + 1) * np.exp(-((5 * off) ** 2) / 2) / math.sqrt(2 * math.pi)

    def __call__(self, state: Int[Array, " dim"]) -> Float[Array, ""]:
        """log R of one state."""
        return jnp.log(self.r0 + self.r1 * jnp.prod(jnp.asarray(self.factors, float)[state]))

    @property
    def log_z(self) -> float:
        """The exact log Z, in float64."""
        one = float(np.log(self.factors.sum()))
        flat = self.env.dim * math.log(self.env.side)
        with np.errstate(divide="ignore"):
            return float(np.logaddexp(np.log(self.r0) + flat, np.log(self.r1) + self.env.dim * one))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SparseReward:
    """R = r0 + r1 where every coordinate is 1 or side - 2, but not every one is 1; r0 elsewhere.

    The sparse grid of generative augmented flow networks (Pan et al. 2022, arXiv:2210.03308), with r0 = 0:
    2^dim - 1 objects share the mass, and all others have reward 0. Z = r0 side^dim + r1 (2^dim - 1); at a side
    of 3, where 1 and side - 2 are one value, r1 is had once, in the middle.
    """

    env: Hypergrid
    r0: float = 0.0
    """R everywhere else."""
    r1: float = 1.0
    """Added at the objects that share the mass."""

    def __post_init__(self) -> None:
        require_nonnegative(r0=self.r0, r1=self.r1)
        if self.r0 + self.r1 == 0:
            raise RewardError("r0 and r1 are both 0: no object has a reward.")

    def __call__(self, state: Int[Array, " dim"]) -> Float[Array, ""]:
        """log R of one state."""
        far = state == self.env.side - 2
        target = jnp.all(far | (state == 1)) & jnp.any(far)
        return jnp.log(self.r0 + self.r1 * target)

    @property
    def log_z(self) -> float:
        """The exact log Z."""
        targets = 1 if self.env.side == 3 else 2**self.env.dim - 1
        return log_total([(self.r0, self.env.side**self.env.dim), (self.r1, targets)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeceptiveReward:
    """R = r0 + r1 (1 - [all .1 < a]) + r2 [all .3 < a < .4], a = |x/(side-1) - .5|.

    Small rewards along the middle of each axis lead away from the corners, between which lie moats of r0 (Kim
    et al. 2024, arXiv:2410.01432; as in the authors' program, from which the paper's formula differs).
    Z = (r0 + r1) side^dim - r1 n^dim + r2 m^dim, where n and m count the values with .1 < a and .3 < a < .4,
    compared as integers; log Z = 8.414641 for the 4 x 16 task.
    """

    env: Hypergrid
    r0: float = 1e-5
    """R everywhere."""
    r1: float = 0.1
    """Added along the axes, away from the modes."""
    r2: float = 2.0
    """Added in the modes."""

    def __post_init__(self) -> None:
        require_nonnegative(r0=self.r0, r1=self.r1, r2=self.r2)

    def __call__(self, state: Int[Array, " dim"]) -> Float[Array, ""]:
        """log R of one state."""
        moat, ring = self._bands(state)
        return jnp.log(self.r0 + self.r1 * ~jnp.all(moat) + self.r2 * jnp.all(ring))

    @property
    def log_z(self) -> float:
        """The exact log Z."""
        moat, ring = (int(band.sum()) ** self.env.dim for band in self._bands(np.arange(self.env.side)))
        every = self.env.side**self.env.dim
        return log_total([(self.r0, every), (self.r1, every - moat), (self.r2, ring)])

    def _bands(self, state: Any) -> tuple[Any, Any]:
        """Which coordinates have .1 < a, and which .3 < a < .4."""
        span = self.env.side - 1
        off = abs(2 * state - span)
        return 5 * off > span, (5 * off > 3 * span) & (5 * off < 4 * span)


def _task(name: str, summary: str, env: Hypergrid, reward: CosineReward | SparseReward | DeceptiveReward) -> Task:
    return Task(env=env, log_reward=reward, name=name, summary=summary, settings=SETTINGS)


RIPPLED, SPARSE, MOATED = Hypergrid(dim=2, side=32), Hypergrid(dim=2, side=16), Hypergrid(dim=4, side=16)

TASKS = {
    "hypergrid-cosine": _task(
        "hypergrid-cosine", "2 x 32 with ripples around the middle", RIPPLED, CosineReward(env=RIPPLED)
    ),
    "hypergrid-sparse": _task(
        "hypergrid-sparse", "2 x 16 with a reward at three points only", SPARSE, SparseReward(env=SPARSE)
    ),
    "hypergrid-deceptive": _task(
        "hypergrid-deceptive", "4 x 16 with small rewards that lead away", MOATED, DeceptiveReward(env=MOATED)
    ),
}
