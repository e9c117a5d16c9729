"""What a policy has learned of log Z."""

import numpy as np

from anabranch.environment import Environment, initial_state
from anabranch.objectives.base import Objective
from anabranch.policies.heads import Policy
from anabranch.sampling.draw import reading_for
from anabranch.scoring.reading import heads_at


def learned_log_z(policy: Policy, objective: Objective, env: Environment) -> float | None:
    """The log Z that a policy has learned: its leaf, or the outflow of the source; None where there is none."""
    if not objective.has_log_z:
        return None
    level = float(objective.log_target(np.array([policy.level]), np.zeros(1))[0])
    if not objective.outflow:
        return level + float(policy.log_z)
    return level + float(heads_at(policy, reading_for(env, None, outflow=True), initial_state(env))[0].log_flow)
