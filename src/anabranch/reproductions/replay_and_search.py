"""Compares explorations, replay, local search and backward policies on the hard grid; their optimum on a small one."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.envs.tasks import make
from anabranch.evaluation.exact_law import total_variation
from anabranch.graph.state_graph import state_graph
from anabranch.reproductions.base import Line, Reproduction, Say, at_most
from anabranch.runs.train import train
from anabranch.sampling.explore import Explore
from anabranch.sampling.local_search import LocalSearch
from anabranch.sampling.replay import Replay
from anabranch.training.optimizer import Adam
from anabranch.training.settings import Setup
from anabranch.training.setup import setup
from anabranch.training.step import advance, init

BATCH, BAR = 16, 0.3
HARD_STEPS, EVERY = 8_000, 500
PATIENCE = 120.0
"""Seconds for the enumeration, on a machine that is busy with other things."""
SMALL_STEPS, SMALL_BAR = 4_000, 0.01
METHODS: dict[str, dict[str, Any]] = {
    "on-policy": {},
    "epsilon .1 a step": {"explore": Explore(epsilon=0.1)},
    "half of the trajectories at random": {"explore": Explore(epsilon=0.5, per="trajectory")},
    "replay, uniform": {"replay": Replay()},
    "replay, by reward": {"replay": Replay(priority="reward")},
    "local search, better": {"search": LocalSearch()},
    "local search, Metropolis": {"search": LocalSearch(accept="metropolis")},
    "P_B of maximum entropy": {"backward": "maxent"},
    "P_B learned": {"backward": "learned"},
    "P_B by TLM": {"backward": "tlm"},
    "P_B pessimistic, with replay": {"backward": "pessimistic", "replay": Replay(deduplicate=False)},
    "DB instead of TB, on-policy": {"objective": "db"},
}


def settings(method: str, steps: int) -> dict[str, Any]:
    """What `train` and `setup` take for one method."""
    common = {"objective": "tb", "optimizer": Adam(learning_rate=1e-3), "steps": steps, "batch": BATCH}
    return {**common, **METHODS[method]}


def steps_to(setup: Setup, seed: int, bar: float) -> tuple[int | None, float]:
    """After how many steps the exact total variation is first at most `bar` (None: never), and its last value."""
    graph = state_graph(setup.env, seconds=PATIENCE)
    state, distance = init(setup, seed), 1.0
    for done in range(EVERY, setup.steps + 1, EVERY):
        state, _, _ = advance(setup, state, jnp.array(EVERY))
        distance = total_variation(graph, state.policy, setup.log_reward)
        if distance <= bar:
            return done, distance
    return None, distance


def objects_a_step(setup: Setup) -> int:
    """How many objects ask for a reward in one step: those drawn, and those tried in each round of a search."""
    drawn, _, searched = setup.parts
    return drawn + (0 if setup.search is None else searched * setup.search.rounds)


def hard_line(method: str, seed: int) -> Line:
    """One row: how soon a method reaches the hard grid, with one seed."""
    task = make("hypergrid-hard")
    ready = setup(task.env, task.log_reward, **settings(method, HARD_STEPS))
    steps, distance = steps_to(ready, seed, BAR)
    if steps is None:
        ours = f"not in {HARD_STEPS * BATCH:,} trajectories (TV {distance:.3f})"
    else:
        ours = f"{steps * BATCH:,} trajectories, {steps * objects_a_step(ready):,} rewards asked"
    return Line(f"4 x 20 hard, trajectories to TV .3: {method}", ours, "")


def small_line(method: str, seeds: Sequence[int]) -> Line:
    """One row: the exact distance on the small grid after the same run for every method."""
    env = Hypergrid(dim=2, side=8)
    reward, quiet = HypergridReward(env=env, r0=0.1), lambda row: None
    options = {**settings(method, SMALL_STEPS), "callback": quiet, "seed": seeds[0], "seeds": len(seeds)}
    runs = train(env, reward, **options).each()
    return at_most(f"2 x 8, exact TV: {method}", [run.history[-1]["total_variation"] for run in runs], SMALL_BAR)


def run(seeds: Sequence[int], say: Say) -> list[Line]:
    """The hard grid with the first seed, the small one with all."""
    lines = []
    for method in METHODS:
        lines.append(small_line(method, seeds))
        say(f"{lines[-1].what}: {lines[-1].ours}")
    for method in METHODS:
        lines.append(hard_line(method, seeds[0]))
        say(f"{lines[-1].what}: {lines[-1].ours}")
    return lines


REPRODUCTION = Reproduction(
    "replay-and-search",
    "Exploration, replay, local search and backward policies",
    f"""
Trajectory balance (Malkin et al. 2022, arXiv:2201.13259) with one thing added at a time: exploration; replay of half
the batch, uniform or by reward (Shen et al. 2023, arXiv:2305.07170); local search on half the batch, four rounds,
keeping what is better or by Metropolis-Hastings (Kim et al. 2024, arXiv:2310.02710); each backward policy (maximum
entropy, arXiv:2312.14331; TLM, arXiv:2410.15474; pessimistic, arXiv:2405.16012); and detailed balance beside them.
Batch 16, an MLP of 2 x 256 units, Adam (b2 .95), learning rate 1e-3, for log Z 0.1, both falling to 0 along a cosine:
the library's defaults, not tuned for any method.

On 2 x 8 with R0 = .1 the optimum must stay where it is: exact total variation after {SMALL_STEPS:,} steps, all
seeds. On 4 x 20 hard (R0 = 1e-4, R1 = 1, R2 = 3; the first seed only) what counts is after how many trajectories the
exact total variation is at most .3, looked at every {EVERY} steps, up to {HARD_STEPS:,} steps. "Rewards asked" also
counts the objects that a local search tried. No bar is set on the hard grid: the rows say what was found.
""",
    run,
)
