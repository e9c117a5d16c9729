"""The objectives of the library, by name."""

from anabranch.ground.errors import named
from anabranch.objectives.base import BalanceObjective, Objective
from anabranch.objectives.detailed_balance import DetailedBalance
from anabranch.objectives.flow_matching import FlowMatching
from anabranch.objectives.forward_looking import ForwardLookingDetailedBalance
from anabranch.objectives.forward_looking_subtb import ForwardLookingSubTrajectoryBalance
from anabranch.objectives.maximum_likelihood import MaximumLikelihood
from anabranch.objectives.modified_detailed_balance import ModifiedDetailedBalance
from anabranch.objectives.path_consistency import PathConsistency
from anabranch.objectives.penalties import PENALTIES
from anabranch.objectives.policy_gradient import PolicyGradient
from anabranch.objectives.relative_trajectory_balance import RelativeTrajectoryBalance
from anabranch.objectives.soft_dqn import SoftDQN
from anabranch.objectives.soft_policy_gradient import SoftPolicyGradient
from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.objectives.vargrad import VarGrad

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        FlowMatching,
        DetailedBalance,
        TrajectoryBalance,
        SubTrajectoryBalance,
        ModifiedDetailedBalance,
        ForwardLookingDetailedBalance,
        ForwardLookingSubTrajectoryBalance,
        PathConsistency,
        VarGrad,
        RelativeTrajectoryBalance,
        SoftDQN,
        MaximumLikelihood,
        SoftPolicyGradient,
        PolicyGradient,
    )
}

__all__ = [
    "OBJECTIVES",
    "PENALTIES",
    "BalanceObjective",
    "DetailedBalance",
    "FlowMatching",
    "ForwardLookingDetailedBalance",
    "ForwardLookingSubTrajectoryBalance",
    "MaximumLikelihood",
    "ModifiedDetailedBalance",
    "Objective",
    "PathConsistency",
    "PolicyGradient",
    "RelativeTrajectoryBalance",
    "SoftDQN",
    "SoftPolicyGradient",
    "SubTrajectoryBalance",
    "TrajectoryBalance",
    "VarGrad",
    "objective_named",
]


def objective_named(choice: str | Objective) -> Objective:
    """The objective of that name with its defaults, or the one given. Raises ConfigError for an unknown name."""
    if isinstance(choice, Objective):
        return choice
    return named(choice, OBJECTIVES, "objective")()
