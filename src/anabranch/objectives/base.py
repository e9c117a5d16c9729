"""What an objective is: a loss over the scores of a batch of trajectories.

Most objectives are balance conditions. In a flow two products agree: forward, the flow of a state times P_F of the
actions from there; backward, the reward or the flow of a later state times P_B of the same edges. The logarithm of
their quotient is the residual, in nats. It is 0 on every trajectory if and only if the policy samples objects in
proportion to their reward. The conditions differ in the piece that they compare: one edge (detailed balance), a whole
trajectory (trajectory balance), or every piece of it (sub-trajectory balance).

A `BalanceObjective` states its residuals and their weights; a penalty turns them into the loss, by default the square.
Every residual is (Z, F, P_F side) - (R, P_B side): it is positive where the sampler draws too often, so that a penalty
with two different sides means the same in each objective.
"""

import abc
import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.objectives.equations import Equation
from anabranch.objectives.penalties import PENALTIES, Penalty, PenaltyName, alpha_family
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective(abc.ABC):
    """Abstract: a loss over a batch of scored trajectories. Owns no state.

    A subclass is a frozen dataclass with a class attribute `name` and a method `loss(scores)`. The other class
    attributes say what the loss asks for: whether it has a P_B, whether it is valid for trajectories of the present
    policy alone, and which optional fields of `Scores` it reads (`needs`). A training fills those, and refuses with a
    sentence what does not go together.

    For a loss that is made of residuals inherit `BalanceObjective`.
    """

    name: ClassVar[str]
    has_backward: ClassVar[bool] = True
    """Whether a backward policy enters."""
    trains_backward: ClassVar[bool] = True
    """Whether its gradient shapes a learned P_B."""
    on_policy: ClassVar[bool] = False
    """Valid only for trajectories of the present policy, unperturbed."""
    outflow: ClassVar[bool] = False
    """The forward head holds log edge flows, and F(s) is their sum."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """The optional fields of `Scores` that it reads: log_inflow; log_reward_at, for which every state must be an
    object; energy, for which the reward has a method `energy(state)`; log_prior; lagged_log_flow."""
    needs_data: ClassVar[bool] = False
    """Trains on objects of a data set alone."""
    has_log_z: ClassVar[bool] = True
    """Whether log_z is learned."""
    has_state_flow: ClassVar[bool] = False
    """Whether the head log F(s) is learned; with an energy what it holds is the flow beyond the energy."""
    pathwise: ClassVar[bool] = False
    """Its gradient flows through the draws themselves, in continuous spaces with normal steps."""
    compares_trajectories: ClassVar[bool] = False
    """Whether its residuals compare the trajectories of a batch with each other."""

    @property
    def reward_power(self) -> float:
        """Both sides of its balance grow with this power of a factor of R."""
        return 1.0

    def __post_init__(self) -> None:
        require_types(self)

    @property
    def lag_rate(self) -> float:
        """The share of its distance that a lagged copy of the policy makes up in a step; 0 where none is needed."""
        return 0.0

    @abc.abstractmethod
    def loss(self, scores: Scores) -> Float[Array, ""]:
        """The loss of one batch."""

    def trajectory_residual(self, scores: Scores) -> Float[Array, " B"]:
        """By how many nats the policy draws each trajectory too often, in the balance of whole trajectories.

        It is log Z + log P_F - log R - log P_B; where no log Z is learned, the mean over the batch stands for it.
        """
        return (scores.log_z if self.has_log_z else scores.zeta.mean()) - scores.zeta

    def log_target(
        self, log_reward: Float[np.ndarray, " X"], log_chance: Float[np.ndarray, " X"]
    ) -> Float[np.ndarray, " X"]:
        """The log weight of each object at the optimum, where the prior or the data draw it with exp(log_chance)."""
        del log_chance
        return log_reward


@dataclasses.dataclass(frozen=True, kw_only=True)
class BalanceObjective(Objective):
    """Abstract: an objective whose loss is a weighted mean of penalised residuals, in nats, which are 0 at a flow.

    A subclass writes `residual(scores)`: arrays [K, B] of residuals (Z, F, P_F side) - (R, P_B side) and of weights, 0
    on padding. The penalty of a residual is a setting of every balance objective: "squared", "huber", "linex",
    "reverse-linex", "cosh", or "alpha" with the member `alpha` of the family.

    Example:
        @dataclasses.dataclass(frozen=True, kw_only=True)
        class WholeTrajectory(anabranch.BalanceObjective):
            name = "whole"

            def residual(self, scores):
                residual = (scores.log_z - scores.zeta)[None, :]
                return residual, jnp.ones_like(residual)
    """

    penalty: PenaltyName = "squared"
    """What a residual costs."""
    alpha: float = 0.0
    """Member of the alpha family, for penalty=alpha alone."""
    sides: ClassVar[tuple[str, str]] = ("left", "right")
    """Both sides of `equations` as formulas."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not abs(self.alpha) < float("inf"):
            raise ConfigError(f"alpha must be finite; given {self.alpha}.")

    @property
    def penalise(self) -> Penalty:
        """The penalty as a function of the residual."""
        return alpha_family(self.alpha) if self.penalty == "alpha" else PENALTIES[self.penalty]

    @abc.abstractmethod
    def residual(self, scores: Scores) -> tuple[Float[Array, "K B"], Float[Array, "K B"]]:
        """Residuals (Z, F, P_F side) - (R, P_B side), and their weights (0 on padding)."""

    def equations(self, scores: Scores) -> list[Equation]:
        """What the first trajectory of a batch must fulfil; by default the residuals that have a weight."""
        residual, weight = (np.asarray(part, np.float64)[:, 0] for part in self.residual(scores))
        return [Equation(name=str(row), residual=float(residual[row])) for row in np.nonzero(weight)[0]]

    def loss(self, scores: Scores) -> Float[Array, ""]:
        """Weighted mean of the penalised residuals; 0 where nothing has a weight."""
        residual, weight = self.residual(scores)
        return jnp.sum(weight * self.penalise(residual)) / jnp.maximum(jnp.sum(weight), jnp.finfo(weight.dtype).tiny)
