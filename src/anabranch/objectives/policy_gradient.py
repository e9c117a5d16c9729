"""Plain reward maximisation, for contrast: it ends among the best objects only."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import Objective
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class PolicyGradient(Objective):
    """Plain policy gradient, for contrast: REINFORCE on the expected reward E[R], without entropy and without P_B.

    The loss is -(R(x) - baseline) sum log P_F with the mean reward of the other trajectories as the baseline. It does
    not sample in proportion to R: it ends among the best objects only. Rewards enter as R relative to the level, not as
    log R. It is right for trajectories of the present policy alone: no exploration, no replay.

    Paper: Williams 1992, doi:10.1007/BF00992696.

    Example:
        run = anabranch.train("faces", objective=anabranch.PolicyGradient())
    """

    name: ClassVar[str] = "pg"
    has_backward: ClassVar[bool] = False
    on_policy: ClassVar[bool] = True
    has_log_z: ClassVar[bool] = False

    def loss(self, scores: Scores) -> Float[Array, ""]:
        """Its gradient is an unbiased estimate of minus the gradient of E[R]."""
        reward = jnp.exp(scores.log_reward)
        others = (reward.sum() - reward) / max(reward.shape[0] - 1, 1)
        return -jnp.mean(jax.lax.stop_gradient(reward - others) * scores.log_pf.sum(0))
