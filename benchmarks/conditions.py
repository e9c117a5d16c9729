"""`python -m benchmarks.conditions`: one sampler for many targets, each held against its exact law.

Two trainings of three seeds each. The exponent of the reward of the 2 x 8 grid, from .25 to 8; and preferences between
two usual test functions on a 32 x 32 grid, of which every cell is an object. Exact total variation and log Z under each
condition, and of the preferences the Pareto front among 2,000 objects. Writes `benchmarks/results/conditions.md`.
"""

import time
from pathlib import Path
from typing import Any

from examples.two_rewards import SIDE, branin_and_currin

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid
from anabranch.evaluation.conditional import Conditions, measured_under
from benchmarks.run import cpu_name

RESULT = Path(__file__).parent / "results" / "conditions.md"
SEEDS = (0, 1, 2)
EXPONENTS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
DRAWN = 96
"""Objects under each of 21 preferences: 2,016 in all."""


class Asked(ab.Temperature):
    """Exponents from .25 to 8, measured at those of the table."""

    def grid(self) -> list[Any]:
        """The exponents of the table."""
        return list(EXPONENTS)


def trained(env: Any, reward: Any, condition: Any, *, seed: int, steps: int) -> tuple[Conditions, float]:
    """Train, and measure under each condition; and the seconds that the training took, compilation included."""
    began = time.perf_counter()
    options: dict[str, Any] = {"steps": steps, "batch": 64, "explore": ab.Explore(epsilon=0.1), "exact": False}
    run = ab.train(env, reward, objective="tb", condition=condition, seed=seed, **options, callback=lambda row: None)
    took = time.perf_counter() - began
    rewards: Any = run.setup.log_reward
    measuring: dict[str, Any] = {"backward": "uniform", "samples": DRAWN, "seed": seed, "exact": True}
    return measured_under(env, run.policy, rewards, run.setup.objective, **measuring), took


def exponents() -> list[str]:
    """The rows of the first table."""
    task, rows, total = ab.make("hypergrid"), [], []
    found = [trained(task.env, task.log_reward, Asked(), seed=seed, steps=8_000) for seed in SEEDS]
    for number, beta in enumerate(EXPONENTS):
        ones = [conditions.rows[number] for conditions, _ in found]
        learned = " / ".join(f"{one.log_z:.4f}" for one in ones)
        distances = " / ".join(f"{one.total_variation:.4f}" for one in ones)
        slopes = " / ".join(f"{one.slope:.3f}" for one in ones)
        rows.append(
            f"| {beta:g} | {ones[0].log_z_exact:.6f} | {learned} | {distances} | {ones[0].slope_exact:.3f} | {slopes} |"
        )
    for conditions, seconds in found:
        worst = f"{conditions.worst('total_variation'):.4f}, log Z {conditions.worst('log_z_error'):.4f}"
        total.append(f"worst total variation {worst}, {seconds:.0f} s")
    head = "| beta | log Z, exact | learned | total variation | E[log R], exact | d log Z / d beta, learned |"
    return [head, "|---|---|---|---|---|---|", *rows, "", "Seeds 0, 1, 2: " + "; ".join(total) + "."]


def preferences() -> list[str]:
    """The rows of the second table."""
    condition, env = ab.Preferences(rewards=2, exponent=16.0), Hypergrid(dim=2, side=SIDE)
    head = "| seed | worst total variation | mean | worst error of log Z | Pareto points | hypervolume | R2 | seconds |"
    rows, exact = [], []
    for seed in SEEDS:
        found, seconds = trained(env, branin_and_currin, condition, seed=seed, steps=15_000)
        front = found.front
        assert front is not None
        worst, mean = found.worst("total_variation"), found.mean("total_variation")
        points = f"{front.points_found} of {front.points_exact}"
        volume = f"{front.hypervolume:.6f} of {front.hypervolume_exact:.6f}"
        distances = f"{worst:.4f} | {mean:.4f} | {found.worst('log_z_error'):.4f}"
        rows.append(f"| {seed} | {distances} | {points} | {volume} | {front.r2:.5f} | {seconds:.0f} |")
        exact = [f"{row.log_z_exact:.6f}" for row in found.rows[::5]]
    words = f"Exact log Z at w = (1, 0), (.75, .25), (.5, .5), (.25, .75), (0, 1): {', '.join(exact)}."
    return [head, "|---" * 8 + "|", *rows, "", words]


def main() -> None:
    """Measure and write the page."""
    parts = [
        "# One sampler under many conditions",
        "",
        f"Written by `python -m benchmarks.conditions` on {cpu_name()}. Trajectory balance, uniform P_B, MLP 2 x 256,",
        "batch 64, epsilon .1, Adam 1e-3 with cosine decay; the settings were chosen on seed 100.",
        "",
        "## The exponent of the reward of the 2 x 8 grid, 8,000 steps",
        "",
        *exponents(),
        "",
        f"## Preferences between two rewards on the {SIDE} x {SIDE} grid, 15,000 steps",
        "",
        "R = (w f1 + (1 - w) f2)^16 with the functions of Branin and Currin (`examples/two_rewards.py`),",
        f"21 preferences, {21 * DRAWN:,} objects drawn.",
        "",
        *preferences(),
        "",
    ]
    RESULT.write_text("\n".join(parts), encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
