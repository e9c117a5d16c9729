"""Forward-looking sub-trajectory balance: the same flows beyond the energy, balanced over every piece."""

import dataclasses
from typing import ClassVar

from jaxtyping import Array, Float

from anabranch.objectives.equations import Equation
from anabranch.objectives.forward_looking import with_energy
from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForwardLookingSubTrajectoryBalance(SubTrajectoryBalance):
    """Forward-looking sub-trajectory balance: sub-trajectory balance with log F(s) = log F~(s) - E(s), in nats.

    Every piece of a trajectory is balanced, as in `SubTrajectoryBalance`, whose settings it has; energies of partial
    objects are part of the state flows, as in `ForwardLookingDetailedBalance`. The reward must have a method
    `energy(state)`.

    Papers: Pan et al. 2023, arXiv:2302.01687; Madan et al. 2023, arXiv:2209.12782.
    """

    name: ClassVar[str] = "fl-subtb"
    needs: ClassVar[frozenset[str]] = frozenset({"energy"})
    strict: bool = False
    """The published form, with F~ = 1 at every object."""

    def potentials(self, scores: Scores) -> Float[Array, "nodes B"]:
        """c of the nodes with the energies in the state flows."""
        return super().potentials(with_energy(scores, strict=self.strict))

    def equations(self, scores: Scores) -> list[Equation]:
        """The balance of every piece, with the energies in the state flows."""
        return super().equations(with_energy(scores, strict=self.strict))
