"""What the server knows beside its files: the processes that are at work on the runs of a folder, and who listens."""

import threading
from pathlib import Path
from typing import Any

from anabranch.envs.tasks import require_task_name
from anabranch.storage.directory import RunDirectory
from anabranch.storage.lock import writer_of
from anabranch.studio.helpers import RecorderProcess, TrainerProcess, end_all
from anabranch.studio.runs_on_disk import RunsOnDisk

MOST_RECORDERS = 2
"""At work at once; whoever asks for a third one waits."""


class Studio:
    """The runs of a folder, the processes that were started for them, and who listens."""

    def __init__(self, root: Path) -> None:
        self.runs = RunsOnDisk(root)
        self.trainers: dict[Path, TrainerProcess] = {}
        self.recorders: dict[Path, RecorderProcess] = {}
        self.listeners = 0
        self.lock = threading.Lock()

    def start(self, task: str, *, playing: bool = True) -> str:
        """Start a training to play with; the name of its run. Raises Error where that cannot be done."""
        require_task_name(task)
        with self.lock:
            taken = {trainer.place.name for trainer in self.trainers.values()}
            name, count = f"studio-{task}", 2
            while (self.runs.root / name).exists() or name in taken:
                name, count = f"studio-{task}-{count}", count + 1
            place = self.runs.root.resolve() / name
            self.trainers[place] = TrainerProcess(place, task, playing=playing)
        return name

    def steer(self, place: Path) -> None:
        """Go on with a run that was started from a page, and that nobody trains."""
        with self.lock:
            trainer = self.trainers.get(place)
            config = RunDirectory.open(place).read_config()
            if config.get("steered") and writer_of(place) is None and not (trainer and trainer.alive):
                self.trainers[place] = TrainerProcess(place, str(config.get("task")), playing=False)

    def record(self, place: Path) -> str | None:
        """Begin to record the flow of a run, unless that is being done; why it failed the last time, if it did."""
        with self.lock:
            recorder = self.recorders.get(place)
            error = None if recorder is None else recorder.error()
            if error is not None:
                del self.recorders[place]
            elif recorder is None or recorder.process.poll() == 0:  # one that had done its work, which is gone since
                busy = sum(one.process.poll() is None for one in self.recorders.values())
                if busy < MOST_RECORDERS:
                    self.recorders[place] = RecorderProcess(place)
            return error

    def state(self, place: Path) -> dict[str, Any]:
        """Whether a run is being trained, and by whom."""
        writer, trainer = writer_of(place), self.trainers.get(place)
        return {"live": writer is not None, "writer": writer, "steered": trainer is not None and trainer.alive}

    def close(self) -> None:
        """End all that was started."""
        end_all([*self.trainers.values(), *self.recorders.values()])
