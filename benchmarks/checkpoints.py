"""`python -m benchmarks.checkpoints`: what keeping the state of a training costs.

Two numbers: the speed of a training that keeps its state every ten seconds against one that keeps none, run
alternately; and how long a training stands still for a state of ten million parameters and 100,000 replayed objects.
Writes `benchmarks/results/checkpoints.md`.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

import anabranch as ab
from anabranch.envs.tasks import make
from anabranch.training.configuration import configuration
from anabranch.training.growth import Growth
from anabranch.training.keeping import Keeper
from benchmarks.run import cpu_name

RESULTS = Path(__file__).parent / "results"
ROUNDS, SECONDS = 3, 30


def speed(checkpoint: Any, out: Path, steps: int) -> float:
    """Steps a second over the whole training, waiting for the disk included, compilation left out."""
    task, begun = make("hypergrid-standard"), []
    settings: dict[str, Any] = task.settings("tb").arguments() | {"steps": steps}

    def first(row: dict[str, Any]) -> None:
        if not begun:
            begun.append((row["step"], time.perf_counter()))

    ab.train(task, objective="tb", out=out, checkpoint=checkpoint, exact=False, callback=first, **settings)
    done, began = begun[0]
    return (steps - done) / (time.perf_counter() - began)


def stall() -> tuple[float, float, int, int, int]:
    """Seconds that `Keeper.keep` takes, and until the disk has it all; parameters, replayed objects, bytes."""
    task = make("hypergrid-standard")
    setup = ab.setup(
        task.env,
        task.log_reward,
        objective="tb",
        steps=100,
        batch=16,
        policy=ab.MLP(width=3_050, depth=2),
        replay=ab.Replay(capacity=100_000),
    )
    state = ab.init(setup, 0)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(state.policy, eqx.is_inexact_array)))
    state, _, _ = jax.block_until_ready(ab.advance(setup, state, jnp.array(1)))
    with tempfile.TemporaryDirectory() as folder:
        config = configuration(setup, seed=0, name="hypergrid-standard")
        keeper = Keeper(setup, Path(folder) / "run", config, ab.Checkpoint(steps=1))
        began = time.perf_counter()
        keeper.keep(Growth(setup, state, done=1))
        stalled = time.perf_counter() - began
        keeper.close()
        written = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.safetensors"))
    return stalled, written, parameters, 100_000, size


def main() -> None:
    """Measure and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        pace = speed("off", Path(folder) / "first", 2_000)
        steps = int(pace * SECONDS)
        kept, alone = [], []
        for number in range(ROUNDS):
            alone.append(speed("off", Path(folder) / f"alone-{number}", steps))
            kept.append(speed(ab.Checkpoint(seconds=10), Path(folder) / f"kept-{number}", steps))
    ratios = [one / other for one, other in zip(kept, alone, strict=True)]
    stalled, written, parameters, objects, size = stall()
    lines = [
        "# What checkpoints cost",
        "",
        f"{cpu_name()}, hypergrid-standard, tb, batch 16; {ROUNDS} pairs of trainings of about {SECONDS} s.",
        "",
        "| | steps a second |",
        "|---|---|",
        f"| no checkpoint but the last | {statistics.fmean(alone):,.0f} |",
        f"| one every 10 s | {statistics.fmean(kept):,.0f} |",
        "",
        f"Speed with checkpoints over speed without, pair by pair: {', '.join(f'{ratio:.3f}' for ratio in ratios)}.",
        "",
        f"A state of {parameters:,} parameters and {objects:,} replayed objects, {size / 1e6:,.0f} MB on disk: the "
        f"training stands still for {stalled:.3f} s, the disk has it after {written:.2f} s.",
        "",
    ]
    (RESULTS / "checkpoints.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
