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
    """Maximum likelihood: -sum log P_F of trajectories that P_B draws back from the objects of a data set, in nats.

    The optimum samples the law of the data; the reward plays no part in training. The loss less the entropy of P_B is
    an upper bound on -log p(x), which is tight where P_B is the posterior of the trajectories of P_F. Data are given as
    finished objects to `train(data=...)`, and each is seen once in every epoch.

    Example:
        data = anabranch.sample(env, run.policy, 64, seed=2).objects
        run = anabranch.train("faces", objective=anabranch.MaximumLikelihood(), data=data)
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
