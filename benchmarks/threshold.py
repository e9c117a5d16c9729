"""`python -m benchmarks.threshold count|report`: seconds of training until the exact total variation is below .1.

The evaluator is ours for every library: each exports log P_F on all states, and the law that follows is computed
exactly. A threshold counts when it holds at two evaluations in a row; evaluation is off the clock, compilation has a
column of its own, and a run ends at ten minutes.

`count` finds, with our trainer and seeds 0-2, the training steps that each setting of one small grid needs: the
libraries run one algorithm, so that steps belong to the setting and their price to the library. `report` prices a step
of each library, gives each the setting with the least steps x price, and runs those on seeds 3-7.
Writes `benchmarks/results/threshold.json` and `threshold.md`.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.evaluation.flows import EdgeLaw, terminal_distribution
from benchmarks.run import LIBRARIES, PEERS, RESULTS, measure, python_of

THRESHOLD, LIMIT_SECONDS = 0.1, 600.0
PROBLEMS: dict[str, dict[str, Any]] = {
    "2x32": {"space": "hypergrid", "dim": 2, "side": 32, "r0": 1e-3},
    "4x8": {"space": "hypergrid", "dim": 4, "side": 8, "r0": 1e-3},
}
SETTINGS = [
    {"batch": batch, "lr": lr, "epsilon": epsilon}
    for batch, lr, epsilon in product((16, 64, 256), (1e-3, 3e-3), (0.05, 0.1))
]
CHOICE_SEEDS, REPORT_SEEDS = range(3), range(3, 8)
MOST_TRAJECTORIES = 1_280_000
"""Of a run that only counts steps; a setting that needs more is not chosen."""
PRICED_STEPS = 60


@cache
def truth(dim: int, side: int, r0: float) -> tuple[ab.StateGraph, np.ndarray, np.ndarray]:
    """The graph of a grid, its exact target, and the place of each state in C order."""
    env = Hypergrid(dim=dim, side=side)
    graph = ab.state_graph(env)
    log_reward = ab.log_rewards(graph, HypergridReward(env=env, r0=r0))
    target = np.exp(log_reward - np.logaddexp.reduce(log_reward))
    place = np.asarray(np.ravel_multi_index(tuple(np.asarray(graph.states).T), (side,) * dim))
    return graph, target, place


def total_variation(problem: dict[str, Any], log_probs: np.ndarray) -> float:
    """The exact distance between the target and the law of a policy given by log P_F on all states in C order."""
    graph, target, place = truth(problem["dim"], problem["side"], problem["r0"])
    ours = log_probs[place].astype(np.float64)
    law = EdgeLaw(ours[graph.source, graph.action], ours[:, -1], None, np.zeros(graph.num_states))
    return float(np.abs(terminal_distribution(graph, law) - target).sum() / 2)


def watch(library: str, row: dict[str, Any], look: Callable[[dict[str, Any]], bool]) -> None:
    """Run a row; it waits after each checkpoint for `look`, and ends where that says True."""
    python, reason = python_of(library)
    if python is None:
        raise RuntimeError(reason)
    command = [str(python), str(PEERS / f"{library}_peer.py"), json.dumps({**row, "mode": "tv", "wait": True})]
    process = subprocess.Popen(command, cwd=PEERS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            point = json.loads(line)
            if "library" in point or look(point):
                break
            process.stdin.write("go\n")
            process.stdin.flush()
        process.kill()


def reach(
    library: str, problem: dict[str, Any], setting: dict[str, Any], seed: int, *, most_steps: float = float("inf")
) -> dict[str, Any]:
    """Steps and seconds until the threshold held twice in a row; `reached` is False where a limit came first."""
    curve: list[tuple[int, float, float]] = []

    def held() -> bool:
        return len(curve) > 1 and max(curve[-1][2], curve[-2][2]) <= THRESHOLD

    def look(point: dict[str, Any]) -> bool:
        file = Path(point["file"])
        curve.append((point["step"], point["seconds"], total_variation(problem, np.load(file))))
        file.unlink()
        return held() or point["step"] >= most_steps

    with tempfile.TemporaryDirectory() as folder:
        every = max(25, 1600 // setting["batch"])
        row = {**problem, **setting, "seed": seed, "every": every, "out": folder, "limit_seconds": LIMIT_SECONDS}
        watch(library, row, look)
    at = curve[-2] if held() else curve[-1]
    return {"reached": held(), "steps": at[0], "seconds": at[1], "total_variation": at[2]}


def priced(library: str, problem: dict[str, Any], batch: int) -> dict[str, Any]:
    """Milliseconds a training step, and of compilation, early in training."""
    python, reason = python_of(library)
    if python is None:
        return {"failed": reason}
    row = {**problem, "batch": batch, "epsilon": 0.1, "steps": PRICED_STEPS, "seconds": 20}
    return measure(library, python, row)


def count() -> dict[str, Any]:
    """The steps that every setting needs, for each problem."""
    found: dict[str, Any] = {}
    for name, problem in PROBLEMS.items():
        found[name] = []
        for setting in SETTINGS:
            most = MOST_TRAJECTORIES / setting["batch"]
            runs = [reach("anabranch", problem, setting, seed, most_steps=most) for seed in CHOICE_SEEDS]
            found[name].append({**setting, "steps": [run["steps"] if run["reached"] else None for run in runs]})
            print(name, found[name][-1], flush=True)
    return found


def chosen(counted: list[dict[str, Any]], prices: dict[int, float]) -> dict[str, Any]:
    """The setting with the least median steps x milliseconds a step."""

    def cost(entry: dict[str, Any]) -> float:
        return median(steps or float("inf") for steps in entry["steps"]) * prices[entry["batch"]]

    best = min(counted, key=cost)
    return {key: best[key] for key in ("batch", "lr", "epsilon")}


def report(counted: dict[str, Any]) -> dict[str, Any]:
    """Every library with its own setting on the seeds that were not looked at, alternately."""
    found: dict[str, Any] = {}
    for name, problem in PROBLEMS.items():
        found[name] = {}
        for library in LIBRARIES:
            answers = {batch: priced(library, problem, batch) for batch in (16, 64, 256)}
            prices = {batch: answer.get("ms_per_iteration", float("inf")) for batch, answer in answers.items()}
            setting = chosen(counted[name], prices)
            compiled = answers[setting["batch"]].get("compile_seconds")
            found[name][library] = {"ms_per_step": prices, "setting": setting, "compile": compiled, "runs": []}
        for seed in REPORT_SEEDS:
            for library, entry in found[name].items():
                entry["runs"].append(reach(library, problem, entry["setting"], seed))
                print(name, library, entry["setting"], seed, entry["runs"][-1], flush=True)
    return found


def as_markdown(found: dict[str, Any]) -> str:
    """The table of the report."""
    lines = [
        "# Seconds of training to an exact total variation of .1",
        "",
        "R0 = .001, trajectory balance, learned P_B, MLP 2x256, exploration a step; median and range over seeds 3-7; a",
        "run that did not get there in ten minutes counts as infinite. The setting of each library is the one with the",
        "least steps (median over seeds 0-2, counted with our trainer) x its own milliseconds a step.",
        "",
        "| grid | library | batch, lr, epsilon | reached | seconds | steps | compile, s | we are faster by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, answers in found.items():
        ours = median(seconds_of(answers["anabranch"]["runs"]))
        for library, entry in answers.items():
            setting, times = entry["setting"], seconds_of(entry["runs"])
            cells = [
                name,
                library,
                f"{setting['batch']}, {setting['lr']:g}, {setting['epsilon']:g}",
                f"{sum(run['reached'] for run in entry['runs'])} of {len(times)}",
                f"{median(times):.1f} ({min(times):.1f}-{max(times):.1f})",
                f"{median(run['steps'] for run in entry['runs']):,.0f}",
                f"{entry['compile']:.1f}",
                "" if library == "anabranch" else f"{median(times) / ours:.1f}x",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def seconds_of(runs: list[dict[str, Any]]) -> list[float]:
    """The seconds of each run, infinite where it did not get there."""
    return [run["seconds"] if run["reached"] else float("inf") for run in runs]


def main() -> None:
    """Count steps, or report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threshold", description=__doc__)
    parser.add_argument("what", choices=("count", "report"))
    what = parser.parse_args().what
    place = RESULTS / "threshold.json"
    known = json.loads(place.read_text()) if place.exists() else {}
    if what == "count":
        known["steps"] = count()
    elif "steps" not in known:
        parser.error("run `count` first")
    else:
        known["report"] = report(known["steps"])
        (RESULTS / "threshold.md").write_text(as_markdown(known["report"]))
    place.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
