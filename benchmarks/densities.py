"""`python -m benchmarks.densities [TASK ...]`: continuous tasks, trained by their settings, held against what is known.

Three seeds each. ELBO gap, importance-weighted log Z and effective samples of 8,000 trajectories of the policy, EUBO
of as many perfect draws, modes reached, distances beside two perfect samples, and in one and two dimensions the exact
total variation by quadrature. Each task is written to `benchmarks/results/densities.json` as it ends, and the table is
made of that: `benchmarks/results/densities.md`. `--quick` trains 50 steps of one seed, to see that all of it runs.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import anabranch as ab
from anabranch.ground.means import Estimate
from benchmarks.run import cpu_name

RESULTS = Path(__file__).parent / "results"
TASKS = ("line", "box", "torus", "gaussians-25", "funnel", "many-well", "many-well-32")
SEEDS = (0, 1, 2)
SAMPLES = 8_000


def measured(name: str, seed: int, steps: int | None) -> dict[str, Any]:
    """One training, and what it is worth."""
    task = ab.make(name)
    began = time.perf_counter()
    options: dict[str, Any] = {} if steps is None else {"steps": steps}
    run = ab.train(task, objective="tb", seed=seed, exact=False, callback=lambda row: None, **options)
    took = time.perf_counter() - began
    found = run.evaluate(samples=SAMPLES if steps is None else 200, seed=seed)
    estimates = found.estimates
    return {
        "task": name,
        "seed": seed,
        "steps": run.steps,
        "batch": run.setup.batch,
        "seconds": took,
        "log_z_known": found.log_z_exact,
        "log_z": found.log_z,
        "elbo": _numbers(estimates.elbo),
        "log_z_weighted": _numbers(estimates.log_z),
        "eubo": _numbers(estimates.eubo),
        "effective_samples": estimates.effective_samples,
        "samples": found.samples,
        "total_variation": found.total_variation,
        "modes": _metric(found, "modes_reached"),
        "wasserstein": _metric(found, "wasserstein"),
        "mmd": _metric(found, "mmd"),
    }


def _numbers(estimate: Estimate | None) -> list[float] | None:
    return None if estimate is None else [estimate.value, estimate.error]


def _metric(found: Any, name: str) -> str | None:
    measured = found.metrics.measured.get(name)
    kinds = {metric.name: metric for metric in found.metrics.metrics}
    return None if measured is None else "; ".join(kinds[name].row(measured)[1:])


HEAD = (
    "| task | seed | steps x batch | s | log Z | learned | weighted | ELBO gap | EUBO gap | effective | TV | modes "
    "| Wasserstein | MMD |"
)


def row(one: dict[str, Any]) -> str:
    """A line of the table."""
    known = one["log_z_known"]
    gaps = [_gap(one["elbo"], known, 1), _gap(one["eubo"], known, -1)]
    weighted = one["log_z_weighted"]
    cells = [
        one["task"],
        str(one["seed"]),
        f"{one['steps']:,} x {one['batch']}",
        f"{one['seconds']:.0f}",
        _text(known, ".6f"),
        _text(one["log_z"], ".4f"),
        "" if weighted is None else f"{weighted[0]:.4f} ± {weighted[1]:.4f}",
        *gaps,
        f"{one['effective_samples'] / one['samples']:.2f}",
        _text(one["total_variation"], ".4f"),
        *[one[name] or "" for name in ("modes", "wasserstein", "mmd")],
    ]
    return f"| {' | '.join(cells)} |"


def _gap(estimate: list[float] | None, known: float | None, side: int) -> str:
    return "" if estimate is None or known is None else f"{side * (known - estimate[0]):.4f} ± {estimate[1]:.4f}"


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def main() -> None:
    """Train and measure the named tasks, and write the table of all that were ever measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    path = RESULTS / "densities.json"
    for name in asked.tasks:
        for seed in asked.seeds[:1] if asked.quick else asked.seeds:
            one = measured(name, seed, 50 if asked.quick else None)
            print(row(one), flush=True)
            if not asked.quick:
                rows = json.loads(path.read_text()) if path.is_file() else []
                rows = [old for old in rows if (old["task"], old["seed"]) != (name, seed)] + [one]
                order = {task: place for place, task in enumerate(TASKS)}
                rows.sort(key=lambda old: (order.get(old["task"], len(order)), old["seed"]))
                path.write_text(json.dumps(rows, indent=1) + "\n")
                write(rows)


def write(rows: list[dict[str, Any]]) -> None:
    """The table as a page."""
    lines = [
        "# Continuous tasks, held against what is known",
        "",
        f"`python -m benchmarks.densities` on {cpu_name()}, {os.cpu_count()} cores: trajectory balance with the",
        f"settings of each task. Of {SAMPLES:,} trajectories: ELBO and importance-weighted log Z with standard errors,",
        "the share of effective samples; of as many perfect draws EUBO, where the target has them. TV is exact, by",
        "quadrature.",
        "",
        HEAD,
        "|---" * (HEAD.count("|") - 1) + "|",
        *[row(one) for one in rows],
        "",
    ]
    (RESULTS / "densities.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
