"""`python -m benchmarks.bit_modes --form causal`: how many of 60 hidden modes of 120 bits are found, and how soon.

Words of 8 bits, and R = exp(-d) with d the Hamming distance to the nearest mode (`--beta` is the nats of 120 wrong
bits). A mode counts as found when an object at most 28 bits away was drawn, as in Malkin et al. 2022
(arXiv:2201.13259). Training ends with the clock, after `--seconds` (1,800) or when all modes are found; now and then
1,000 fresh objects are drawn, off the clock, and used for nothing else. At the end Spearman's coefficient of log p(x)
and log R(x) is taken over modes in which some bits were flipped; a published figure is .81.

Forms: `causal` and `left-mlp` write words from left to right, where log p(x) is exact; `set` and `mlp` in any order.
Each call adds a run to `benchmarks/results/bit-modes.json`, and writes `bit-modes.md` anew from all of them.
"""

import argparse
import json
import math
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import anabranch as ab
from anabranch.envs.bits import BitStrings, NearestMode
from anabranch.envs.bits_ordered import BitsLeftToRight
from anabranch.evaluation.estimates import log_probs
from anabranch.sampling.draw import sample_states
from benchmarks.engine import RESULTS, table

LENGTH, WORD, MODES, NEAR = 120, 8, 60, 28
PUBLISHED = 0.81
FORMS: dict[str, tuple[BitStrings, Any]] = {
    "causal": (BitsLeftToRight(length=LENGTH, word=WORD), ab.Transformer(causal=True)),
    "left-mlp": (BitsLeftToRight(length=LENGTH, word=WORD), ab.MLP()),
    "set": (BitStrings(length=LENGTH, word=WORD), ab.Transformer()),
    "mlp": (BitStrings(length=LENGTH, word=WORD), ab.MLP()),
}
DRAWN, TESTED, WAYS = 1_000, 10, 64
"""Objects of a report; test objects of each mode; ways back to each, where there are several."""


def setup_of(chosen: argparse.Namespace) -> ab.Setup:
    env, network = FORMS[chosen.form]
    reward = NearestMode(env=env, beta=chosen.beta, modes=MODES)
    options = {
        "objective": chosen.objective,
        "policy": network,
        "batch": chosen.batch,
        "explore": ab.Explore(epsilon=chosen.epsilon),
    }
    rate = ab.Adam(learning_rate=chosen.rate, decay="none")
    return ab.setup(env, reward, optimizer=rate, steps=10**9, anneal=ab.Anneal(steps=chosen.anneal), **options)


def bits_of(env: BitStrings, states: Any) -> np.ndarray:
    """Objects as -1 and 1, [n, length]."""
    return np.asarray(jax.vmap(env.bits)(jnp.asarray(states))).reshape(len(states), -1)


def near_modes(setup: Any, states: Any) -> set[int]:
    """The modes that some object is near to."""
    distance = (LENGTH - bits_of(setup.env, states) @ setup.log_reward.hidden.T) / 2
    return set(np.flatnonzero((distance <= NEAR).any(0)).tolist())


def test_states(setup: Any) -> np.ndarray:
    """Modes with some bits flipped, evenly from none to all."""
    rng = np.random.default_rng(1)
    ones = np.repeat(setup.log_reward.hidden > 0, TESTED, axis=0)
    for row, flips in zip(
        ones, np.tile(np.linspace(0, LENGTH, TESTED, endpoint=False).astype(int), MODES), strict=True
    ):
        places = rng.choice(LENGTH, flips, replace=False)
        row[places] ^= True
    return (ones.reshape(len(ones), -1, WORD) * 2 ** np.arange(WORD)[::-1]).sum(-1)


def spearman_of(setup: Any, policy: ab.Policy) -> ab.Correlation:
    states = jnp.asarray(test_states(setup))
    ways = 1 if isinstance(setup.env, BitsLeftToRight) else WAYS
    found = log_probs(setup.env, policy, states, backward="uniform", samples=ways, key=jax.random.key(2))
    log_reward = np.asarray(jax.vmap(setup.log_reward)(states), np.float64)
    return ab.spearman(np.array([one.value for one in found]), log_reward.round(3))


def trained(chosen: argparse.Namespace) -> dict[str, Any]:
    setup = setup_of(chosen)
    state, found, curve = ab.init(setup, chosen.seed), set(), []
    seconds = compiling = 0.0
    count, steps = 1, 0
    while seconds < chosen.seconds and len(found) < MODES:
        began = time.perf_counter()
        state, metrics, _ = ab.advance(setup, state, jnp.array(count))
        loss = float(metrics.loss)
        taken, steps = time.perf_counter() - began, steps + count
        if steps == 1:
            compiling = taken
            continue
        seconds += taken
        # From the second chunk on as many steps as fit between two reports, and into what is left.
        until = min(chosen.report, max(chosen.seconds - seconds, 0.0))
        count = max(1, min(10 * count, math.ceil(until * count / taken)))
        drawn = sample_states(
            setup.env, state.policy, DRAWN, key=jax.random.fold_in(jax.random.key(chosen.seed), steps)
        )
        found |= near_modes(setup, drawn)
        best = float(np.max(jax.vmap(setup.log_reward)(jnp.asarray(drawn))))
        curve.append({"seconds": seconds, "steps": steps, "modes": len(found), "best log R": best, "loss": loss})
        print(chosen.form, curve[-1], flush=True)
    rank = spearman_of(setup, state.policy)
    return {
        **vars(chosen),
        "compiling": compiling,
        "curve": curve,
        "spearman": rank.value,
        "interval": [rank.low, rank.high],
    }


def page(runs: list[dict[str, Any]]) -> str:
    """All runs as Markdown."""
    rows = []
    for run in runs:
        last, half = run["curve"][-1], next((one for one in run["curve"] if 2 * one["modes"] >= MODES), None)
        row = {name: run[name] for name in ("form", "seed", "objective", "batch", "beta", "epsilon")}
        row |= {"modes of 60": last["modes"], "seconds": last["seconds"], "steps": last["steps"]}
        row |= {"half of them after, s": "-" if half is None else half["seconds"]}
        low, high = run["interval"]
        rows.append(row | {"Spearman": f"{run['spearman']:.3f} [{low:.3f}, {high:.3f}]"})
    told = (__doc__ or "").split("\n\n", 1)[1]
    return "\n".join(["# Sixty modes of 120 bits", "", told, "", *(table(rows) if rows else [])])


def main() -> None:
    """Train one form, and write all runs down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS, default="causal")
    parser.add_argument("--seconds", type=float, default=1_800.0)
    parser.add_argument("--report", type=float, default=60.0, help="seconds of training between two reports")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--objective", default="tb")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--epsilon", type=float, default=0.01)
    parser.add_argument("--beta", type=float, default=float(LENGTH), help="log R at a mode less log R of its opposite")
    parser.add_argument("--anneal", type=int, default=0, help="steps until the exponent of R is 1")
    chosen = parser.parse_args()
    file = RESULTS / "bit-modes.json"
    runs = json.loads(file.read_text()) if file.is_file() else []
    runs.append(trained(chosen))
    file.write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "bit-modes.md").write_text(page(runs))
    print(page(runs))


if __name__ == "__main__":
    main()
