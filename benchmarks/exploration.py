"""`python -m benchmarks.exploration [GRID]`: what each way of exploring finds of a hypergrid, with equal trajectories.

Trajectory balance with a uniform P_B and the same network, rates and number of trajectories for each: on-policy,
epsilon-greedy, replay of the best, a teacher, and Thompson sampling, all with the library's defaults. None of them was
chosen by looking at the seeds that are reported; the prior of the ensemble was set on 2x32 with seeds 10 and 11. At the
end the exact law says how far it is from R / Z, and how many of the 2^dim corners, and of the modes in them, have at
least half of their mass. GRID is `4x20`, the hard one (R0 = 1e-4, R1 = 1, R2 = 3), whose rows are written to
`benchmarks/results/exploration.md`, or `2x32`, to see that it works.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid, HypergridReward

GRIDS: dict[str, dict[str, Any]] = {
    "2x32": {"dim": 2, "side": 32, "steps": 1_000, "seeds": (10,)},
    "4x20": {"dim": 4, "side": 20, "steps": 4_000, "seeds": (0, 1)},
}
BATCH, R0, R1, R2 = 16, 1e-4, 1.0, 3.0
WAYS: dict[str, dict[str, Any]] = {
    "on-policy": {},
    "epsilon = .1 a step": {"explore": ab.Explore(epsilon=0.1)},
    "replay, half, by reward": {"replay": ab.Replay(share=0.5, priority="reward")},
    "teacher, half": {"teacher": ab.Teacher()},
    "Thompson, half": {"thompson": ab.Thompson()},
    "Thompson, 15 of 16": {"thompson": ab.Thompson(share=0.9375)},
}
RESULT = Path(__file__).parent / "results" / "exploration.md"


def with_mass(graph: ab.StateGraph, side: int, law: np.ndarray, target: np.ndarray) -> dict[str, int]:
    """How many corners of the grid have at least half of the mass that they should have, and how many modes in them."""
    places = np.asarray(graph.states)[graph.objects]
    off = np.abs(2 * places - (side - 1))
    parts = {
        "corners": (2 * off > side - 1).all(1),
        "modes": ((5 * off > 3 * (side - 1)) & (5 * off < 4 * (side - 1))).all(1),
    }
    corner = (2 * places > side - 1) @ (1 << np.arange(places.shape[1]))
    counts = {}
    for name, inside in parts.items():
        found, wanted = (np.bincount(corner[inside], weights=mass[inside]) for mass in (law, target))
        counts[name] = int((found >= 0.5 * wanted).sum())
    return counts


def trial(name: str, way: dict[str, Any], seed: int) -> dict[str, Any]:
    """One training, and what its exact law says."""
    grid = GRIDS[name]
    env = Hypergrid(dim=grid["dim"], side=grid["side"])
    log_reward = HypergridReward(env=env, r0=R0, r1=R1, r2=R2)
    options = {"objective": "tb", "steps": grid["steps"], "batch": BATCH, "seed": seed, "exact": False}
    run = ab.train(env, log_reward, **options, callback=lambda row: None, **way)
    graph = ab.state_graph(env)
    exact = ab.exact_law(graph, run.policy, log_reward)
    return {
        "total_variation": exact.total_variation,
        **with_mass(graph, grid["side"], exact.model, exact.target),
        "log_z": run.history[-1]["log_z"],
        "seconds": run.history[-1]["seconds"],
    }


def rows(name: str) -> Iterator[str]:
    """A row of the table for each way of exploring."""
    for label, way in WAYS.items():
        found = [trial(name, way, seed) for seed in GRIDS[name]["seeds"]]
        distances = ", ".join(f"{one['total_variation']:.3f}" for one in found)
        counts = " | ".join(", ".join(str(one[part]) for one in found) for part in ("corners", "modes"))
        log_z = ", ".join(f"{one['log_z']:.3f}" for one in found)
        cost = np.mean([one["seconds"] for one in found]) / GRIDS[name]["steps"] * 1e3
        yield f"| {label} | {distances} | {counts} | {log_z} | {cost:.2f} |"


def main() -> None:
    """Measure, print, and write the table of the hard grid."""
    name = sys.argv[1] if len(sys.argv) > 1 else "4x20"
    grid = GRIDS[name]
    env = Hypergrid(dim=grid["dim"], side=grid["side"])
    log_z = HypergridReward(env=env, r0=R0, r1=R1, r2=R2).log_z
    seeds = " and ".join(str(seed) for seed in grid["seeds"])
    lines = [
        "# Ways of exploring a hard hypergrid",
        "",
        f"The {name} hypergrid with R0 = {R0:g}, R1 = {R1:g}, R2 = {R2:g}: {grid['steps']:,} steps of {BATCH}",
        "trajectories each, whoever draws them (of replay half are new objects); trajectory balance, uniform P_B,",
        f"MLP 2x256, defaults of the library; seeds {seeds}. A corner (R >= R1), or the mode in it (R >= R2), counts",
        f"as found where the exact law of the policy has at least half of its mass; there are {2 ** grid['dim']}.",
        f"The true log Z is {log_z:.6f}. Times are of a core that others used as well.",
        "",
        "| way | exact total variation | corners found | modes found | log Z | ms a step |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows(name):
        print(row, flush=True)
        lines.append(row)
    if name == "4x20":
        RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
