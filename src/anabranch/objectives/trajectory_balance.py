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
    """Trajectory balance: log Z + sum log P_F - log R(x) - sum log P_B, one residual a trajectory, in nats.

    The residual compares a whole trajectory with the reward of its object, so that the reward reaches every action in
    one step. log Z is learned as a number of its own, with the learning rate `log_z_rate`; no state flows are learned.
    On long trajectories its gradient varies more between batches than those of detailed and sub-trajectory balance.

    Paper: Malkin et al. 2022, arXiv:2201.13259.

    Example:
        run = anabranch.train("faces", objective=anabranch.TrajectoryBalance(penalty="huber"))
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
