"""The processes that a server starts: trainers, which it steers, and recorders. None outlives it. Needs no JAX."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RunError

START_SECONDS, END_SECONDS = 60.0, 5.0
"""How long a trainer may take until it is ready, and until it has kept its run at the end."""


class TrainerProcess:
    """A trainer of one run, in a process of its own; it ends when its input is closed, so also when the server dies."""

    def __init__(self, place: Path, task: str, *, playing: bool) -> None:
        self.place = place
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.process = _started("trainer", stdin=subprocess.PIPE)
        threading.Thread(target=self._listen, daemon=True).start()
        self._write({"run": str(place), "task": task, "playing": playing})

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.said.put(json.loads(line))
        self.said.put({"error": f"The trainer of {self.place} has ended."})

    def _write(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError) as error:
            raise RunError(f"The trainer of {self.place} has ended: anabranch studio RUN goes on.") from error

    def ready(self) -> None:
        """Wait until it has made its run directory. Raises RunError with its sentence where it cannot."""
        try:
            said = self.said.get(timeout=START_SECONDS)
        except queue.Empty:
            raise RunError(f"The trainer of {self.place} was not ready within {START_SECONDS:g} s.") from None
        if "error" in said:
            raise RunError(str(said["error"]))

    def ask(self, kind: str, value: Any) -> None:
        """Pass on what the page asks for. Raises RunError where nobody listens any more."""
        self._write({"kind": kind, "value": value})

    @property
    def alive(self) -> bool:
        """Whether it still trains."""
        return self.process.poll() is None

    def close(self) -> None:
        """Let it keep its run and end."""
        with contextlib.suppress(OSError, ValueError):
            if self.process.stdin is not None:
                self.process.stdin.close()


class RecorderProcess:
    """Records the flow of a run that has none, in a process of its own."""

    def __init__(self, place: Path) -> None:
        self.process = _started("recorder", str(place), stdin=subprocess.DEVNULL)

    def error(self) -> str | None:
        """Why it failed; None as long as it works, and where it has not failed."""
        if self.process.poll() in (None, 0):
            return None
        assert self.process.stdout is not None
        said = self.process.stdout.read().decode(errors="replace").strip().splitlines()
        with contextlib.suppress(ValueError, KeyError, IndexError, TypeError):
            return str(json.loads(said[-1])["error"])
        return "The run could not be read: anabranch evaluate RUN says why."

    def close(self) -> None:
        """End it."""
        self.process.terminate()


def report(**said: Any) -> None:
    """Of a process that the server has started: tell it something, as a line of JSON."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def end_all(processes: "list[TrainerProcess | RecorderProcess]") -> None:
    """End all of them: with patience first."""
    for one in processes:
        one.close()
    until = time.monotonic() + END_SECONDS
    for one in processes:
        try:
            one.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()


def _started(module: str, *arguments: str, stdin: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", f"anabranch.studio.{module}", *arguments]
    # Of a session of its own, so that Ctrl-C in the terminal reaches the server alone, which ends the others in order.
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, start_new_session=os.name == "posix")
