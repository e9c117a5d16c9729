"""Writes a run to disk while it trains, so that a process that is killed loses a few seconds of training at most."""

import time
from pathlib import Path
from typing import Any

from anabranch.policies.heads import Policy
from anabranch.storage.directory import RunDirectory
from anabranch.training.configuration import arrays_of, write_result

EVERY, MOST_SHARE = 0.5, 0.05
"""Seconds between two checkpoints, and the share of the time that writing them may take."""


class Keeper:
    """Writes the rows and now and then the parameters of a run; does nothing without a place."""

    def __init__(self, out: str | Path | None, config: dict[str, Any]) -> None:
        self.config, self.path = config, None if out is None else Path(out)
        self.directory: RunDirectory | None = None
        self.rows = 0
        """Rows of the history that are on disk."""
        self.next = 0.0
        """When the next checkpoint is due."""

    def _opened(self) -> RunDirectory | None:
        """The directory, made with the first thing to keep: a run that has learned nothing leaves none."""
        if self.directory is None and self.path is not None:
            self.directory = RunDirectory.create(self.path)
            self.directory.write_config(self.config)
        return self.directory

    def append(self, row: dict[str, Any]) -> None:
        """Keep a row of the history."""
        directory = self._opened()
        if directory is not None:
            directory.append_metrics(row)
            self.rows += 1

    def keep(self, step: int, policy: Policy) -> None:
        """Keep the parameters, if it is time for it."""
        began = time.monotonic()
        directory = self._opened()
        if directory is None or began < self.next:
            return
        directory.write_arrays(step, arrays_of(policy))
        directory.keep_only(step)
        ended = time.monotonic()
        self.next = ended + max(EVERY, (ended - began) / MOST_SHARE)

    def finish(self, policy: Policy, history: list[dict[str, Any]], **result: Any) -> None:
        """Keep the end of a run: the rows that are not kept yet, its parameters, and what it took."""
        directory = self._opened()
        if directory is None:
            return
        for row in history[self.rows :]:
            directory.append_metrics(row)
        write_result(directory, self.config, policy, **result)
        directory.keep_only(result["steps"])
