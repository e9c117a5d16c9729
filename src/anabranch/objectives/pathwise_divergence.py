"""The divergence of path integral control, whose gradient is taken along the drawn path."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import Objective
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathwiseDivergence(Objective):
    """KL(P_F || R P_B / Z) but for log Z, by the pathwise gradient: the mean of -zeta, in nats.

    zeta = log R(x) + sum log P_B - sum log P_F is each trajectory's estimate of log Z, so that the loss is minus the
    ELBO. Its gradient flows through the draws themselves, which are functions of the network and of noise: it needs a
    continuous space with normal steps and a reward that has a gradient. It is on-policy alone, and known to leave out
    modes; it is here for contrast, as the objective of the path integral sampler.

    Paper: Zhang and Chen 2022, arXiv:2111.15141.

    Example:
        run = anabranch.train("gaussians-2", objective="pathwise-kl")
    """

    name: ClassVar[str] = "pathwise-kl"
    on_policy: ClassVar[bool] = True
    has_log_z: ClassVar[bool] = False
    pathwise: ClassVar[bool] = True

    def loss(self, scores: Scores) -> Float[Array, ""]:
        return -jnp.mean(scores.zeta)
