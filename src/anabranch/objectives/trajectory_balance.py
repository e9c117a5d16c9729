"""Trajectory balance: log Z + log P_F(tau) = log R(x) + log P_B(tau | x)."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory, pieces
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrajectoryBalance(BalanceObjective):
    """log Z + sum log P_F - log R(x) - sum log P_B, one residual a trajectory.

    Malkin et al. 2022, arXiv:2201.13259.
    """

    name: ClassVar[str] = "tb"
    sides: ClassVar[tuple[str, str]] = ("Z prod P_F", "R prod P_B")

    def residual(self, scores: Scores) -> tuple[Float[Array, "1 B"], Float[Array, "1 B"]]:
        residual = (scores.log_z - scores.zeta)[None, :]
        return residual, jnp.ones_like(residual)

    def equations(self, scores: Scores) -> list[Equation]:
        """Both products of the whole trajectory."""
        one = one_trajectory(scores)
        return pieces(one, [(0, one.length)])
