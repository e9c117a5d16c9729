"""Balance of trajectories against each other: log Z is estimated from the batch, not learned."""

import dataclasses
from typing import ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import BalanceObjective
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class VarGrad(BalanceObjective):
    """mean(zeta) - zeta with zeta = log R(x) + sum log P_B - sum log P_F, one residual a trajectory.

    The variance of log Z's own estimates (Zhang et al. 2023, arXiv:2302.05446). `contrast` compares each trajectory
    with its neighbour in the batch instead of the mean (contrastive balance, arXiv:2406.03288).
    Wants batches of 16 and more.
    """

    name: ClassVar[str] = "vargrad"
    has_log_z: ClassVar[bool] = False
    contrast: Literal["mean", "neighbour"] = "mean"

    def residual(self, scores: Scores) -> tuple[Float[Array, "1 B"], Float[Array, "1 B"]]:
        zeta = scores.zeta
        other = zeta.mean() if self.contrast == "mean" else jnp.roll(zeta, 1)
        residual = (other - zeta)[None, :]
        return residual, jnp.ones_like(residual)
