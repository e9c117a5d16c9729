"""The adaptive teacher: a second sampler that draws where the loss of the first one, its student, is high."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teacher:
    """Adaptive teacher: a share of each batch comes from a second sampler that seeks where the policy is wrong.

    The teacher is a network like that of the policy (its student), with a log Z and an optimiser of its own. In each
    step it learns, by trajectory balance with a uniform P_B, from the same batch as the student, with the reward

        log R_T(x) = log(epsilon + (1 + undersampled [delta > 0]) delta^2) + alpha log R(x)

    where delta = log R(x) + log P_B - log Z - log P_F is by how much the student draws the trajectory too seldom, in
    nats, and R is the reward at the exponent of the step, relative to the level. Without a learned log Z (vargrad, mdb)
    the mean over the batch stands for it; flow matching and rtb take the residual of the whole trajectory in their own
    balance. The rest of the batch is drawn by the student, replayed, or searched. The teacher is no part of the result:
    it stays in checkpoints, and a policy that is loaded is the student.

    Unlike in the paper, delta is of the one trajectory in the batch, before the student's step, and the teacher draws
    its share of every batch instead of whole batches in turn.

    Paper: Kim et al. 2024, arXiv:2410.01432.

    Raises:
        ConfigError: for a setting out of range.

    Example:
        run = anabranch.train("faces", objective="tb", teacher=anabranch.Teacher(share=0.5, alpha=0.5))
    """

    share: float = 0.5
    """Of each batch that the teacher draws."""
    alpha: float = 0.5
    """Exponent of R in the reward of the teacher."""
    undersampled: float = 19.0
    """Extra weight of trajectories that the student draws too seldom."""
    epsilon: float = 0.01
    """Added to the squared residual, in squared nats, so that the teacher has no reward of 0."""

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 <= self.share < 1.0:
            raise ConfigError(f"The teacher's share of a batch lies from 0 to below 1; given {self.share}.")
        if not 0.0 <= self.alpha < float("inf"):
            raise ConfigError(f"alpha of a teacher must be 0 or positive, and finite; given {self.alpha}.")
        if not 0.0 <= self.undersampled < float("inf"):
            raise ConfigError(f"undersampled must be 0 or positive, and finite; given {self.undersampled}.")
        if not 0.0 < self.epsilon < float("inf"):
            raise ConfigError(f"epsilon of a teacher must be positive and finite; given {self.epsilon}.")

    def log_reward(self, delta: Float[Array, " B"], log_reward: Float[Array, " B"]) -> Float[Array, " B"]:
        """The log-reward of the teacher, from how much too seldom the student draws, and log R, all in nats."""
        weight = jnp.where(delta > 0.0, 1.0 + self.undersampled, 1.0)
        return jnp.log(self.epsilon + weight * delta**2) + self.alpha * log_reward
