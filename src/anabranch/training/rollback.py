"""Steps that end in what is no number are rolled back, and the training goes on from the state before them.

A chunk of steps that ends well is all that a training pays for. Where one does not, the same program is run over parts
of it until the first bad step is found: the steps before it are kept, it is passed over with its random numbers, and
the rest follows.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anabranch.ground.errors import Error
from anabranch.training.fault import Fault
from anabranch.training.peers import Peers
from anabranch.training.settings import Setup
from anabranch.training.step import StepMetrics, TrainState, advance

MOST_IN_A_ROW = 10
"""Steps that may be rolled back one after the other, before the training stops."""


@dataclasses.dataclass(frozen=True, eq=False)
class Chunk:
    """The state after some steps, and what happened on the way."""

    state: TrainState
    measured: tuple[tuple[int, StepMetrics], ...]
    """Counts of steps, and their mean metrics; without those that were rolled back."""
    done: int
    """Steps taken or passed over."""
    in_a_row: int
    """Steps at the end that were rolled back."""
    rolled_back: int
    """All steps that were."""
    fault: Fault | None
    """Of an environment or a reward."""
    offending: StepMetrics | None = None
    """Of the last step, where too many in a row were rolled back: `state` is the one before it."""
    error: Error | None = None
    """Of a reward in plain Python, which stops the training at `state`."""
    spent: bool = False
    """Whether such a reward may be asked for no more objects, so that the training ends here."""


def advanced_chunk(setup: Setup, state: TrainState, count: int, *, in_a_row: int) -> Chunk:
    """`count` steps, those that are not finite passed over; fewer, where too many in a row are, or one has a fault."""
    done, rolled_back, measured = 0, 0, []
    while done < count:
        after, metrics, fault = _advance(setup, state, count - done)
        if is_clean(fault):
            measured.append((count - done, on_host(metrics)))
            return Chunk(after, tuple(measured), count, 0, rolled_back, None)
        if is_finite(fault):
            return Chunk(state, tuple(measured), done, in_a_row, rolled_back, fault)
        state, good, metrics = _before_first_bad(setup, state, count - done)
        done += good
        if good:
            measured.append((good, on_host(metrics)))
            in_a_row = 0
        after, metrics, fault = _advance(setup, state, 1)
        if is_finite(fault):
            return Chunk(state, tuple(measured), done, in_a_row, rolled_back, fault)
        in_a_row, rolled_back = in_a_row + 1, rolled_back + 1
        if in_a_row >= MOST_IN_A_ROW:
            return Chunk(state, tuple(measured), done, in_a_row, rolled_back, None, on_host(metrics))
        state, done = _passed_over(setup, state, after, fault), done + 1
    return Chunk(state, tuple(measured), done, in_a_row, rolled_back, None)


def _advance(setup: Setup, state: TrainState, count: int) -> Any:
    try:
        with Peers().spread():
            return jax.block_until_ready(advance(setup, state, jnp.array(count)))
    except (RuntimeError, ValueError) as error:
        if "KeyboardInterrupt" in str(error):  # it was pressed in a reward that calls back into Python
            raise KeyboardInterrupt from error
        raise


def is_finite(fault: Fault) -> bool:
    """Whether all numbers are."""
    return not np.asarray(fault.not_finite).any()


def is_clean(fault: Fault) -> bool:
    """Whether nothing is wrong."""
    return is_finite(fault) and not np.asarray(fault.raised).any()


def _before_first_bad(setup: Setup, state: TrainState, count: int) -> tuple[TrainState, int, Any]:
    """The state after the good steps before the first bad one of `count`, how many these are, and their metrics."""
    good, bad, parts = 0, count, []
    while bad - good > 1:
        tried = (bad - good) // 2
        after, metrics, fault = _advance(setup, state, tried)
        if not is_clean(fault):
            bad = good + tried
        else:
            state, good = after, good + tried
            parts.append((tried, metrics))
    return state, good, _mean(parts) if parts else None


def _mean(parts: list[tuple[int, Any]]) -> Any:
    total = sum(count for count, _ in parts)
    return jax.tree.map(
        lambda *leaves: sum(count * leaf for (count, _), leaf in zip(parts, leaves, strict=True)) / total,
        *[metrics for _, metrics in parts],
    )


def _passed_over(setup: Setup, before: TrainState, after: TrainState, fault: Fault) -> TrainState:
    """The state before a bad step with the number of the next one; lanes whose step was good have taken it."""
    skipped = dataclasses.replace(before, step=after.step)
    if setup.seeds is None:
        return skipped
    bad = jnp.asarray(fault.not_finite)

    def chosen(old: Any, new: Any) -> Any:
        return jnp.where(bad.reshape(-1, *[1] * (new.ndim - 1)), old, new) if eqx.is_array(new) else new

    return jax.tree.map(chosen, skipped, after)


def on_host(metrics: StepMetrics) -> StepMetrics:
    """Metrics in NumPy."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), metrics)
