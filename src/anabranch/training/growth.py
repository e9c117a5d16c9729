"""Advances a run in chunks of about half a second; rows of its history stand at steps that do not depend on time."""

import dataclasses
import math
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anabranch.evaluation.evaluate import learned_log_z
from anabranch.ground.errors import Error, RunError
from anabranch.training.fault import fault_error
from anabranch.training.settings import Setup
from anabranch.training.step import StepMetrics, TrainState, advance
from anabranch.training.truth import for_seeds

REPORTS = 50
CHUNK_SECONDS = 0.5
"""Seconds of a chunk, after which Ctrl-C is noticed; well below two, because a busy machine may double it."""


def next_report(done: int, steps: int) -> int:
    """The step of the next row of the history: a power of two, and from a fiftieth of the steps on each fiftieth."""
    every = max(1, math.ceil(steps / REPORTS))
    following = min(1 << done.bit_length(), every) if done < every else (done // every + 1) * every
    return min(following, steps)


def chunk_size(left: int, seconds_a_step: float) -> int:
    """How many of the steps that are left to the next row to take at once: equal parts, each short."""
    parts = max(1, min(left, math.ceil(left * seconds_a_step / CHUNK_SECONDS)))
    return math.ceil(left / parts)


@dataclasses.dataclass(frozen=True, eq=False)
class Growth:
    """A run after its last finished chunk; the next one replaces the record as a whole, so that none is half done."""

    setup: Setup
    state: TrainState
    done: int = 0
    seconds: float = 0.0
    """Of compiled training so far."""
    seconds_a_step: float = 0.0
    """By the last chunk."""
    since: tuple[tuple[int, StepMetrics], ...] = ()
    """Steps and mean metrics of the chunks since the last row."""

    def advanced(self) -> "Growth":
        """One chunk later; how the steps are cut into chunks changes no number. Raises the sentence about a fault."""
        setup = self.setup
        count = chunk_size(next_report(self.done, setup.steps) - self.done, self.seconds_a_step)
        done, began = self.done + count, time.perf_counter()
        try:
            state, metrics, fault = advance(setup, self.state, jnp.array(count))
            jax.block_until_ready(metrics)
        except (RuntimeError, ValueError) as error:
            if "KeyboardInterrupt" in str(error):  # it was pressed in a reward that calls back into Python
                raise KeyboardInterrupt from error
            raise
        took = time.perf_counter() - began
        error = _divergence(state, metrics.loss, done) or fault_error(setup, fault)
        if error is not None:
            raise error
        metrics = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), metrics)
        since = (*(() if self.at_report else self.since), (count, metrics))
        return Growth(setup, state, done, self.seconds + took, took / count, since)

    @property
    def at_report(self) -> bool:
        """Whether the history has a row here."""
        return self.done == 0 or self.done == next_report(self.done - 1, self.setup.steps)

    def row(self) -> dict[str, Any]:
        """The row of the history about the chunks since the last one; the exact distance is left open."""
        setup, counts = self.setup, [count for count, _ in self.since]

        def mean(name: str, *, beyond: float = 0.0) -> Any:
            values = [getattr(metrics, name) for _, metrics in self.since]
            return (beyond + (values[0] if len(values) == 1 else np.average(values, axis=0, weights=counts))).tolist()

        log_z = for_seeds(setup, self.state.policy, lambda one: learned_log_z(one, setup.objective, setup.env))
        return {
            **self.glimpse(),
            "loss": mean("loss"),
            "log_z": log_z,
            "log_reward": mean("log_reward", beyond=setup.level),
            "rows": mean("rows"),
            "floored": mean("floored"),
            "total_variation": None,
        }

    def glimpse(self) -> dict[str, Any]:
        """What is known without measuring anything."""
        return {"step": self.done, "seconds": round(self.seconds, 6), "loss": self.since[-1][1].loss.tolist()}


def _divergence(state: TrainState, loss: Array, done: int) -> Error | None:
    leaves = [loss, *jax.tree.leaves(eqx.filter(state.policy, eqx.is_inexact_array))]
    if all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves):
        return None
    return RunError(f"Training diverged before step {done}: loss {loss}. Lower the learning rate or log_z_rate.")
