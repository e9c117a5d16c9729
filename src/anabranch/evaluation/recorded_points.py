"""A continuous space as a page reads it: its target on a grid, and frames of samples and trajectories."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, take
from anabranch.evaluation.scene import MOST_SHOWN, Scene, kind_of, periods_of, places_of
from anabranch.objectives.base import Objective
from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import LogReward
from anabranch.sampling.draw import reading_for
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.storage.flow_files import packed
from anabranch.trajectories import Trajectories

DRAWN, PATHS = 512, 24
"""Samples of a frame, and those of them whose trajectories it has."""
MOST_PLACES = 33
"""Of a trajectory; of a longer one even ones, the first and the last among them."""
CURVE_CELLS, MAP_CELLS = 256, 64
"""Of the grid of a target in one coordinate, and in each of two."""


@eqx.filter_jit
def _drawn(policy: Policy, reading: Reading, key: Key[Array, ""]) -> Trajectories:
    return rollout(policy, reading, key, DRAWN)[0]


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedPoints:
    """What is recorded of a policy in a continuous space, and over which scene."""

    env: ContinuousEnvironment
    key: Key[Array, ""]
    """Of all frames: from one to the next a sample moves, it is not another one."""

    @classmethod
    def of(cls, env: Environment, key: Key[Array, ""]) -> "RecordedPoints | None":
        """What records a space; None where its steps are no densities."""
        return cls(env, key) if isinstance(env, ContinuousEnvironment) else None

    def draw(self, policy: Policy) -> Trajectories:
        """The trajectories of a frame."""
        return jax.tree.map(np.asarray, _drawn(policy, reading_for(self.env, None), self.key))

    def space(self, log_reward: LogReward, drawn: Trajectories) -> dict[str, Any]:
        """The space as JSON, where the samples of some policy show what of it may be reached."""
        dim = places_of(self.env, drawn.objects).shape[1]
        cells = CURVE_CELLS if dim == 1 else MAP_CELLS
        scene = Scene.over(self.env, log_reward, drawn.objects, cells=cells)
        axes = scene.grid.axes
        return {
            "kind": "points",
            "counts": {"coordinates": dim, "moves": self.env.max_steps},
            "coordinates": ["x"] if dim == 1 else [f"x{axis + 1}" for axis in range(axes)],
            "ranges": [[float(end) for end in ends] for ends in scene.grid.ranges],
            "periods": periods_of(self.env),
            "cells": cells,
            "kinds": list(scene.kinds),
            "target": None if scene.target is None else packed(scene.target.ravel(), short=True),
            "log_z": scene.log_z,
        }

    def frame(
        self, drawn: Trajectories, objective: Objective, *, log_z: float | None, about: dict[str, Any]
    ) -> dict[str, Any]:
        """Where the samples of a policy lie, and how some of them came there; `about` are step, seconds and loss."""
        places = places_of(self.env, drawn.objects)[:, :MOST_SHOWN]
        kinds = kind_of(self.env, drawn.objects)
        paths = [self._path(drawn, lane) for lane in range(PATHS)]
        return {
            **about,
            "objective": objective.name,
            "log_z": log_z,
            "places": packed(places.ravel(), short=True),
            "kind_of": None if kinds is None else packed(kinds.astype(np.int32)),
            "paths": packed(np.concatenate(paths).ravel(), short=True),
            "path_lengths": [len(path) for path in paths],
        }

    def _path(self, drawn: Trajectories, lane: int) -> np.ndarray:
        """The places of a trajectory, of a long one some."""
        length = int(drawn.length[lane])
        rows = np.unique(np.linspace(0, length - 1, min(length, MOST_PLACES)).round().astype(int))
        return places_of(self.env, take(drawn.states, (rows, lane)))[:, :MOST_SHOWN]
