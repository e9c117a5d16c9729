"""Objectives, one a file: functions from `Scores` to a loss. `anabranch.objectives.tb` is the class called tb."""

from typing import TYPE_CHECKING, Any

from anabranch.ground.tables import Table

if TYPE_CHECKING:
    from anabranch.objectives.base import Objective

OBJECTIVES: "Table[type[Objective]]" = Table(
    {
        "fm": "anabranch.objectives.flow_matching:FlowMatching",
        "db": "anabranch.objectives.detailed_balance:DetailedBalance",
        "tb": "anabranch.objectives.trajectory_balance:TrajectoryBalance",
        "subtb": "anabranch.objectives.subtrajectory_balance:SubTrajectoryBalance",
        "mdb": "anabranch.objectives.modified_detailed_balance:ModifiedDetailedBalance",
        "fl-db": "anabranch.objectives.forward_looking:ForwardLookingDetailedBalance",
        "fl-subtb": "anabranch.objectives.forward_looking_subtb:ForwardLookingSubTrajectoryBalance",
        "pcl": "anabranch.objectives.path_consistency:PathConsistency",
        "vargrad": "anabranch.objectives.vargrad:VarGrad",
        "rtb": "anabranch.objectives.relative_trajectory_balance:RelativeTrajectoryBalance",
        "soft-dqn": "anabranch.objectives.soft_dqn:SoftDQN",
        "ml": "anabranch.objectives.maximum_likelihood:MaximumLikelihood",
        "soft-pg": "anabranch.objectives.soft_policy_gradient:SoftPolicyGradient",
        "pathwise-kl": "anabranch.objectives.pathwise_divergence:PathwiseDivergence",
        "pg": "anabranch.objectives.policy_gradient:PolicyGradient",
    },
    group="anabranch.objectives",
    base="anabranch.objectives.base:Objective",
)


def __getattr__(name: str) -> Any:
    if name.replace("_", "-") not in OBJECTIVES:
        raise AttributeError(f"anabranch.objectives has no {name!r}; it has {', '.join(__dir__())}")
    return OBJECTIVES[name.replace("_", "-")]


def __dir__() -> list[str]:
    return [name.replace("-", "_") for name in OBJECTIVES]
