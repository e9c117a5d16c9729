"""Advances a run in chunks of about half a second; rows of its history stand at steps that do not depend on time."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from anabranch.evaluation.learned import learned_log_z
from anabranch.ground.errors import Error, RunError
from anabranch.policies.heads import Policy
from anabranch.training.conditioning import in_the_middle, policy_in_the_middle
from anabranch.training.fault import fault_error
from anabranch.training.peers import Peers
from anabranch.training.python_steps import asks_python, python_chunk, python_facts
from anabranch.training.rollback import Chunk, advanced_chunk
from anabranch.training.settings import Setup
from anabranch.training.state import StepMetrics, TrainState
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


PLAIN = {"done": int, "seconds": float, "seconds_a_step": float, "in_a_row": int, "rolled_back": int}
"""The numbers of a `Growth`."""


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
    in_a_row: int = 0
    """The last steps that were rolled back, because they led to what is no number."""
    rolled_back: int = 0
    """All steps that were."""

    def next_chunk(self, *, until: int | None = None) -> int:
        """How many steps to take at once, at most until that step; how they are cut into chunks changes no number."""
        end = min(next_report(self.done, self.setup.steps), until or self.setup.steps)
        return chunk_size(end - self.done, self.seconds_a_step)

    def advanced(self, count: int) -> "Growth":
        """So many steps later. Raises StoppedError at a fault, with the state before it."""
        setup = self.setup
        began = time.perf_counter()
        chunk = _chunk_of(setup)(setup, self.state, count, in_a_row=self.in_a_row)
        took = time.perf_counter() - began
        later = Growth(
            setup,
            chunk.state,
            self.done + chunk.done,
            self.seconds + took,
            took / max(chunk.done, 1),
            (*(() if self.at_report else self.since), *chunk.measured),
            chunk.in_a_row,
            self.rolled_back + chunk.rolled_back,
        )
        if chunk.error is not None or chunk.fault is not None or chunk.offending is not None:
            raise StoppedError(later, _why(setup, chunk, later), chunk.offending)
        if chunk.spent:
            raise SpentError(later)
        return later

    @property
    def policy(self) -> Policy:
        """The policy, on a device of this process."""
        return Peers().local(self.state.policy)

    @property
    def at_report(self) -> bool:
        """Whether the history has a row here."""
        return self.done == 0 or self.done == next_report(self.done - 1, self.setup.steps)

    def row(self) -> dict[str, Any]:
        """The row of the history about the chunks since the last one; the exact distance is left open."""
        setup, counts = self.setup, [count for count, _ in self.since]

        def mean(name: str, *, beyond: float = 0.0) -> Any:
            if not counts:
                return None
            values = [getattr(metrics, name) for _, metrics in self.since]
            return (beyond + (values[0] if len(values) == 1 else np.average(values, axis=0, weights=counts))).tolist()

        alone = in_the_middle(setup)
        log_z = for_seeds(
            setup,
            self.policy,
            lambda one: learned_log_z(policy_in_the_middle(setup, one), setup.objective, alone.env),
        )
        return {
            **self.glimpse(),
            "loss": mean("loss"),
            "log_z": log_z,
            "log_reward": mean("log_reward", beyond=setup.level),
            "rows": mean("rows"),
            "floored": mean("floored"),
            "rolled_back": self.rolled_back,
            "total_variation": None,
            **python_facts(setup, self.seconds),
        }

    def glimpse(self) -> dict[str, Any]:
        """What is known without measuring anything."""
        loss = self.since[-1][1].loss.tolist() if self.since else None
        return {"step": self.done, "seconds": round(self.seconds, 6), "loss": loss}

    def progress(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the arrays of the state, as JSON."""
        since = [[count, {name: value.tolist() for name, value in vars(one).items()}] for count, one in self.since]
        plain = {name: getattr(self, name) for name in PLAIN}
        return {**plain, "since": since}

    @classmethod
    def restored(cls, setup: Setup, state: TrainState, progress: Mapping[str, Any], path: Any) -> "Growth":
        """A run where a checkpoint has left it. Raises RunError where that does not say how far it was."""
        try:
            since = tuple((int(count), _metrics(one)) for count, one in progress["since"])
            plain: dict[str, Any] = {name: kind(progress[name]) for name, kind in PLAIN.items()}
            if plain["done"] < 1 or not math.isfinite(plain["seconds"]):
                raise ValueError(f"done={plain['done']}, seconds={plain['seconds']}")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError(f"The checkpoint {path} does not say how far the training was: {error!r}.") from error
        return cls(setup, state, since=since, **plain)


class SpentError(Exception):
    """A training that may ask for no more rewards: where it stands."""

    def __init__(self, growth: Growth) -> None:
        super().__init__()
        self.growth = growth


class StoppedError(Exception):
    """A training that cannot go on: where it stood before, the sentence, and the metrics of a step without numbers."""

    def __init__(self, before: Growth, error: Error, offending: StepMetrics | None) -> None:
        super().__init__(str(error))
        self.before, self.error, self.offending = before, error, offending


def _metrics(numbers: Mapping[str, Any]) -> StepMetrics:
    """Metrics on the host, as JSON has them."""
    host: dict[str, Any] = {name: np.asarray(value, np.float64) for name, value in numbers.items()}
    return StepMetrics(**host)


def _chunk_of(setup: Setup) -> Callable[..., Chunk]:
    """What takes a chunk of steps: one compiled loop, or one with the host in the middle of each step."""
    return python_chunk if asks_python(setup) else advanced_chunk


def _why(setup: Setup, chunk: Chunk, later: Growth) -> Error:
    if chunk.error is not None:
        return chunk.error
    error = None if chunk.fault is None else fault_error(setup, chunk.fault)
    if error is not None:
        return error
    loss = "" if chunk.offending is None else f" (loss {_spoken(chunk.offending.loss)})"
    return RunError(
        f"Training diverged: {chunk.in_a_row} steps in a row after step {later.done:,} led to parameters that are no "
        f"numbers{loss}, and were rolled back. Lower the learning rate or log_z_rate."
    )


def _spoken(loss: Any) -> str:
    return ", ".join(f"{value:.3g}" for value in np.ravel(loss))
