"""Where the time of a training step goes, and how much memory training takes; each figure from the compiled program."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

import anabranch as ab
from anabranch.sampling.rollout import rollout
from anabranch.training.settings import Setup
from anabranch.training.state import TrainState
from anabranch.training.step import propose, reward

MEMORY_PROGRAM = """
import jax
import anabranch as ab
task = ab.make("hypergrid-standard")
setup = ab.setup(task.env, task.log_reward, objective="tb", backward="learned", steps=1000, batch=256)
state, metrics, _ = ab.advance(setup, ab.init(setup, 0), jax.numpy.array(200))
jax.block_until_ready(metrics)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) / 1e6)
"""


def repeated(part: Callable[[TrainState, Any], Any], state: TrainState, times: int) -> Callable[[], Any]:
    """A part of a step, run `times` times in one compiled loop, with a fresh key each time."""

    @eqx.filter_jit
    def run(state: TrainState) -> Any:
        def body(number: Any, total: Any) -> Any:
            found = part(state, jax.random.fold_in(state.key, number))
            numbers = [leaf for leaf in jax.tree.leaves(found) if jnp.issubdtype(leaf.dtype, jnp.number)]
            # A trace of every result, so that nothing is left out of the program as unused.
            return total + 1e-20 * sum(jnp.sum(leaf.astype(jnp.float32)) for leaf in numbers)

        return jax.lax.fori_loop(0, times, body, jnp.zeros(()))

    return lambda: run(state)


def step_parts(setup: Setup, state: TrainState, times: int, best: Callable[..., float]) -> dict[str, Any]:
    """Milliseconds of a whole step, of sampling, of the optimiser, and of what is left: score and gradient."""

    def sampling(state: TrainState, key: Any) -> Any:
        trajectories, seen, _ = rollout(state.policy, setup.reading, key, setup.batch, remember=True)
        return trajectories.length, seen.rows

    def rewards(state: TrainState, key: Any) -> Any:
        found = reward(setup, propose(setup, dataclasses.replace(state, key=key)))
        return found and found.log_reward

    def optimiser(state: TrainState, key: Any) -> Any:
        parameters = eqx.filter(state.policy, eqx.is_inexact_array)
        slope = jax.tree.map(lambda leaf: leaf * jax.random.uniform(key), parameters)
        updates, fresh = setup.transformation.update(slope, state.optimizer, parameters)
        return eqx.apply_updates(parameters, updates), fresh

    whole = best(lambda: ab.advance(setup, state, jnp.array(times))[1]) / times
    taken = {part.__name__: best(repeated(part, state, times)) / times for part in (sampling, rewards, optimiser)}
    rest = whole - max(taken["sampling"], taken["rewards"]) - taken["optimiser"]
    shares = {"sampling": taken["sampling"], "score and gradient": rest, "optimiser": taken["optimiser"]}
    return {name: 1e3 * seconds for name, seconds in {"step": whole, **shares}.items()}


def memory_at_batch_256() -> float:
    """Peak memory in GB of a fresh process that trains on 4 x 20 at batch 256 (Linux).

    `getrusage` would not do: its maximum is inherited from the process that started this one.
    """
    found = subprocess.run([sys.executable, "-c", MEMORY_PROGRAM], capture_output=True, text=True, check=True)
    return float(found.stdout)
