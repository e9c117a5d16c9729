"""The runs below a folder, as the page asks for them: by names that never lead out of it. Needs no JAX."""

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RunError
from anabranch.storage.directory import RunDirectory
from anabranch.storage.flow_files import FLOW, FRAMES, NOW, SPACE
from anabranch.storage.lock import writer_of
from anabranch.studio.log_files import last_rows

MOST_RUNS = 1_000
"""Runs that are listed."""
MOST_NAME = 1_024
FILES = ("run.json", "metrics.jsonl", "lock", "checkpoints", *(f"{FLOW}/{name}" for name in (SPACE, FRAMES, NOW)))
"""Of a run, what the page reads."""


@dataclasses.dataclass(frozen=True)
class RunsOnDisk:
    """All runs below a folder."""

    root: Path

    def names(self) -> list[str]:
        """Their names: paths relative to the folder. Links are not followed."""
        found = []
        for folder, below, files in os.walk(self.root):
            if "run.json" in files:
                found.append(Path(folder).relative_to(self.root).as_posix())
                below.clear()
            below[:] = sorted(name for name in below if not name.startswith("."))
            if len(found) >= MOST_RUNS:
                break
        return sorted(found)

    def path(self, name: str) -> Path | None:
        """The directory of a run; None where there is none of that name inside the folder."""
        if not name or len(name) > MOST_NAME or "\0" in name:
            return None
        root = self.root.resolve()
        try:
            place = (root / name).resolve()
            inside = place == root or root in place.parents
            if not inside or place != Path(os.path.normpath(root / name)) or not (place / "run.json").is_file():
                return None
            # A run that was unpacked from elsewhere may hold links to what is nobody's business.
            if any(place not in (place / file).resolve().parents for file in FILES):
                return None
        except (OSError, ValueError):
            return None
        return place

    def facts(self, name: str) -> dict[str, Any]:
        """What the list of runs tells of one."""
        place = self.path(name)
        if place is None:
            return {"name": name, "error": f"{name} cannot be shown: a file of it leads out of the folder of runs."}
        try:
            config = RunDirectory.open(place).read_config()
            row = next(iter(last_rows(place / "metrics.jsonl", 1)), {})
            steps = RunDirectory(place).checkpoints.steps()
        except (RunError, OSError) as error:
            return {"name": name, "error": str(error).replace(f"{self.root}{os.sep}", "")}
        objective, live = config.get("objective"), writer_of(place) is not None
        done = max(row.get("step") or 0, steps[0] if steps else 0)
        return {
            "name": name,
            "task": config.get("task"),
            "objective": objective.get("name") if isinstance(objective, dict) else objective,
            "state": f"{done:,} steps{', being trained' if live else ''}",
            "step": done,
            "total_variation": _single(row.get("total_variation")),
            "log_z": _single(row.get("log_z")),
            "live": live,
            "steerable": bool(config.get("steered")),
        }


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def flow_of(place: Path) -> Path:
    """The folder of the recorded flow: in the run, or where a run that may not be written has it recorded."""
    own, other = place / FLOW, recorded_elsewhere(place) / FLOW
    return other if not (own / "space.json").is_file() and (other / "space.json").is_file() else own


def recorded_elsewhere(place: Path) -> Path:
    """A folder for the flow of a run that may not be written; of this user and this state of the run alone."""
    try:
        stamp = (place / "run.json").stat().st_mtime_ns
    except OSError:
        stamp = 0
    user = os.getuid() if hasattr(os, "getuid") else 0
    key = hashlib.sha256(json.dumps([str(place.resolve()), stamp]).encode()).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"anabranch-{user}" / key
