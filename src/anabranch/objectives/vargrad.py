"""Balance of trajectories against each other: log Z is estimated from the batch, not learned."""

import dataclasses
from typing import ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class VarGrad(BalanceObjective):
    """VarGrad: mean(zeta) - zeta with zeta = log R(x) + sum log P_B - sum log P_F, one residual a trajectory, in nats.

    Each trajectory has its own estimate of log Z, zeta, and at a flow all of them agree: the loss is their variance in
    the batch. log Z itself is not learned. Batches should hold 16 trajectories or more. `contrast="neighbour"` compares
    each trajectory with the next one in the batch instead of the mean (contrastive balance).

    Papers: Zhang et al. 2023, arXiv:2302.05446; da Silva et al. 2024, arXiv:2406.03288 (contrastive balance).

    Example:
        run = anabranch.train("faces", objective=anabranch.VarGrad(), batch=32)
    """

    name: ClassVar[str] = "vargrad"
    has_log_z: ClassVar[bool] = False
    compares_trajectories: ClassVar[bool] = True
    sides: ClassVar[tuple[str, str]] = ("Z of the others", "R prod P_B / prod P_F")
    contrast: Literal["mean", "neighbour"] = "mean"
    """Compare with the neighbour in the batch, not with the mean."""

    def residual(self, scores: Scores) -> tuple[Float[Array, "1 B"], Float[Array, "1 B"]]:
        zeta = scores.zeta
        other = zeta.mean() if self.contrast == "mean" else jnp.roll(zeta, 1)
        residual = (other - zeta)[None, :]
        return residual, jnp.ones_like(residual)

    def equations(self, scores: Scores) -> list[Equation]:
        """Each trajectory's own estimate of Z, and what it is compared with."""
        zeta = np.asarray(scores.zeta, np.float64)
        other = np.full_like(zeta, zeta.mean()) if self.contrast == "mean" else np.roll(zeta, 1)
        return [Equation.of(f"trajectory {row}", *pair) for row, pair in enumerate(zip(other, zeta, strict=True))]
