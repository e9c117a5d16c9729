"""The batch of a step that led to what is no number, in words, for a file beside the run."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import numpy as np

from anabranch.environment import take
from anabranch.rewards.host_reward import PythonReward
from anabranch.training.gather import gathered
from anabranch.training.growth import Growth
from anabranch.training.pending import oldest
from anabranch.training.settings import Setup
from anabranch.training.state import TrainState
from anabranch.training.step import propose, reward


def batch_of(growth: Growth) -> list[dict[str, Any]]:
    """The objects of the next step of a training, with log R in nats, and the lane of each where there are several."""
    setup, state = growth.setup, growth.state
    if setup.seeds is None:
        return _objects_of(setup, state)
    alone, rows = dataclasses.replace(setup, seeds=None), []
    for lane in range(setup.seeds):
        one = jax.tree.map(lambda leaf, lane=lane: leaf[lane] if eqx.is_array(leaf) else leaf, state)
        rows += [{"lane": lane, **row} for row in _objects_of(alone, one)]
    return rows


def _batch(setup: Setup, state: TrainState) -> Any:
    """The parts of the next batch; a reward in plain Python has its answers outside of any program."""
    if not isinstance(setup.log_reward, PythonReward):
        return _traced_batch(setup, state)
    waiting = oldest(setup, state.key, state.pending)
    proposal = propose(setup, dataclasses.replace(state, pending=None)) if waiting is None else waiting
    batch, _ = gathered(setup, state, proposal, reward(setup, proposal))
    return [(part.trajectories.objects, part.trajectories.length, part.log_reward) for part in batch.parts]


@eqx.filter_jit
def _traced_batch(setup: Setup, state: TrainState) -> Any:
    proposal = propose(setup, state)
    batch, _ = gathered(setup, state, proposal, reward(setup, proposal))
    return [(part.trajectories.objects, part.trajectories.length, part.log_reward) for part in batch.parts]


def _objects_of(setup: Setup, state: TrainState) -> list[dict[str, Any]]:
    rows = []
    for objects, length, log_reward in _batch(setup, state):
        values = setup.level + np.asarray(log_reward, float)
        for number, value in enumerate(values.tolist()):
            text = setup.env.show(take(objects, number))
            moves = int(length[number]) - 1
            rows.append({"object": text, "moves": moves, "log_reward": value if math.isfinite(value) else None})
    return rows
