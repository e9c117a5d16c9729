"""Soft Q-learning on the flow network: one-sided detailed balance against a lagged network."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory, pieces
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoftDQN(BalanceObjective):
    """Soft DQN: Q(s, a) - log P_B(s | t) - V(t), one residual an edge, in nats; Q(x, stop) - log R(x) on the STOP edge.

    Q = log F + log P_F (dueling), and V(t) = log F(t) is read from a lagged copy of the network. Only Q is
    differentiated, so that a learned P_B is not trained by it. The lagged copy makes up the share `target_rate` of its
    distance in each step: values travel back from the objects by one move in about 1 / target_rate steps.

    Papers: Tiapkin et al. 2023, arXiv:2310.12934; Deleu et al. 2024, arXiv:2402.10309.

    Example:
        run = anabranch.train("faces", objective=anabranch.SoftDQN(target_rate=0.2))
    """

    name: ClassVar[str] = "soft-dqn"
    has_state_flow: ClassVar[bool] = True
    sides: ClassVar[tuple[str, str]] = ("exp Q(s, t)", "exp V(t) P_B(s | t)")
    trains_backward: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset({"lagged_log_flow"})
    target_rate: float = 0.1
    """Share of its distance that the lagged network makes up in a step."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.target_rate <= 1.0:
            raise ConfigError(f"target_rate lies above 0, at most at 1; given {self.target_rate}.")

    @property
    def lag_rate(self) -> float:
        return self.target_rate

    def residual(self, scores: Scores) -> tuple[Float[Array, "rows B"], Float[Array, "rows B"]]:
        assert scores.lagged_log_flow is not None
        value = jnp.concatenate([scores.lagged_log_flow[1:], scores.lagged_log_flow[:1]])
        target = jnp.where(scores.moves, value + scores.log_pb, scores.log_reward)
        residual = scores.log_flow + scores.log_pf - jax.lax.stop_gradient(target)
        return jnp.where(scores.mask, residual, 0.0), scores.mask.astype(residual.dtype)

    def equations(self, scores: Scores) -> list[Equation]:
        """Q of each edge beside what the lagged copy says of its end; R(x) at STOP."""
        one = one_trajectory(scores)
        edges = ((row, row + 1) for row in range(one.length))
        return pieces(one, edges, flow_ahead=one.lagged_log_flow)
