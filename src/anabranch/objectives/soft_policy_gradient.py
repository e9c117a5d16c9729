"""Policy gradient with the entropy term: it ascends -KL(P_F || P_B-law), and so ends at the flow."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.objectives.base import Objective
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoftPolicyGradient(Objective):
    """Soft policy gradient: REINFORCE on the KL divergence from P_F's trajectories to those of R and P_B, in nats.

    The loss is -(zeta - baseline) sum log P_F - sum log P_B with zeta = log R(x) + sum log P_B - sum log P_F; the
    baseline is the mean zeta of the other trajectories of the batch. The entropy of P_F is part of zeta, so that the
    optimum is the flow, R / Z. It is right for trajectories of the present policy alone: no exploration, no replay.

    Paper: Malkin et al. 2022, arXiv:2210.00580.

    Example:
        run = anabranch.train("faces", objective=anabranch.SoftPolicyGradient())
    """

    name: ClassVar[str] = "soft-pg"
    on_policy: ClassVar[bool] = True
    has_log_z: ClassVar[bool] = False

    def loss(self, scores: Scores) -> Float[Array, ""]:
        """Its gradient is an unbiased estimate of that of the KL."""
        zeta = jax.lax.stop_gradient(scores.zeta)
        others = (zeta.sum() - zeta) / max(zeta.shape[0] - 1, 1)
        return -jnp.mean((zeta - others) * scores.log_pf.sum(0)) - jnp.mean(scores.log_pb.sum(0))
