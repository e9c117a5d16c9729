"""Modified detailed balance: where every state is an object, F(s) = R(s) / P_F(stop | s) needs no head."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory, span_name
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModifiedDetailedBalance(BalanceObjective):
    """Modified detailed balance, for spaces where every state is an object: one residual a move, in nats.

    log R(s) + log P_F(t | s) + log P_F(stop | t) - log R(t) - log P_B(s | t) - log P_F(stop | s). Where every state may
    stop, F(s) = R(s) / P_F(stop | s), so that neither state flows nor log Z are learned: log Z is
    log R(s_0) - log P_F(stop | s_0). Only differences of log R enter. The reward is evaluated at every state.

    Paper: Deleu et al. 2022, arXiv:2202.13903.

    Example:
        run = anabranch.train("hypergrid", objective=anabranch.ModifiedDetailedBalance(), steps=100)
    """

    name: ClassVar[str] = "mdb"
    sides: ClassVar[tuple[str, str]] = ("R(s) P_F(t | s) P_F(stop | t)", "R(t) P_B(s | t) P_F(stop | s)")
    needs: ClassVar[frozenset[str]] = frozenset({"log_reward_at"})
    has_log_z: ClassVar[bool] = False

    def residual(self, scores: Scores) -> tuple[Float[Array, "rows B"], Float[Array, "rows B"]]:
        assert scores.log_reward_at is not None
        weight = scores.moves.astype(scores.log_pf.dtype)
        flow = jnp.where(scores.mask, scores.log_reward_at - scores.log_stop, 0.0)
        ahead = jnp.concatenate([flow[1:], flow[:1]])
        return jnp.where(scores.moves, flow + scores.log_pf - ahead - scores.log_pb, 0.0), weight

    def equations(self, scores: Scores) -> list[Equation]:
        """Both products of each move."""
        one = one_trajectory(scores)
        assert one.log_reward_at is not None
        length, found = one.length, []
        for row in range(length - 1):
            left = one.log_reward_at[row] + one.log_pf[row] + one.log_stop[row + 1]
            right = one.log_reward_at[row + 1] + one.log_pb[row] + one.log_stop[row]
            found.append(Equation.of(span_name(row, row + 1, length), left, right))
        return found
