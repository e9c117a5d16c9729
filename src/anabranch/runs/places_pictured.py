"""The pictures of a run in a continuous space: where its samples lie, how they came there, and its curves."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from anabranch.continuous.contract import require_continuous
from anabranch.environment import take
from anabranch.evaluation.scene import MOST_SHOWN, Scene, kind_of, periods_of, places_of
from anabranch.plots import Paths, curves_figure, density_figure, pairs_figure, paths_figure
from anabranch.plots.canvas import number
from anabranch.rewards.host_reward import PythonReward
from anabranch.sampling.draw import sample_trajectories
from anabranch.training.run import Trained
from anabranch.trajectories import Trajectories

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES, TRAJECTORIES = 8_192, 30
CELLS, SEVERAL_CELLS = 96, 48
"""Of a grid over one coordinate, and of each of two."""


def places_pictured(run: Trained, *, seed: int, name: str) -> "dict[str, Figure]":
    """The density of the samples beside the target, trajectories, and the curves."""
    env, setup = require_continuous(run.setup.env), run.setup
    # One program for both pictures: it is compiled for longer than it runs.
    drawn = sample_trajectories(env, run.policy, SAMPLES, seed=seed)
    states = jax.tree.map(np.asarray, drawn.objects)
    places = places_of(env, states)
    dim = places.shape[1]
    scene = Scene.over(env, setup.log_reward, states, cells=CELLS if dim == 1 else SEVERAL_CELLS)
    notes = [", ".join([f"{SAMPLES:,} samples", *_about(scene, places, setup.log_reward)])]
    if dim <= MOST_SHOWN:
        title = f"Density of {name}"
        target, sampled, ranges = scene.target, scene.sampled(states), scene.grid.ranges
        density = density_figure(target, sampled, ranges, title=title, labels=scene.kinds, notes=notes)
    else:
        title = f"Coordinates {_first_ones(dim)} of {name}"
        density = pairs_figure(places, scene.draws, title=title, notes=notes)
    curves = curves_figure({setup.objective.name: run.history}, log_z_exact=scene.log_z)
    return {"density": density, "trajectories": _trajectories(scene, drawn, name), "curves": curves}


def _first_ones(dim: int) -> str:
    return f"1 to {min(dim, 3)} of {dim}" if dim > 3 else "1 to 3"


def _about(scene: Scene, places: np.ndarray, log_reward: object) -> list[str]:
    outside = scene.grid.share_outside(places)
    found = [f"{number(100.0 * outside)} % of them beyond what is shown"] if outside > 0.0 else []
    if isinstance(log_reward, PythonReward):
        found.append("no target: its rewards, in plain Python, would have to be asked for")
    elif scene.target is None:
        found.append("no target: it is not known in so many coordinates" if places.shape[1] > MOST_SHOWN else "R is 0")
    return found


def _trajectories(scene: Scene, drawn: Trajectories, name: str) -> "Figure":
    """Some trajectories from start to end."""
    env, length = scene.env, np.asarray(drawn.length)[:TRAJECTORIES]
    places = places_of(env, jax.tree.map(lambda leaf: np.asarray(leaf[:, :TRAJECTORIES]), drawn.states))
    kinds = kind_of(env, take(drawn.objects, slice(TRAJECTORIES)))
    paths = Paths(places, length, kinds, periods_of(env))
    several = len(scene.kinds) > 1
    title = f"{TRAJECTORIES} trajectories of {name}"
    notes = [f"the first two of {places.shape[2]} coordinates"] if places.shape[2] > MOST_SHOWN else []
    target = None if several or scene.target is None else scene.target[0]
    words = {"title": title, "labels": scene.kinds, "notes": notes}
    return paths_figure(paths, _widened(scene, places, length), target, target_ranges=scene.grid.ranges, **words)


def _widened(scene: Scene, places: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The ranges, with room for what lies on the way."""
    real = np.arange(len(places))[:, None] < length
    shown = places[real][:, : scene.grid.axes]
    (low, high), least, most = scene.grid.ranges.T, shown.min(axis=0), shown.max(axis=0)
    air = 0.03 * (high - low)
    return np.stack([np.where(least < low, least - air, low), np.where(most > high, most + air, high)], axis=1)
