"""Path consistency: the balance of all pieces of one length."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory, pieces
from anabranch.objectives.subtrajectory_balance import node_potentials
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathConsistency(BalanceObjective):
    """Path consistency: the balance of all pieces of `span` moves, and of those that end sooner, in nats.

    The residual is c_i - c_j of sub-trajectory balance for pieces of one length, and shorter ones that end at STOP.
    A span of 1 is detailed balance; one beyond `max_steps` compares each state of a trajectory with its end.

    Papers: Nachum et al. 2017, arXiv:1702.08892 (path consistency learning); Deleu et al. 2024, arXiv:2402.10309 (on
    flow networks).

    Example:
        run = anabranch.train("faces", objective=anabranch.PathConsistency(span=2))
    """

    name: ClassVar[str] = "pcl"
    has_state_flow: ClassVar[bool] = True
    sides: ClassVar[tuple[str, str]] = ("F(s) prod P_F", "F(t) prod P_B")
    span: int = 4
    """Moves of a piece."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.span < 1:
            raise ConfigError(f"span counts moves and must be positive; given {self.span}.")

    def residual(self, scores: Scores) -> tuple[Float[Array, "rows B"], Float[Array, "rows B"]]:
        potential = node_potentials(scores)
        early = jnp.arange(scores.mask.shape[0])[:, None]
        late = jnp.minimum(early + self.span, scores.length)
        residual = potential[:-1] - jnp.take_along_axis(potential, late, axis=0)
        return jnp.where(scores.mask, residual, 0.0), scores.mask.astype(residual.dtype)

    def equations(self, scores: Scores) -> list[Equation]:
        """The balance of each piece of `span` moves, and of those that end sooner at the sink."""
        one = one_trajectory(scores)
        length = one.length
        return pieces(one, ((row, min(row + self.span, length)) for row in range(length)))
