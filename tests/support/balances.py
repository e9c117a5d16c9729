"""Balance objectives, and the scores at which each must be zero."""

import dataclasses
import math

from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.flow_matching import FlowMatching
from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
from anabranch.objectives.vargrad import VarGrad
from support.exact_scores import bench

BALANCES = {name: cls() for name, cls in OBJECTIVES.items() if issubclass(cls, BalanceObjective)}


BALANCES |= {
    "fm linear": FlowMatching(form="linear"),
    "subtb by trajectory": SubTrajectoryBalance(lam=0.5, normalise="trajectory"),
    "subtb by length": SubTrajectoryBalance(lam=0.5, normalise="length"),
    "contrastive": VarGrad(contrast="neighbour"),
}


def held(objective, space, backward, *, plain=False):
    """The scores at which an objective must be zero; None where the space cannot serve it."""
    place = bench(space)
    if objective.outflow:
        return place.again("flow")[plain]
    if "log_reward_at" in objective.needs and not place.graph.can_stop.all():
        return None
    scores = place.scores(backward, beyond="energy" in objective.needs, plain=plain)
    if "log_prior" in objective.needs:
        # The prior samples R = 1, whose log Z is the log of the number of objects.
        return dataclasses.replace(scores, log_z=scores.log_z - math.log(place.graph.objects.size))
    return scores
