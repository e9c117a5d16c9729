"""Detailed balance: F(s) P_F(t | s) = F(t) P_B(s | t) on every edge."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory, pieces
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetailedBalance(BalanceObjective):
    """Detailed balance: log F(s) + log P_F(t | s) - log F(t) - log P_B(s | t), one residual an edge, in nats.

    On the STOP edge log R(x) stands in the place of log F(t), and F of the initial state is Z. The policy learns the
    flow of each state in a head of its own. The residual compares the two ends of one edge: its gradient varies little
    between batches, but a reward travels back by one edge at a time.

    Paper: Bengio et al. 2021, arXiv:2111.09266.

    Example:
        run = anabranch.train("faces", objective=anabranch.DetailedBalance())
    """

    name: ClassVar[str] = "db"
    has_state_flow: ClassVar[bool] = True
    sides: ClassVar[tuple[str, str]] = ("F(s) P_F(t | s)", "F(t) P_B(s | t)")

    def residual(self, scores: Scores) -> tuple[Float[Array, "rows B"], Float[Array, "rows B"]]:
        next_flow = jnp.concatenate([scores.log_flow[1:], scores.log_flow[:1]])
        ahead = jnp.where(scores.moves, next_flow, scores.log_reward)
        residual = scores.log_flow + scores.log_pf - ahead - scores.log_pb
        return jnp.where(scores.mask, residual, 0.0), scores.mask.astype(residual.dtype)

    def equations(self, scores: Scores) -> list[Equation]:
        """The balance of each edge, STOP included."""
        one = one_trajectory(scores)
        return pieces(one, ((row, row + 1) for row in range(one.length)))
