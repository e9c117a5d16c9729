"""Forward-looking detailed balance: the network learns the flow beyond the energy that a state shows already."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from anabranch.objectives.detailed_balance import DetailedBalance
from anabranch.objectives.equations import Equation
from anabranch.trajectories import Scores


def with_energy(scores: Scores, *, strict: bool) -> Scores:
    """The same scores with log F(s) = log F~(s) - E(s), where the network's head is log F~; row 0 stays log_z.

    `strict` puts F~ = 1 at the object, so that log F(x) = log R(x), as the paper does.
    """
    assert scores.energy is not None
    beyond = jnp.where(_last(scores), 0.0, scores.log_flow) if strict else scores.log_flow
    flow = jnp.where(scores.mask, beyond - scores.energy, 0.0)
    return dataclasses.replace(scores, log_flow=flow.at[0].set(scores.log_flow[0]))


def _last(scores: Scores) -> Bool[Array, "rows B"]:
    return scores.mask & ~scores.moves


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForwardLookingDetailedBalance(DetailedBalance):
    """Forward-looking detailed balance: detailed balance with log F(s) = log F~(s) - E(s), in nats.

    E(s) is the energy that a partial object shows already, and the network learns the rest, log F~. The reward must
    have a method `energy(state)`, with E(x) = -log R(x) at objects. On the STOP edge log F~(x) + log P_F(stop | x) = 0,
    so that a reward arrives along the trajectory instead of at its end.

    `strict` is the published form, F~ = 1 at every object: right where STOP is forced, without a solution where objects
    have children.

    Paper: Pan et al. 2023, arXiv:2302.01687.
    """

    name: ClassVar[str] = "fl-db"
    needs: ClassVar[frozenset[str]] = frozenset({"energy"})
    strict: bool = False
    """The published form, with F~ = 1 at every object."""

    def residual(self, scores: Scores) -> tuple[Float[Array, "rows B"], Float[Array, "rows B"]]:
        return super().residual(with_energy(scores, strict=self.strict))

    def equations(self, scores: Scores) -> list[Equation]:
        """The balance of each edge, with the energies in the state flows."""
        return super().equations(with_energy(scores, strict=self.strict))
