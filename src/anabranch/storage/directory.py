"""A run on disk: run.json, metrics.jsonl, checkpoints, and the data and prior it was given. No pickle anywhere."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RunError
from anabranch.storage.checkpoints import Checkpoints
from anabranch.storage.files import read_json, read_rows, write_json, write_whole, written
from anabranch.storage.flow_files import FlowFiles

FORMAT = 2


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """Where one run lives."""

    path: Path

    @classmethod
    def create(cls, path: str | Path) -> "RunDirectory":
        """Make a new, empty run directory. Raises RunError where something is there already, or it cannot be made."""
        place = require_new(path)
        try:
            (place / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{place} cannot be made ({error.strerror}): choose a folder that you may write.") from error
        return cls(place)

    @classmethod
    def open(cls, path: str | Path) -> "RunDirectory":
        """An existing run directory. Raises RunError where it is not one."""
        place = Path(path)
        if not os.path.isdir(place):
            raise RunError(f"{place} is not a directory: give the folder that `anabranch train --out` wrote.")
        if not (place / "run.json").is_file():
            raise RunError(f"{place} is not a run: it has no run.json.")
        return cls(place)

    @property
    def checkpoints(self) -> Checkpoints:
        """What training has kept of its state."""
        return Checkpoints(self.path / "checkpoints")

    @property
    def given(self) -> Checkpoints:
        """The data and the prior of a training, kept once, as a checkpoint of step 0."""
        return Checkpoints(self.path / "given")

    @property
    def flow(self) -> FlowFiles:
        """What a page shows of the run."""
        return FlowFiles(self.path)

    def write_config(self, config: dict[str, Any]) -> None:
        """Write run.json in one move."""
        with written(self.path):
            write_json(self.path / "run.json", {"format": FORMAT, **config})

    def read_config(self) -> dict[str, Any]:
        """The resolved configuration, brought to the present format.

        Raises RunError for a format that this version does not know.
        """
        config = read_json(self.path / "run.json")
        number = config.get("format")
        if number == FORMAT:
            return config
        if number == 1:  # the same settings; of the state of a training it kept the parameters alone
            return {**config, "format": FORMAT}
        raise RunError(f"{self.path} has format {number!r}; this version of anabranch reads 1 to {FORMAT}.")

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with written(self.path), (self.path / "metrics.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")

    def rewrite_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Leave these rows in metrics.jsonl, and no torn line behind them."""
        with written(self.path):
            write_whole(self.path / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())

    def read_metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics.jsonl; a torn last line is skipped."""
        return read_rows(self.path / "metrics.jsonl")


OF_REWARDS = "rewards."
"""The head of the names of files that a training has before its first step: a cache of rewards, and a log."""


def require_new(path: str | Path) -> Path:
    """The path, if nothing is there but a folder that is empty, or has rewards of a run that had no step yet.

    Raises RunError elsewhere.
    """
    place = Path(path)
    try:
        taken = place.exists() and (
            not place.is_dir() or any(not entry.name.startswith(OF_REWARDS) for entry in place.iterdir())
        )
    except OSError as error:
        raise RunError(f"{place} cannot be used ({error.strerror}): choose another --out.") from error
    if taken:
        raise RunError(f"{place} exists already: choose another --out, or remove it. Nothing was overwritten.")
    return place
