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
    """Sub-trajectory balance with log F(s) = log F~(s) - E(s); see ForwardLookingDetailedBalance (arXiv:2302.01687)."""

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
