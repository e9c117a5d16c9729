"""The process that trains what the page steers, and writes the run directory that the page reads.

It is started by the server, `python -m anabranch.studio.trainer`, takes one JSON object a line on its standard input,
and ends when that is closed. All that it knows is on disk: where it is killed, the same command goes on from the last
checkpoint, and does once more what was done on the page since.
"""

import contextlib
import json
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

from anabranch.envs.tasks import Task, make
from anabranch.ground.errors import Error, RunError
from anabranch.storage.compiled import keep_compiled
from anabranch.studio.choices import Choices, ControlLog
from anabranch.studio.helpers import report
from anabranch.studio.steered import FRAME_SECONDS, Steered


def _listen(asked: "queue.Queue[dict[str, Any] | None]") -> None:
    for line in sys.stdin:
        with contextlib.suppress(ValueError):
            request = json.loads(line)
            if isinstance(request, dict):
                asked.put(request)
    asked.put(None)


def _rest(trainer: Steered, began: float) -> float:
    """Seconds until the next step is due; a long time where none is."""
    if not (trainer.playing or trainer.left):
        return 3600.0
    return max(0.0, 1.0 / trainer.speed - (time.monotonic() - began)) if trainer.speed < 1.0 / FRAME_SECONDS else 0.0


def run(trainer: Steered) -> None:
    """Train, and listen, until nobody asks any more."""
    asked: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    began, shown = 0.0, 0.0
    while True:
        try:
            wait = _rest(trainer, began)
            request = asked.get(timeout=wait) if wait > 0.0 else asked.get_nowait()
        except queue.Empty:
            request = {}
        if request is None:
            return
        if request:
            trainer.act(str(request.get("kind")), request.get("value"))
            continue
        if not (trainer.playing or trainer.left):
            continue
        began, before = time.monotonic(), trainer.session.growth.done
        trainer.train(trainer.chunk())
        trainer.left = 0
        trainer.pace = (time.monotonic() - began) / max(trainer.session.growth.done - before, 1)
        if time.monotonic() - shown >= FRAME_SECONDS * 0.8 or not trainer.playing:
            shown = time.monotonic()
            trainer.frame()


def main() -> int:
    """Read what to train from the first line, and train it."""
    order = json.loads(sys.stdin.readline())
    keep_compiled()
    path, task = Path(order["run"]), make(order["task"])
    try:
        if (path / "run.json").is_file():
            log = ControlLog(path).read()
            if not log or log[0].kind != "begin":
                raise RunError(f"{path} was not trained from the studio: it can be looked at, and not steered.")
            trainer = Steered(path, task, Choices.of(log[0].value))
            trainer.go_on()
        else:
            trainer = Steered(path, task, Choices.of(order.get("choices") or _suited(task)))
            trainer.begin()
    except Error as error:
        report(error=str(error))
        return error.exit_code
    report(ready=str(path))
    if order.get("playing"):
        trainer.act("play", None)
    try:
        run(trainer)
    finally:
        trainer.end()
    return 0


def _suited(task: Task) -> dict[str, Any]:
    """The choices that suit a task from the start."""
    settings = task.settings("tb")
    rate = settings.optimizer.learning_rate if settings.optimizer else 1e-3
    epsilon = settings.explore.epsilon if settings.explore else 0.1
    return {"learning_rate": rate, "log_z_rate": settings.log_z_rate, "epsilon": epsilon}


if __name__ == "__main__":
    sys.exit(main())
