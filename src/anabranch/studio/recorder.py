"""Records the flow of a run that has none, as a process of its own: `python -m anabranch.studio.recorder RUN`."""

import sys
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from anabranch.environment import take
from anabranch.evaluation.affordable import is_evaluated
from anabranch.evaluation.frames import frame_of_passed
from anabranch.evaluation.learned import learned_log_z
from anabranch.evaluation.recorded_points import RecordedPoints
from anabranch.evaluation.recorded_space import MOST_STATES, PassedThrough, may_be_recorded
from anabranch.graph.state_graph import StateGraph, state_graph
from anabranch.ground.errors import Error, RunError, SpaceTooLargeError
from anabranch.ground.streams import Stream, key_of
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import log_reward_values
from anabranch.rewards.service import encoded_objects
from anabranch.runs.load import load
from anabranch.runs.run import Run
from anabranch.sampling.draw import score_trajectories
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.storage.compiled import keep_compiled
from anabranch.storage.flow_files import FlowFiles
from anabranch.studio.helpers import report
from anabranch.studio.runs_on_disk import recorded_elsewhere
from anabranch.training.truth import Truth

DRAWN = 512
"""Trajectories whose states are shown, of a space that is not listed."""
SECONDS = 10.0
"""That listing a space may take."""


def record(run: Run, place: Path) -> None:
    """Record the flow of a run in its directory, or beside it where that may not be written."""
    one = run.each()[0].in_the_middle()
    space, frame = _points(one) or _listed(one) or _sampled(one)
    try:
        _write(FlowFiles(place), space, frame)
    except RunError:
        _write(FlowFiles(recorded_elsewhere(place)), space, frame)


def _write(files: FlowFiles, space: dict[str, Any], frame: dict[str, Any]) -> None:
    # The graph last: what is there at all is there as a whole.
    files.begin(space, [frame])


def _graph(run: Run) -> StateGraph | None:
    try:
        graph = state_graph(run.setup.env, max_states=MOST_STATES, seconds=SECONDS)
    except SpaceTooLargeError:
        return None
    return graph if may_be_recorded(graph) and is_evaluated(graph, run.setup.log_reward) else None


def _listed(run: Run) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """All states with their exact numbers; None where the space is too large, or its rewards would be asked for."""
    if _graph(run) is None:
        return None
    truth = Truth.over(run.setup, exact=True)
    if not truth.recorded:
        return None
    (law,) = truth.laws(run.setup, run.policy)
    about = {**_about(run), "total_variation": law.total_variation}
    return truth.space(), truth.frame(run.setup, law, run.policy, about)


def _points(run: Run) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The target on a grid, and samples; None where the space is not continuous."""
    setup = run.setup
    points = RecordedPoints.of(setup.env, key_of(run.config["seed"], Stream.PASSED_THROUGH))
    if points is None:
        return None
    drawn, log_z = points.draw(run.policy), learned_log_z(run.policy, setup.objective, setup.env)
    return points.space(setup.log_reward, drawn), points.frame(drawn, setup.objective, log_z=log_z, about=_about(run))


def _about(run: Run) -> dict[str, Any]:
    last = run.history[-1] if run.history else {}
    return {"step": run.steps, **{name: last.get(name) for name in ("seconds", "loss", "total_variation")}}


def _sampled(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """The states that some trajectories of the policy pass through."""
    setup, env = run.setup, run.setup.env
    key = key_of(run.config["seed"], Stream.PASSED_THROUGH)
    reading = Reading(env, setup.backward, setup.objective.outflow)
    trajectories = jax.jit(lambda key: rollout(run.policy, reading, key, DRAWN)[0])(key)
    passed = PassedThrough.of(trajectories)
    rewards = _known_rewards(run, take(passed.states, passed.ends))
    backward = setup.backward if setup.objective.has_backward and setup.backward is not None else "uniform"
    nothing = jnp.zeros(DRAWN)
    scores = score_trajectories(
        env, run.policy, trajectories, nothing, backward=backward, outflow=setup.objective.outflow
    )
    log_floor = setup.level + float(np.log(setup.zero_floor))
    log_z = learned_log_z(run.policy, setup.objective, env)
    options = {"level": setup.level, "log_z": log_z, "log_floor": log_floor, "about": _about(run)}
    return passed.space(env, rewards), frame_of_passed(passed, scores, setup.objective, **options)


def _known_rewards(run: Run, states: Any) -> Float[np.ndarray, " X"]:
    """log R of finished objects; of a reward in plain Python what it was asked for before, else NaN."""
    reward: Any = run.setup.log_reward
    if not isinstance(reward, PythonReward):
        return log_reward_values(reward, states)
    encoded = encoded_objects(reward.decoded(states), reward.name)
    unknown = set(encoded if reward.noisy else reward.service.unknown(list(dict.fromkeys(encoded))))
    known = np.array([number for number, one in enumerate(encoded) if one not in unknown], int)
    values = np.full(len(encoded), np.nan)
    if known.size:
        values[known] = reward.log_values(take(states, known))
    return values


def main() -> int:
    """Record one run; what went wrong is the last line, as JSON."""
    keep_compiled()
    warnings.simplefilter("ignore")
    place = Path(sys.argv[1])
    try:
        record(load(place), place)
    except Error as error:
        report(error=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
