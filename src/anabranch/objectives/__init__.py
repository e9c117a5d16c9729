"""The objectives of the library, by name."""

from anabranch.errors import ConfigError, did_you_mean
from anabranch.objectives.base import PENALTIES, BalanceObjective, Objective
from anabranch.objectives.detailed_balance import DetailedBalance
from anabranch.objectives.flow_matching import FlowMatching
from anabranch.objectives.policy_gradient import PolicyGradient
from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
from anabranch.objectives.trajectory_balance import TrajectoryBalance

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (FlowMatching, DetailedBalance, TrajectoryBalance, SubTrajectoryBalance, PolicyGradient)
}

__all__ = [
    "OBJECTIVES",
    "PENALTIES",
    "BalanceObjective",
    "DetailedBalance",
    "FlowMatching",
    "Objective",
    "PolicyGradient",
    "SubTrajectoryBalance",
    "TrajectoryBalance",
    "objective_named",
]


def objective_named(choice: str | Objective) -> Objective:
    """The objective of that name with its defaults, or the one given. Raises ConfigError for an unknown name."""
    if isinstance(choice, Objective):
        return choice
    if choice not in OBJECTIVES:
        raise ConfigError(f"There is no objective {choice!r}{did_you_mean(choice, OBJECTIVES)}")
    return OBJECTIVES[choice]()
