"""Tasks whose steps are densities: each a space, a target on it, how far apart two objects are, and settings."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from anabranch.continuous.box import Box
from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.kinds import KindsAndPoints
from anabranch.continuous.line import Line
from anabranch.continuous.targets.angles import CoupledAngles
from anabranch.continuous.targets.base import Target
from anabranch.continuous.targets.funnel import Funnel
from anabranch.continuous.targets.gaussians import GaussianGrid, LineGaussians, ScatteredGaussians, TwoGaussians
from anabranch.continuous.targets.kinds import KindBumps
from anabranch.continuous.targets.lennard_jones import LennardJones
from anabranch.continuous.targets.logistic import LogisticRegression
from anabranch.continuous.targets.many_well import ManyWell
from anabranch.continuous.targets.unit_box import BoxCorners
from anabranch.continuous.torus import Torus
from anabranch.envs.tasks import Settings, Task, usual_settings
from anabranch.objectives.base import Objective
from anabranch.rewards.anneal import Anneal


def euclidean(first: Any, second: Any) -> float:
    """The straight distance between two points: numbers, or tuples of numbers."""
    return math.dist(_numbers(first), _numbers(second))


def around(first: Any, second: Any) -> float:
    """The distance between two points of a torus, each coordinate the short way round."""
    pairs = zip(_numbers(first), _numbers(second), strict=True)
    return math.hypot(*(math.remainder(one - other, 2.0 * math.pi) for one, other in pairs))


def kinds_apart(first: Any, second: Any) -> float:
    """The distance between two pairs of a kind and a point; kinds that differ are 1 apart, at a right angle."""
    return math.hypot(float(first[0] != second[0]), euclidean(first[1], second[1]))


def _numbers(item: Any) -> tuple[float, ...]:
    return tuple(item) if isinstance(item, tuple | list) else (float(item),)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """What suits a task: chosen on other seeds than those that are reported, by ELBO and effective samples."""

    steps: int = 5_000
    batch: int = 128
    epsilon: float = 0.0
    """Of exploration, where the objective allows it."""
    learning_rate: float = 2e-3
    width: int = 64
    log_z_rate: float = 0.1
    """Higher where log Z starts tens of nats away from where it ends."""
    follows: bool = False
    """Whether the drift follows the gradient of log R."""


DIFFUSION = Tuned(follows=True)
SETTINGS: Mapping[str, Tuned] = {
    "line": Tuned(epsilon=0.05),
    "box": Tuned(steps=15_000, epsilon=0.1, learning_rate=3e-3, width=128),
    "cube": Tuned(steps=10_000, epsilon=0.1, learning_rate=3e-3, width=128),
    "torus": Tuned(steps=20_000, epsilon=0.05, learning_rate=3e-3, width=128),
    "kinds-and-points": Tuned(epsilon=0.1),
    **dict.fromkeys(("gaussians-2", "gaussians-25", "gaussians-40", "many-well"), DIFFUSION),
    **dict.fromkeys(("logistic-regression", "lennard-jones"), DIFFUSION),
    "funnel": Tuned(steps=10_000, follows=True),
    "many-well-32": Tuned(steps=4_000, width=256, log_z_rate=1.0, follows=True),
}
"""The settings of a task are changed here and nowhere else."""


def _settings(tuned: Tuned) -> Callable[[Objective], Settings]:
    given = {name: getattr(tuned, name) for name in ("steps", "batch", "epsilon", "learning_rate", "width")}
    shared = usual_settings(**given)

    def settings(objective: Objective) -> Settings:
        from anabranch.policies.drift import Drift

        # Annealing is for rewards of random objects that span many nats, and these kernels start wide.
        found = dataclasses.replace(shared(objective), anneal=Anneal(steps=0), log_z_rate=tuned.log_z_rate)
        return dataclasses.replace(found, policy=Drift(width=tuned.width)) if tuned.follows else found

    return settings


def _tasks() -> Iterator[tuple[str, str, ContinuousEnvironment, Target]]:
    """Name, summary, space and target of each."""
    yield "line", "the line: three normals of unequal width and mass", Line(), LineGaussians()
    yield "box", "the unit square: plateaus near its corners", Box(), BoxCorners()
    yield "cube", "the unit cube: plateaus near its corners", Box(dim=3), BoxCorners(dim=3)
    yield "torus", "two angles: three wells each, and a coupling", Torus(), CoupledAngles()
    yield "kinds-and-points", "a kind out of three, then a point: a bump for each kind", KindsAndPoints(), KindBumps()
    yield "gaussians-2", "two normals in the plane, of unequal mass", Diffusion(scale=4.0), TwoGaussians()
    yield "gaussians-25", "25 normals on a grid: the field's standard", Diffusion(scale=7.0), GaussianGrid()
    yield "gaussians-40", "40 normals at random places, far apart", Diffusion(scale=25.0), ScatteredGaussians()
    yield "funnel", "Neal's funnel in 10 dimensions: wide and narrow at once", Diffusion(dim=10, scale=3.0), Funnel()
    yield "many-well", "4 double wells: 16 modes in 8 dimensions", Diffusion(dim=8, scale=1.5), ManyWell()
    wells = ManyWell(dim=32)
    yield "many-well-32", "16 double wells: 65,536 modes in 32 dimensions", Diffusion(dim=32, scale=1.5), wells
    summary = "the posterior of a classifier of tumours, 31 weights (extra: proxy)"
    yield "logistic-regression", summary, Diffusion(dim=31, scale=1.0), LogisticRegression()
    summary = "three particles in the plane that attract each other"
    yield "lennard-jones", summary, Diffusion(dim=6, scale=1.0), LennardJones()


DISTANCES = {"torus": around, "kinds-and-points": kinds_apart}
"""Of tasks whose objects are no points of a flat space."""
TASKS = {
    name: Task(
        env=env,
        log_reward=target,
        name=name,
        summary=summary,
        settings=_settings(SETTINGS[name]),
        distance=DISTANCES.get(name, euclidean),
    )
    for name, summary, env, target in _tasks()
}
