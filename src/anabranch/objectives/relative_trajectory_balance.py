"""Relative trajectory balance: sample the posterior, the law of a prior sampler times a likelihood."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory, span_name
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativeTrajectoryBalance(BalanceObjective):
    """Relative trajectory balance: log Z + sum log P_F - sum log P_F of the prior - beta log R(x), in nats.

    There is one residual a trajectory. The optimum samples p(x) in proportion to prior(x) R(x)^beta, a posterior with
    the prior sampler's law and the likelihood R^beta. The prior is a trained policy of the same space, given to
    `train(prior=...)`, and stays as it is. There is no P_B: both samplers walk the same trajectory forward.

    Paper: Venkatraman et al. 2024, arXiv:2405.20971.

    Example:
        tilted = anabranch.train("faces", objective=anabranch.RelativeTrajectoryBalance(), prior=run.policy)
    """

    name: ClassVar[str] = "rtb"
    sides: ClassVar[tuple[str, str]] = ("Z prod P_F", "R^beta prod P_F of the prior")
    has_backward: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset({"log_prior"})
    beta: float = 1.0
    """Exponent of R beside the prior."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not abs(self.beta) < float("inf"):
            raise ConfigError(f"beta must be finite; given {self.beta}.")

    @property
    def reward_power(self) -> float:
        return self.beta

    def log_target(
        self, log_reward: Float[np.ndarray, " X"], log_chance: Float[np.ndarray, " X"]
    ) -> Float[np.ndarray, " X"]:
        """log(prior R^beta), with R^0 = 1. Raises ConfigError where beta < 0 and a reward is 0."""
        if self.beta < 0.0 and np.isneginf(log_reward).any():
            raise ConfigError(f"R^beta is infinite where R = 0; given beta={self.beta}: take a positive beta.")
        return log_chance + (self.beta * log_reward if self.beta else 0.0)

    def residual(self, scores: Scores) -> tuple[Float[Array, "1 B"], Float[Array, "1 B"]]:
        assert scores.log_prior is not None
        ahead = scores.log_pf.sum(0) - scores.log_prior.sum(0)
        residual = (scores.log_z + ahead - self.beta * scores.log_reward)[None, :]
        return residual, jnp.ones_like(residual)

    def trajectory_residual(self, scores: Scores) -> Float[Array, " B"]:
        return self.residual(scores)[0][0]

    def equations(self, scores: Scores) -> list[Equation]:
        """Both products of the whole trajectory."""
        one = one_trajectory(scores)
        assert one.log_prior is not None
        length = one.length
        ahead = self.beta * one.log_reward + one.log_prior.sum()
        return [Equation.of(span_name(0, length, length), one.log_z + one.log_pf.sum(), ahead)]
