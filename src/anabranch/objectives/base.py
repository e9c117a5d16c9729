"""What an objective is: a loss over Scores; and a balance condition: residuals with weights."""

import abc
import dataclasses
from typing import ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.errors import ConfigError, did_you_mean
from anabranch.trajectories import Scores

PENALTIES = {
    "squared": lambda r: r**2,
    "huber": lambda r: jnp.where(jnp.abs(r) <= 1.0, r**2, 2.0 * jnp.abs(r) - 1.0),
}
"""Penalties of a residual, by name: functions of (Z, F, P_F side) - (R, P_B side), 0 at 0."""

PenaltyName = Literal["squared", "huber"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective(abc.ABC):
    """Abstract: a loss over a batch of scored trajectories. Owns no state."""

    name: ClassVar[str]
    has_backward: ClassVar[bool] = True
    """Whether a backward policy enters."""
    on_policy: ClassVar[bool] = False
    """Valid only for trajectories of the present policy, unperturbed."""
    outflow: ClassVar[bool] = False
    """The forward head holds log edge flows, and F(s) is their sum."""
    needs_inflow: ClassVar[bool] = False
    """Needs `Scores.log_inflow`."""
    has_log_z: ClassVar[bool] = True
    """Whether log_z is learned."""

    @abc.abstractmethod
    def loss(self, scores: Scores) -> Float[Array, ""]:
        """The loss of one batch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BalanceObjective(Objective):
    """Abstract: residuals that are zero at a flow, under an exchangeable penalty."""

    penalty: PenaltyName = "squared"

    def __post_init__(self) -> None:
        if self.penalty not in PENALTIES:
            raise ConfigError(f"There is no penalty {self.penalty!r}{did_you_mean(self.penalty, PENALTIES)}")

    @abc.abstractmethod
    def residual(self, scores: Scores) -> tuple[Float[Array, "K B"], Float[Array, "K B"]]:
        """Residuals (Z, F, P_F side) - (R, P_B side), and their weights (0 on padding)."""

    def loss(self, scores: Scores) -> Float[Array, ""]:
        """Weighted mean of the penalised residuals."""
        residual, weight = self.residual(scores)
        return jnp.sum(weight * PENALTIES[self.penalty](residual)) / jnp.sum(weight)
