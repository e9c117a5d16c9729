"""Molecules: the exact law of SELFIES words, fragments against random search, and three tasks of PMO.

`python -m benchmarks.molecules [words|fragments|pmo]` writes `results/molecules-*.md`.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import anabranch as ab
from anabranch.environment import take
from anabranch.envs.chemistry import distance, scaffolds
from anabranch.envs.molecule_reward import MoleculeReward, MoleculeScores
from anabranch.evaluation.estimates import log_probs
from anabranch.evaluation.metrics.correlation import pearson, spearman
from anabranch.ground.streams import Stream, key_of
from anabranch.sampling.reference_level import _walked

RESULTS = Path(__file__).parent / "results"
TASKS = ("median1", "perindopril-mpo", "zaleplon-mpo")
BUDGET, TOP, EVERY = 10_000, 10, 100
HELD_OUT = 300


def quiet(row: dict[str, Any]) -> None:
    """Takes the place of the progress line."""


def table(header: list[str], rows: list[list[Any]]) -> list[str]:
    """A table of Markdown."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]


def words() -> list[str]:
    """The exact law of the molecules task, three seeds."""
    task = ab.make("molecules")
    graph = ab.state_graph(task.env)
    rows = []
    for seed in range(3):
        began = time.perf_counter()
        run = ab.train(task, objective="tb", exact=False, seed=seed, callback=quiet)
        took = time.perf_counter() - began
        law = ab.exact_law(graph, run.policy, run.setup.log_reward)
        last = run.history[-1]
        numbers = [f"{law.total_variation:.4f}", f"{last['log_z']:.4f}", f"{law.log_z:.4f}"]
        rows.append([seed, *numbers, law.merged[0].size, last["evaluations"], f"{took:.0f} s"])
        print(rows[-1], flush=True)
    header = ["seed", "exact TV of molecules", "log Z, learned", "exact", "molecules", "evaluations", "time"]
    return ["# Words of SELFIES tokens, 7 x 6, QED^4", "", *table(header, rows)]


def random_objects(env: Any, count: int, first: int = 0) -> tuple[Any, list[str]]:
    """Ends of walks that draw each label alike, and their molecules."""
    pieces, number = [], first
    while sum(piece.shape[0] for piece in pieces) < count:
        states, length, *_ = _walked(env, number)
        pieces.append(np.asarray(take(states, (length - 1, np.arange(length.size)))))
        number += 1
    states = np.concatenate(pieces)[:count]
    return states, [env.decode(state) for state in states]


def fragments() -> list[str]:
    """One training of fragments against random draws, and a second one that the cache answers."""
    task = ab.make("fragments")
    with tempfile.TemporaryDirectory() as folder:
        reward = _with(task.log_reward, workers="2", cache=str(Path(folder) / "shared.sqlite"), batch_size=8)
        task = ab.Task(task.env, reward, name="fragments", settings=task.settings, distance=distance)
        began = time.perf_counter()
        run = ab.train(task, objective="tb", exact=False, seed=0, callback=quiet)
        took = time.perf_counter() - began
        evaluated = reward_of(run).service.evaluated
        second = ab.train(task, objective="tb", exact=False, seed=0, callback=quiet, steps=run.steps)
        service = reward_of(second).service
        share = service.recalled / (service.recalled + service.evaluated)
    drawn = run.sample(1000, seed=1)
    log_reward = np.asarray(drawn.log_reward, np.float64)
    asked = set(run.evaluations()["object"])
    valid = [one for one in drawn.objects if one]
    qed = MoleculeScores(("qed", "sa"))
    states, randoms = random_objects(task.env, evaluated, first=1_000)
    log_r = reward_of(run).log_values(states)
    scored = np.array(qed(randoms[:1000]))
    best = np.argsort(-log_r)[:1000]
    best_scores = np.array(qed([randoms[at] for at in best]))
    mine = np.array(qed(drawn.objects))
    rows = [
        ["sampler", f"{mine[:, 0].mean():.3f}", f"{mine[:, 1].mean():.3f}", f"{log_reward.mean():.2f}"],
        ["random walks", f"{scored[:, 0].mean():.3f}", f"{scored[:, 1].mean():.3f}", f"{log_r[:1000].mean():.2f}"],
        [
            f"best 1,000 of {len(randoms):,} random draws",
            f"{best_scores[:, 0].mean():.3f}",
            f"{best_scores[:, 1].mean():.3f}",
            f"{log_r[best].mean():.2f}",
        ],
    ]
    unseen = [at for at, one in enumerate(randoms[:2000]) if one not in asked][:HELD_OUT]
    held, values = states[unseen], log_r[unseen]
    key = key_of(5, Stream.LOG_PROB)
    log_p = np.array(
        [one.value for one in log_probs(task.env, run.policy, held, backward="uniform", samples=1, key=key)]
    )
    found = [f(log_p, values) for f in (pearson, spearman)]
    top = ab.top_k(drawn.objects, log_reward, k=100, distance=distance)
    best_objects = [drawn.objects[at] for at in np.argsort(-log_reward)[:100]]
    facts = [
        ["training", f"{run.steps:,} steps of {run.setup.batch}, {took:.0f} s, {evaluated:,} evaluations"],
        ["of 1,000 samples valid", len(valid)],
        ["of 1,000 samples distinct", len(set(valid))],
        ["Pearson, log p with log R, held-out random molecules", spoken(found[0])],
        ["Spearman", spoken(found[1])],
        ["top 100: log mean R, mean distance", f"{top.log_reward:.2f}, {top.diversity:.3f}"],
        ["top 100: scaffolds", scaffolds(best_objects)],
        ["second run answered by the cache", f"{share:.1%}"],
    ]
    lines = ["# Fragments, (QED x SA)^8", "", *table(["1,000 molecules", "mean QED", "mean SA", "mean log R"], rows)]
    return [*lines, "", *table(["", ""], facts)]


def spoken(correlation: Any) -> str:
    """A coefficient with its 95 % interval."""
    return f"{correlation.value:.3f} ({correlation.low:.3f} to {correlation.high:.3f}), {correlation.objects} molecules"


def reward_of(run: ab.Run) -> ab.PythonReward:
    """The reward of a run, which is in plain Python."""
    reward: Any = run.setup.log_reward
    assert isinstance(reward, ab.PythonReward)
    return reward


def _with(reward: Any, **changes: Any) -> Any:
    import dataclasses

    return dataclasses.replace(reward, **changes)


def area(values: list[float]) -> float:
    """The area under the mean of the best ten, asked at every hundredth evaluation, over the whole budget (PMO)."""
    tops, best = [], []
    for count, value in enumerate(values[:BUDGET], 1):
        best = sorted([*best, value], reverse=True)[:TOP]
        if count % EVERY == 0:
            tops.append(statistics.fmean(best))
    tops += [tops[-1]] * (BUDGET // EVERY - len(tops))
    return float(np.trapezoid([0.0, *tops], dx=EVERY)) / BUDGET


def pmo() -> list[str]:
    """Three tasks, 10,000 evaluations, three seeds, beside random search in the same space."""
    rows = []
    env = ab.make("fragments", env={"largest": 6}).env
    for name in TASKS:
        mine, random = [], []
        for seed in range(3):
            reward = MoleculeReward(
                env=env, score=name, exponent=24.0, batch_size=8, workers="2", max_evaluations=BUDGET, survey=500
            )
            settings = {"steps": 5_000, "batch": 32, "policy": ab.MLP(width=256), "seed": seed, "exact": False}
            replay = ab.Replay(share=0.5, priority="reward", top=0.05)
            run = ab.train(
                env, reward, objective="tb", replay=replay, explore=ab.Explore(epsilon=0.05), callback=quiet, **settings
            )
            asked = run.evaluations()
            mine.append(area([float(value) for value in asked["column_0"]]))
            _, drawn = random_objects(env, 12_000, first=100 * (seed + 1))
            distinct = list(dict.fromkeys(drawn))[:BUDGET]
            random.append(area([row[0] for row in MoleculeScores((name,))(distinct)]))
            print(name, seed, mine[-1], random[-1], run.steps, len(asked["step"]), flush=True)
        cells = [f"{statistics.fmean(some):.3f} ± {statistics.stdev(some):.3f}" for some in (mine, random)]
        rows.append([name, *cells])
    return [
        "# PMO, AUC of the top 10, 10,000 evaluations, three seeds",
        "",
        *table(["task", "tb", "random search"], rows),
    ]


def main() -> None:
    """Measure what is asked for, or all."""
    measures = {"words": words, "fragments": fragments, "pmo": pmo}
    for name in sys.argv[1:] or measures:
        (RESULTS / f"molecules-{name}.md").write_text("\n".join(measures[name]()) + "\n")


if __name__ == "__main__":
    main()
