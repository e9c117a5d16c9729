"""A frame: what a policy says of a recorded space at one step, as a page reads it."""

from typing import Any

import numpy as np
from jaxtyping import Float

from anabranch.evaluation.flows import EdgeLaw
from anabranch.evaluation.recorded_space import PassedThrough
from anabranch.objectives.base import Objective
from anabranch.storage.flow_files import packed
from anabranch.trajectories import Scores

MANY = 5_000
"""States and edges from which numbers are written in float32."""


def learns_flow(objective: Objective) -> bool:
    """Whether a training by it learns the flow of each state, whole and not beyond an energy."""
    return (objective.has_state_flow or objective.outflow) and "energy" not in objective.needs


def frame_of(
    law: EdgeLaw, objective: Objective, *, log_z: float | None, log_floor: float, about: dict[str, Any]
) -> dict[str, Any]:
    """What a policy says of a listed space.

    `log_floor` is what training puts in the place of log 0, in nats; `about` are step, seconds, loss and distance.
    """
    short = law.log_pf.size + law.log_stop.size > MANY
    return {
        **about,
        "objective": objective.name,
        "log_z": log_z,
        "log_floor": log_floor,
        "log_pf": packed(law.log_pf, short=short),
        "log_stop": packed(law.log_stop, short=short),
        "log_pb": None if law.log_pb is None else packed(law.log_pb, short=short),
        "log_flow": packed(law.log_flow, short=short) if learns_flow(objective) else None,
    }


def frame_of_passed(
    passed: PassedThrough,
    scores: Scores,
    objective: Objective,
    *,
    level: float,
    log_z: float | None,
    log_floor: float,
    about: dict[str, Any],
) -> dict[str, Any]:
    """What a policy says of the part of a space that some trajectories have passed through.

    `visits` is the share of them that passed each state, in the place of an exact probability.
    """
    moves, stands = passed.edge >= 0, passed.state >= 0
    count = passed.level.size
    log_pf, log_pb = np.zeros(passed.source.size), np.zeros(passed.source.size)
    log_pf[passed.edge[moves]] = np.asarray(scores.log_pf)[moves]
    log_pb[passed.edge[moves]] = np.asarray(scores.log_pb)[moves]
    log_stop, log_flow = np.full(count, -np.inf), np.zeros(count)
    log_stop[passed.state[stands]] = np.asarray(scores.log_stop)[stands]
    log_flow[passed.state[stands]] = np.asarray(scores.log_flow, np.float64)[stands] + level
    law = EdgeLaw(log_pf, log_stop, log_pb if objective.has_backward else None, log_flow)
    passing = np.bincount(passed.edge[moves], minlength=passed.source.size)
    return {
        **frame_of(law, objective, log_z=log_z, log_floor=log_floor, about=about),
        "trajectories": passed.state.shape[1],
        "visits": packed(_share(passed, stands, count)),
        "passed": packed(passing / passed.state.shape[1]),
        "drawn": [int(state) for state in passed.last],
    }


def _share(passed: PassedThrough, stands: np.ndarray, count: int) -> Float[np.ndarray, " N"]:
    return np.bincount(passed.state[stands], minlength=count) / passed.state.shape[1]
