"""Sub-trajectory balance beside trajectory balance and detailed balance: who is nearer the target, and when."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.objectives.base import Objective
from anabranch.objectives.detailed_balance import DetailedBalance
from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.reproductions.base import Line, Reproduction, Say, over_seeds, plain
from anabranch.sampling.explore import ON_POLICY, Explore
from anabranch.training.optimizer import Adam
from anabranch.training.setup import setup
from anabranch.training.step import advance, init
from anabranch.training.truth import Truth

STEPS, BATCH, POINTS = 5_000, 16, 50
GRIDS = {"2 x 32": Hypergrid(dim=2, side=32), "4 x 8": Hypergrid(dim=4, side=8)}
EXPLORATIONS = {
    "on-policy": ON_POLICY,
    "epsilon .1 a step": Explore(epsilon=0.1),
    "half at random": Explore(epsilon=0.5, per="trajectory"),
}
SUBTB, TB, DB, LIKE_DB, LIKE_TB = "SubTB(.9)", "TB", "DB", "SubTB(.01), batch", "SubTB(100), trajectory"
OBJECTIVES: dict[str, Objective] = {
    SUBTB: SubTrajectoryBalance(lam=0.9),
    TB: TrajectoryBalance(),
    DB: DetailedBalance(),
    LIKE_DB: SubTrajectoryBalance(lam=0.01),
    LIKE_TB: SubTrajectoryBalance(lam=100.0, normalise="trajectory"),
}


def curve(env: Hypergrid, objective: Objective, explore: Explore, seed: int, *, steps: int) -> list[float]:
    """The exact total variation before the first step and at evenly spaced steps to the last."""
    reward = HypergridReward(env=env, r0=1e-4)
    ready = setup(
        env,
        reward,
        objective=objective,
        explore=explore,
        optimizer=Adam(learning_rate=1e-3),
        steps=steps,
        batch=BATCH,
    )
    truth, state = Truth.over(ready, exact=True), init(ready, seed)
    values = [truth.total_variation(ready, state.policy)]
    for _ in range(POINTS):
        state, _, _ = advance(ready, state, jnp.array(steps // POINTS))
        values.append(truth.total_variation(ready, state.policy))
    return [float(value) for value in values if isinstance(value, float)]


def area(values: Sequence[float]) -> float:
    """The mean height of a curve, by trapezes: its area over the number of steps."""
    return float(np.trapezoid(values) / (len(values) - 1))


def compared(where: str, areas: dict[str, list[float]]) -> list[Line]:
    """The rows of one grid under one exploration."""
    lower = sum(ours < theirs for ours, theirs in zip(areas[SUBTB], areas[TB], strict=True))
    count, bar = len(areas[TB]), 0.8 * len(areas[TB])
    rows = [plain(f"{where}: area of {name}", values) for name, values in areas.items()]
    return [
        *rows,
        Line(f"{where}: SubTB(.9) below TB", f"{lower} of {count} seeds", "4 of 5 seeds", reached=lower >= bar),
        alike(where, areas, LIKE_DB, DB, TB),
        alike(where, areas, LIKE_TB, TB, DB),
    ]


def alike(where: str, areas: dict[str, list[float]], limit: str, near: str, far: str) -> Line:
    """Whether a limit of lambda lies nearer to the one objective than to the other, seed by seed, on average."""
    own, here, there = (np.asarray(areas[name]) for name in (limit, near, far))
    close, distant = np.abs(own - here), np.abs(own - there)
    ours = f"{over_seeds(close.tolist())} from {near}, {over_seeds(distant.tolist())} from {far}"
    return Line(f"{where}: {limit} like {near}", ours, f"nearer to {near}", reached=bool(close.mean() < distant.mean()))


def run(seeds: Sequence[int], say: Say, *, steps: int = STEPS) -> list[Line]:
    """Train all of them on each grid and under each exploration."""
    lines = []
    for grid, env in GRIDS.items():
        for manner, explore in EXPLORATIONS.items():
            where, areas = f"{grid}, {manner}", {}
            for name, objective in OBJECTIVES.items():
                curves = [curve(env, objective, explore, seed, steps=steps) for seed in seeds]
                areas[name] = [area(values) for values in curves]
                last = over_seeds([values[-1] for values in curves])
                say(f"{where}: {name}: area {over_seeds(areas[name])}, at the end {last}")
                lines.append(plain(f"{where}: last exact TV of {name}", [values[-1] for values in curves]))
            lines.extend(compared(where, areas))
    return lines


REPRODUCTION = Reproduction(
    "subtb-grids",
    "Sub-trajectory balance beside trajectory balance and detailed balance",
    """
Hypergrids of 2 x 32 and 4 x 8 (Bengio et al. 2021, arXiv:2106.04399) with R0 = 1e-4, R1 = .5, R2 = 2; 5,000 steps of 16
trajectories with each objective: SubTB of lambda .9 (Madan et al. 2023, arXiv:2209.12782), TB (arXiv:2201.13259), DB
(arXiv:2111.09266), and SubTB at both ends: lambda .01 with the mean over the batch, which tends to DB, and lambda 100
with the mean within each trajectory, which tends to TB. Uniform P_B, an MLP of 2 x 256 units, Adam (b2 .95) with
learning rate 1e-3, for log Z 0.1, both falling to 0 along a cosine; these are the library's defaults, not tuned.

The area under the exact total variation over the 5,000 steps (51 points, trapezes, divided by the steps) says who is
nearer the target on the way. On-policy TB may stay near the origin, whatever its loss. Two kinds of exploration stand
beside that: each step at random with probability .1, and half of the trajectories drawn from a uniform random walk in
which STOP has the weight 4 / max_steps. Whether TB then meets all corners is to be read from its last distance.
""",
    run,
)
