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
    """-(zeta - baseline) sum log P_F with zeta = log R(x) + sum log P_B - sum log P_F, and - sum log P_B.

    REINFORCE on the reverse KL of trajectories; the baseline is the mean zeta of the others (arXiv:2210.00580).
    """

    name: ClassVar[str] = "soft-pg"
    on_policy: ClassVar[bool] = True
    has_log_z: ClassVar[bool] = False

    def loss(self, scores: Scores) -> Float[Array, ""]:
        """Its gradient is an unbiased estimate of that of the KL."""
        zeta = jax.lax.stop_gradient(scores.zeta)
        others = (zeta.sum() - zeta) / max(zeta.shape[0] - 1, 1)
        return -jnp.mean((zeta - others) * scores.log_pf.sum(0)) - jnp.mean(scores.log_pb.sum(0))
