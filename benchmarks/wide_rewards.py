"""`python -m benchmarks.wide_rewards`: what each objective does where log R spans thousands of nats within one space.

Three spaces of at most 543 objects: a cone, whose reward falls by 5,000 nats with the distance from its tip, so that
every step towards it is rewarded; a shelf, where the good objects lie together and the others fall off as steeply; and
the Bayesian networks of the iris table under BGe, 346 nats. Each balance objective, with and without annealing, on the
same steps, batch and network; the exact total variation at the end of 1,000 steps of 16 objects, two seeds. Writes
`benchmarks/results/wide-rewards.md`.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import BalanceObjective

STEPS, BATCH, SEEDS = 1_000, 16, 2
SIDE, DEPTH = 8, 5_000.0
RESULT = Path(__file__).parent / "results" / "wide-rewards.md"


@dataclasses.dataclass(frozen=True)
class Cone:
    """log R falls with the distance from a tip, by DEPTH nats over SIDE steps."""

    def __call__(self, state: Any) -> Any:
        """log R of one point."""
        return -DEPTH * _distance(state) / SIDE

    def energy(self, state: Any) -> Any:
        """-log R, of any point: all are objects."""
        return -self(state)


@dataclasses.dataclass(frozen=True)
class Shelf:
    """log R falls by half a nat a step near a tip, and by DEPTH nats over SIDE steps from two steps away on."""

    def __call__(self, state: Any) -> Any:
        """log R of one point."""
        distance = _distance(state)
        return -DEPTH * jnp.maximum(distance - 2.0, 0.0) / SIDE - 0.5 * distance

    def energy(self, state: Any) -> Any:
        """-log R, of any point: all are objects."""
        return -self(state)


def _distance(state: Any) -> Any:
    return jnp.abs(state - jnp.array([SIDE - 3, SIDE // 2])).sum().astype(float)


def places() -> dict[str, tuple[ab.Environment, Any]]:
    """The spaces and their rewards, by name."""
    grid = Hypergrid(dim=2, side=SIDE)
    networks = ab.make("dags", reward={"data": "iris"})
    return {"cone": (grid, Cone()), "shelf": (grid, Shelf()), "iris": (networks.env, networks.log_reward)}


def trial(place: tuple[ab.Environment, Any], objective: str, *, anneal: ab.Anneal | None) -> str:
    """The exact total variation of each seed, or why there is none."""
    env, log_reward = place
    options = {
        "explore": ab.Explore(epsilon=0.1),
        "optimizer": ab.Adam(learning_rate=3e-3),
        "anneal": anneal,
        "exact": False,
    }
    try:
        run = ab.train(env, log_reward, objective=objective, steps=STEPS, batch=BATCH, seeds=SEEDS, **options)
    except ab.Error as error:
        return "no energy" if "energy" in str(error) else f"- ({str(error).split('.')[0]})"
    graph = ab.state_graph(env)
    return ", ".join(f"{ab.total_variation(graph, one.policy, log_reward):.4f}" for one in run.each())


def main() -> None:
    """Run all, and write the table as it grows."""
    names = [
        name
        for name, kind in OBJECTIVES.items()
        if issubclass(kind, BalanceObjective) and "log_prior" not in kind.needs
    ]
    spaces = places()
    columns = [f"{space}, {kind}" for space in spaces for kind in ("plain", "annealed")]
    rows, began = [], time.perf_counter()
    for name in names:
        cells = []
        for place in spaces.values():
            for anneal in (ab.Anneal(steps=0), None):
                cells.append(trial(place, name, anneal=anneal))
                print(f"{time.perf_counter() - began:6.0f} s  {name}  {cells[-1]}", flush=True)
        rows.append(f"| {name} | {' | '.join(cells)} |")
        head = [f"| objective | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
        RESULT.write_text(
            "\n".join(
                [
                    "# Rewards that span thousands of nats",
                    "",
                    (__doc__ or "").split("\n", 2)[2].strip(),
                    "",
                    *head,
                    *rows,
                    "",
                ]
            )
        )


if __name__ == "__main__":
    main()
