"""Maximum likelihood: imitate the objects of a data set."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.objectives.base import Objective
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaximumLikelihood(Objective):
    """-sum log P_F of trajectories that P_B draws backward from the objects of a data set.

    Less the entropy of P_B a bound on -log p(x), tight where P_B is the posterior of P_F's trajectories. The reward
    plays no part.
    """

    name: ClassVar[str] = "ml"
    needs_data: ClassVar[bool] = True
    trains_backward: ClassVar[bool] = False
    has_log_z: ClassVar[bool] = False

    def log_target(
        self, log_reward: Float[np.ndarray, " X"], log_chance: Float[np.ndarray, " X"]
    ) -> Float[np.ndarray, " X"]:
        """The law of the data."""
        del log_reward
        return log_chance

    def loss(self, scores: Scores) -> Float[Array, ""]:
        """Mean negative log-likelihood of a trajectory."""
        return -jnp.mean(scores.log_pf.sum(0))
