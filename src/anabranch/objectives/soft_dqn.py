"""Soft Q-learning on the flow network: one-sided detailed balance against a lagged network."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import BalanceObjective
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoftDQN(BalanceObjective):
    """Q(s, a) - log P_B(s|t) - V(t) with Q = log F + log P_F (dueling), and V(t) = log F(t) of a lagged copy.

    On the STOP edge Q(x, stop) - log R(x). Only Q is differentiated (Tiapkin et al. 2023, arXiv:2310.12934;
    Deleu et al. 2024, arXiv:2402.10309).
    """

    name: ClassVar[str] = "soft-dqn"
    trains_backward: ClassVar[bool] = False
    lag_rate: ClassVar[float] = 0.05

    def residual(self, scores: Scores) -> tuple[Float[Array, "rows B"], Float[Array, "rows B"]]:
        assert scores.lagged_log_flow is not None
        value = jnp.concatenate([scores.lagged_log_flow[1:], scores.lagged_log_flow[:1]])
        target = jnp.where(scores.moves, value + scores.log_pb, scores.log_reward)
        residual = scores.log_flow + scores.log_pf - jax.lax.stop_gradient(target)
        return jnp.where(scores.mask, residual, 0.0), scores.mask.astype(residual.dtype)
