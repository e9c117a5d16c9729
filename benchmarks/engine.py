"""`python -m benchmarks.engine`: how near the engine comes to the machine, and how its cost grows.

Writes `benchmarks/results/engine.json` and `engine.md`. Every figure is the best of three repeats in this process.
"""

import json
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import anabranch as ab
from anabranch.envs.bits import BitStrings, NearestMode
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.envs.ising import Ising, IsingReward
from anabranch.evaluation.exact_law import law_against
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.scoring.reading import Reading
from anabranch.training.settings import Setup
from benchmarks.parts import memory_at_batch_256, step_parts

RESULTS = Path(__file__).parent / "results"


def best(function: Callable[[], Any], repeats: int = 3) -> float:
    """The least seconds of so many calls, after one that compiles."""
    return best_in_turn([function], repeats)[0]


def best_in_turn(functions: Sequence[Callable[[], Any]], repeats: int = 3) -> list[float]:
    """The same for each of several functions, called in turn, so that all have their share of a slow moment."""
    times: list[list[float]] = [[] for _ in functions]
    for repeat in range(repeats + 1):
        for function, taken in zip(functions, times, strict=True):
            began = time.perf_counter()
            jax.block_until_ready(function())
            if repeat:
                taken.append(time.perf_counter() - began)
    return [min(taken) for taken in times]


def matmul_rate() -> float:
    """float32 GFLOP/s of a product of two 2048 x 2048 matrices."""
    square = jnp.ones((2048, 2048))
    multiply = jax.jit(lambda matrix: matrix @ matrix)
    return 2 * 2048**3 / best(lambda: multiply(square), 8) / 1e9


def setup_of(env: Any, log_reward: Any, **options: Any) -> Setup:
    defaults = {"objective": "tb", "backward": "learned", "steps": 10**6, "batch": 16, "policy": ab.MLP(width=256)}
    return ab.setup(env, log_reward, optimizer=ab.Adam(decay="none", b2=0.999), **{**defaults, **options})


def grid(dim: int, side: int, **options: Any) -> Setup:
    env = Hypergrid(dim=dim, side=side)
    return setup_of(env, HypergridReward(env=env, r0=1e-3), **options)


def warmed(setup: Setup, steps: int, warm: int = 5, seed: int = 0) -> Callable[[], Any]:
    """So many training steps, after some that do not count, as a function that returns their metrics."""
    state, _, _ = ab.advance(setup, ab.init(setup, seed), jnp.array(warm))
    return lambda: ab.advance(setup, state, jnp.array(steps))[1]


def iteration(setup: Setup, steps: int) -> tuple[float, float]:
    """Seconds a training step, and mean real rows a trajectory."""
    train = warmed(setup, steps)
    return best(train) / steps, float(jnp.mean(train().rows))


def efficiency() -> list[dict[str, Any]]:
    """Counted FLOPs of four forward passes a real row, over the time and over the machine's own matmul rate."""
    ising, bits = Ising(side=9), BitStrings(length=120, word=8)
    spaces = {"ising-9": (ising, IsingReward(env=ising)), "bits-120": (bits, NearestMode(env=bits))}
    found = []
    for name, (env, reward) in spaces.items():
        seconds, rows = iteration(setup_of(env, reward, batch=256), 8)
        inputs = ab.observer(env).size
        outputs = env.num_actions + 1 + env.num_slots + 1
        flops = 4 * 2 * rows * 256 * (inputs * 256 + 256 * 256 + 256 * outputs)
        rate = matmul_rate()
        share = flops / seconds / 1e9 / rate
        found.append(
            {"space": name, "ms": 1e3 * seconds, "rows": rows, "gflop": flops / 1e9, "matmul": rate, "share": share}
        )
    return found


def parts() -> list[dict[str, Any]]:
    """Where a step's time goes at batch 16."""
    bits, ising = BitStrings(length=120, word=8), Ising(side=9)
    cases = {
        "grid 2 x 8": (grid(2, 8), 500),
        "grid 4 x 20": (grid(4, 20), 500),
        "ising 9 x 9": (setup_of(ising, IsingReward(env=ising)), 30),
        "bits 120 / 8": (setup_of(bits, NearestMode(env=bits)), 30),
    }
    found = []
    for name, (setup, times) in cases.items():
        state, metrics, _ = ab.advance(setup, ab.init(setup, 0), jnp.array(times))
        taken = step_parts(setup, state, times, best)
        found.append({"space": name, "rows": float(metrics.rows) * setup.batch, **taken})
    return found


def growth() -> list[dict[str, Any]]:
    """Milliseconds against real rows, over batch and over the side of the grid."""
    cases = [(20, batch) for batch in (16, 64, 256, 1024, 4096)] + [(side, 64) for side in (8, 16, 32, 64)]
    found = []
    for side, batch in cases:
        seconds, rows = iteration(grid(4, side, batch=batch), max(4, 4000 // batch))
        found.append({"side": side, "batch": batch, "rows": rows * batch, "ms": 1e3 * seconds})
    return found


def exponent(points: list[dict[str, Any]]) -> float:
    """The slope of log time over log real rows."""
    return float(np.polyfit(np.log([p["rows"] for p in points]), np.log([p["ms"] for p in points]), 1)[0])


def seeds() -> list[dict[str, Any]]:
    """Eight seeds in one program against the same eight, each a run of its own, on 2 x 8."""
    found = []
    for batch in (16, 64, 256):
        singles = [warmed(grid(2, 8, batch=batch), 100, warm=500, seed=seed) for seed in range(8)]
        eight = warmed(grid(2, 8, batch=batch, seeds=8), 100, warm=500)
        *each, together = (seconds / 100 for seconds in best_in_turn([*singles, eight], 5))
        alone = sum(each)
        found.append(
            {
                "batch": batch,
                "in turn, ms": 1e3 * alone,
                "together, ms": 1e3 * together,
                "ratio": together / alone,
            }
        )
    return found


def subtb() -> dict[str, Any]:
    """Sub-trajectory balance against trajectory balance at T = 240 moves (240 bits one by one, batch 16)."""
    bits = BitStrings(length=240, word=1)
    tb, subtb = (warmed(setup_of(bits, NearestMode(env=bits), objective=name), 30) for name in ("tb", "subtb"))
    one, other = (1e3 * seconds / 30 for seconds in best_in_turn([tb, subtb], 7))
    return {"tb, ms": one, "subtb, ms": other, "ratio": other / one, "rows": float(tb().rows)}


def truth() -> dict[str, Any]:
    """The state graph of hypergrid 4 x 20, and the exact law of a policy on it."""
    setup = grid(4, 20)
    began = time.perf_counter()
    graph = ab.state_graph(setup.env)
    built = time.perf_counter() - began
    log_reward = ab.log_rewards(graph, setup.log_reward)
    policy = ab.init(setup, 0).policy
    reading = Reading(setup.env, LearnedBackward())
    law = best(lambda: law_against(graph, policy, log_reward, reading=reading).total_variation)
    return {"states": graph.num_states, "graph, s": built, "law again, s": law}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as a Markdown table."""
    head = list(rows[0])
    shown = [
        [f"{v:,.4g}" if isinstance(v, float) else f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()]
        for row in rows
    ]
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(line)} |" for line in shown), ""]


def main() -> None:
    """Measure everything and write it down."""
    began = time.perf_counter()
    found: dict[str, Any] = {
        "truth": truth(),
        "efficiency": efficiency(),
        "parts": parts(),
        "memory at batch 256, GB": memory_at_batch_256(),
        "subtb": subtb(),
        "seeds": seeds(),
        "growth": growth(),
    }
    found["exponent"] = {"batch": exponent(found["growth"][:5]), "side": exponent(found["growth"][5:])}
    found["peak memory, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    found["seconds"] = time.perf_counter() - began
    lines = ["# The engine on its own", "", "## Matrix work at batch 256", "", *table(found["efficiency"])]
    lines += ["## Where a step's milliseconds go at batch 16", "", *table(found["parts"])]
    lines += ["## Sub-trajectory balance at 240 moves", "", *table([found["subtb"]])]
    lines += ["## Eight seeds in one program (2 x 8)", "", *table(found["seeds"])]
    lines += ["## Exact truth on hypergrid 4 x 20", "", *table([found["truth"]])]
    lines += ["## Cost against real rows (4-dimensional grid)", "", *table(found["growth"])]
    slopes = ", ".join(f"{value:.2f} over {name}" for name, value in found["exponent"].items())
    memory = f"{found['memory at batch 256, GB']:.2f} GB for 4 x 20 at batch 256 alone"
    lines += [
        f"Fitted exponent: {slopes}. Peak memory: {memory}; {found['peak memory, GB']:.2f} GB for all of this.",
        "",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "engine.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "engine.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
