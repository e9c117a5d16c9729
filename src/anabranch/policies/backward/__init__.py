"""Backward policies: P_B(s | t), the distribution over the edges into a state; one policy or family a file."""

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
    },
    group="anabranch.backward_policies",
    base="anabranch.policies.backward.base:BackwardPolicy",
)
