"""Backward policies: which action came last, P_B(s | t). One a file, or a family of one kind."""

from typing import TYPE_CHECKING

from anabranch.ground.tables import Table

if TYPE_CHECKING:
    from anabranch.policies.backward.base import BackwardPolicy

BACKWARDS: "Table[type[BackwardPolicy]]" = Table(
    {
        "uniform": "anabranch.policies.backward.uniform:UniformBackward",
        "maxent": "anabranch.policies.backward.maxent:MaximumEntropyBackward",
        "learned": "anabranch.policies.backward.learned:LearnedBackward",
        "tlm": "anabranch.policies.backward.learned:TrajectoryLikelihoodBackward",
        "pessimistic": "anabranch.policies.backward.learned:PessimisticBackward",
    }
)
