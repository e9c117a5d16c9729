"""Keeps a run on disk while it trains: rows as they come, and its whole state now and then, beside the training."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from anabranch.storage.checkpoints import Checkpoints
from anabranch.storage.directory import RunDirectory
from anabranch.storage.files import require_writable, write_json, written
from anabranch.storage.lock import RunLock
from anabranch.training.checkpoint import Checkpoint
from anabranch.training.growth import Growth
from anabranch.training.offending import batch_of
from anabranch.training.run import given_arrays, result_of
from anabranch.training.saved_state import arrays_of_state
from anabranch.training.settings import Setup
from anabranch.training.state import StepMetrics, TrainState

EVERY, MOST_SHARE = 0.5, 0.01
"""Seconds between two checkpoints, and the share of the time that writing them may take, where no seconds are given."""


class Keeper:
    """Writes the rows and the states of a run; does nothing without a place.

    The directory is made with the first thing to keep: a run that has learned nothing leaves none. It is locked until
    `close`.
    """

    def __init__(
        self, setup: Setup, out: str | Path | None, config: dict[str, Any], checkpoint: Checkpoint | None
    ) -> None:
        self.setup, self.config, self.checkpoint = setup, config, checkpoint
        self.path = None if out is None else Path(out)
        self.directory: RunDirectory | None = None
        self.lock: RunLock | None = None
        self.writer = ThreadPoolExecutor(1, "checkpoints")
        self.pending: Future[None] | None = None
        self.rows = 0
        """Rows of the history that are on disk."""
        self.due = 0.0
        """When the next checkpoint is due."""
        self.pause = 0.0
        """Seconds between two."""
        self.notes: dict[str, Any] = {}
        """What a checkpoint keeps beside the progress of the training."""
        self.best: tuple[float, int] | None = None
        """The least exact distance at a checkpoint, and its step."""

    def require_room(self, state: TrainState) -> None:
        """Raise RunError where the directory cannot be made, or its checkpoints would not fit."""
        if self.path is not None:
            size = sum(array.nbytes for array in arrays_of_state(self.setup, state).values())
            require_writable(self.path, size * (1 if self.checkpoint is None else self.checkpoint.keep + 1))

    def go_on(self, directory: RunDirectory, lock: RunLock, history: list[dict[str, Any]], done: int) -> None:
        """Go on in the directory of an earlier training, with these rows, from the checkpoint of that step."""
        self.directory, self.lock, self.rows = directory, lock, len(history)
        self._write_given(directory)
        directory.write_config(self.config)
        directory.rewrite_metrics(history)
        directory.flow.keep_until(history[-1]["step"] if history else 0)
        kept = directory.checkpoints
        steps = [step for step in kept.steps() if step <= done]
        kept.keep_only(steps)
        best = kept.read(done, lambda name: False).progress.get("best") if done in steps else None
        self.best = None if best is None else (float(best[0]), int(best[1]))

    def _write_given(self, directory: RunDirectory) -> None:
        arrays = given_arrays(self.setup)
        if arrays and not directory.given.steps():
            with written(directory.path):
                directory.given.write(0, arrays, {})

    def _opened(self) -> RunDirectory | None:
        if self.directory is None and self.path is not None:
            directory = RunDirectory.create(self.path)
            self.lock = RunLock.take(self.path)
            directory.write_config(self.config)
            self._write_given(directory)
            self.directory = directory
        return self.directory

    def open(self) -> None:
        """Make the directory before there is anything to keep."""
        self._opened()

    def rewrite_config(self, config: dict[str, Any]) -> None:
        """Another configuration from here on."""
        self.config = config
        directory = self._opened()
        if directory is not None:
            directory.write_config(config)

    def append(self, row: dict[str, Any]) -> None:
        """Keep a row of the history."""
        directory = self._opened()
        if directory is not None:
            directory.append_metrics(row)
            self.rows += 1

    def begin_recording(self, space: Callable[[], dict[str, Any]]) -> None:
        """Keep the space for a page to show, where it is not kept yet."""
        directory = self._opened()
        if directory is not None and not directory.flow.there:
            directory.flow.begin(space())

    def record(self, frame: Callable[[], dict[str, Any]]) -> None:
        """Keep a frame of the flow for a page to show."""
        directory = self._opened()
        if directory is not None:
            directory.flow.append(frame())

    @property
    def every(self) -> int | None:
        """Steps between two checkpoints, where a number of them was asked for."""
        return None if self.checkpoint is None or self.path is None else self.checkpoint.steps

    def keep(self, growth: Growth, distance: Any = None) -> None:
        """Keep the state, where it is time for it, or where its exact distance is the best; the disk works beside.

        Raises RunError where the one before could not be written.
        """
        directory = self._opened()
        if directory is None or self.checkpoint is None:
            return
        now, best = time.monotonic(), self._is_best(distance)
        by_steps = self.every is not None and growth.done % self.every == 0
        by_time = now >= self.due or (best and now >= self.due - self.pause / 2)
        busy = self.pending is not None and not self.pending.done()
        if by_steps or (by_time and not busy):
            self._settle()
            self._write(directory.checkpoints, growth, distance)

    def _is_best(self, distance: Any) -> bool:
        return distance is not None and (self.best is None or _mean(distance) < self.best[0])

    def _write(self, checkpoints: Checkpoints, growth: Growth, distance: Any) -> None:
        if self._is_best(distance):
            self.best = (_mean(distance), growth.done)
        # From here on the arrays are the host's, or never change: the training goes on while they are written.
        arrays = arrays_of_state(growth.setup, growth.state)
        progress = {**growth.progress(), **self.notes, "best": self.best}
        kept, best = 1 if self.checkpoint is None else self.checkpoint.keep, self.best

        def write() -> None:
            began = time.monotonic()
            checkpoints.write(growth.done, arrays, progress)
            stay = set(checkpoints.steps()[:kept]) | ({best[1]} if best else set())
            checkpoints.keep_only(stay)
            ended = time.monotonic()
            chosen = None if self.checkpoint is None else self.checkpoint.seconds
            self.pause = chosen or max(EVERY, (ended - began) / MOST_SHARE)
            self.due = (began if chosen else ended) + self.pause

        self.pending = self.writer.submit(write)

    def _settle(self) -> None:
        """Wait for the checkpoint that is being written. Raises RunError where it could not be."""
        if self.pending is not None:
            pending, self.pending = self.pending, None
            assert self.path is not None
            with written(self.path):
                pending.result()

    def finish(self, growth: Growth, history: list[dict[str, Any]], *, interrupted: bool) -> None:
        """Keep the end of a run: the rows that are not kept yet, its state, and what it took."""
        directory = self._opened()
        if directory is None:
            return
        for row in history[self.rows :]:
            directory.append_metrics(row)
            self.rows += 1
        self._settle()
        last = history[-1] if history and history[-1]["step"] == growth.done else {}
        self._write(directory.checkpoints, growth, last.get("total_variation"))
        self._settle()
        directory.write_config({**self.config, "result": result_of(growth, interrupted=interrupted)})

    def offending(self, growth: Growth, metrics: StepMetrics) -> str | None:
        """Write the batch of the next step, which led to what is no number; returns where."""
        directory = self._opened()
        if directory is None:
            return None
        path = directory.path / f"not-finite-{growth.done}.json"
        with written(directory.path):
            write_json(path, {"step": growth.done, "loss": metrics.loss.tolist(), "batch": batch_of(growth)})
        return str(path)

    def close(self) -> None:
        """Wait for the disk, and free the directory for others."""
        self.writer.shutdown()
        if self.lock is not None:
            self.lock.release()
            self.lock = None


def _mean(distance: float | list[float]) -> float:
    return statistics.fmean(distance if isinstance(distance, list) else [distance])
