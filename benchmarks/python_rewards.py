"""What rewards in plain Python cost: the service alone, workers beside each other, late batches, and staleness.

`python -m benchmarks.python_rewards` writes `results/python-rewards.md`.
"""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.service import RewardService
from anabranch.training.python_steps import PythonSteps

RESULTS = Path(__file__).parent / "results" / "python-rewards.md"
GRID = Hypergrid(dim=4, side=20)
SMALL = Hypergrid(dim=2, side=16)


def free(objects: list[Any]) -> list[float]:
    """A reward that takes no time."""
    return [1.0 + sum(item) for item in objects]


def fifty_milliseconds(objects: list[Any]) -> list[float]:
    """A slow one."""
    time.sleep(0.05 * len(objects))
    return free(objects)


def ten_milliseconds(objects: list[Any]) -> list[float]:
    """A less slow one."""
    time.sleep(0.01 * len(objects))
    return free(objects)


def trained(env: Any, reward: Any, **settings: Any) -> ab.Run:
    """A training of a grid, quiet."""
    choice = {"objective": "tb", "steps": 50, "batch": 16, "exact": False, "policy": ab.MLP(width=64), "seed": 0}
    return ab.train(env, reward, **{**choice, "callback": lambda row: None, **settings})


def seconds_a_step(run: ab.Run) -> float:
    """Of the second half of a run, whose programs are compiled."""
    rows = run.history
    middle = rows[len(rows) // 2]
    return (rows[-1]["seconds"] - middle["seconds"]) / (rows[-1]["step"] - middle["step"])


def parallel() -> dict[str, float]:
    """50 ms rewards: inline against two workers, on the same batches; seconds a step."""
    options = {"version": "1", "survey": 32, "noisy": True}
    times = {}
    for workers in (0, 2):
        reward = ab.python_reward(fifty_milliseconds, workers=workers, **options)
        times[f"{workers} workers"] = seconds_a_step(trained(GRID, reward, steps=20))
    return {**times, "ratio": times["0 workers"] / times["2 workers"]}


def waiting() -> dict[str, float]:
    """The share of the time for which the learner waits, 10 ms rewards and two workers."""
    options = {"workers": 2, "survey": 32, "noisy": True}
    replay = {"replay": ab.Replay(share=0.5), "explore": ab.Explore(epsilon=0.1)}
    late = ab.python_reward(ten_milliseconds, inflight=4, deterministic_order=False, **options)
    ordered = ab.python_reward(ten_milliseconds, **options)
    return {
        "in order, one batch": trained(GRID, ordered, steps=60, **replay).history[-1]["waiting"],
        "out of order, inflight=4": trained(GRID, late, steps=1500, **replay).history[-1]["waiting"],
    }


def overhead() -> dict[str, float]:
    """Milliseconds of a step at batch 256: a reward in JAX, the same in Python, and what the service takes of it.

    The service is all that the host does between proposing and learning: objects decoded and encoded, duplicates and
    the cache asked, the function called, outcomes recorded and judged. The rest is that two programs take the place of
    one.
    """
    settings = {"batch": 256, "steps": 200}
    traced = seconds_a_step(trained(GRID, HypergridReward(env=GRID), **settings))
    plain = seconds_a_step(trained(GRID, ab.python_reward(free, survey=256), **settings))
    spent: list[float] = []
    with (
        clocked(PythonSteps, "_asked", spent),
        clocked(RewardService, "outcomes", spent),
        clocked(PythonReward, "judged", spent),
    ):
        trained(GRID, ab.python_reward(free, survey=256), **settings)
    service = 3 * statistics.fmean(spent[len(spent) // 2 :])
    return {"in JAX": 1e3 * traced, "in Python": 1e3 * plain, "the service": 1e3 * service}


@contextlib.contextmanager
def clocked(owner: Any, name: str, spent: list[float]) -> Iterator[None]:
    """Note how long each call of a method takes."""
    function = getattr(owner, name)

    def call(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        answer = function(*arguments, **options)
        spent.append(time.perf_counter() - began)
        return answer

    setattr(owner, name, call)
    try:
        yield
    finally:
        setattr(owner, name, function)


def calls() -> dict[str, float]:
    """Calls of the function for 3,200 training objects, without the random ones before the first step."""
    with tempfile.NamedTemporaryFile("r") as log:
        os.environ["CALLS"] = log.name
        run = trained(GRID, ab.python_reward(counted, survey=32), steps=200)
        made = len(log.read().splitlines())
    return {"objects": 16 * run.steps, "calls": made - 32 - 2}


def counted(objects: list[Any]) -> list[float]:
    """Notes its calls."""
    with open(os.environ["CALLS"], "a") as file:
        file.write("call\n" * len(objects))
    return free(objects)


def staleness() -> list[dict[str, Any]]:
    """The exact total variation on a 16 x 16 grid after the same number of steps, by how late rewards are."""
    graph, truth = ab.state_graph(SMALL), HypergridReward(env=SMALL, r0=0.01)
    table = {SMALL.decode(state): value for state, value in _values(graph, truth)}
    rows = []
    for late in (0, 1, 4, 16):
        found = []
        for seed in range(3):
            reward = ab.python_reward(lambda objects: [table[one] for one in objects], inflight=late + 1, version="1")
            options = {"steps": 3000, "batch": 16, "seed": seed, "explore": ab.Explore(epsilon=0.05)}
            run = trained(SMALL, reward, optimizer=ab.Adam(learning_rate=3e-3), **options)
            found.append(ab.total_variation(graph, run.policy, truth))
        rows.append({"staleness": late, "mean": statistics.fmean(found), "seeds": found})
    return rows


def _values(graph: Any, reward: Any) -> Any:
    return zip(np.asarray(graph.object_states), np.exp(ab.log_rewards(graph, reward)).tolist(), strict=True)


def main() -> None:
    """Measure all, and write the page."""
    lines = ["# Rewards in plain Python", "", f"{os.cpu_count()} cores, {jax.local_devices()[0].device_kind}.", ""]
    for title, measure in (
        ("50 ms rewards, batch 16: seconds a step", parallel),
        ("10 ms rewards, batch 16, two workers: share of the time for which the learner waits", waiting),
        ("A free reward, batch 256, 4 x 20 grid: milliseconds a step", overhead),
        ("3,200 training objects", calls),
    ):
        lines += [f"## {title}", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {value:.4g} |" for name, value in measure().items()] + [""]
        print("\n".join(lines[-6:]), flush=True)
    lines += [
        "## Exact total variation by staleness",
        "",
        "16 x 16 grid, R0 = .01, tb, 3,000 steps of 16, three seeds.",
        "",
    ]
    lines += ["| batches late | mean | seeds |", "|---|---|---|"]
    lines += [
        f"| {row['staleness']} | {row['mean']:.4f} | {', '.join(f'{one:.4f}' for one in row['seeds'])} |"
        for row in staleness()
    ]
    RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
