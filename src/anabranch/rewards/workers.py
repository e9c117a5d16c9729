"""Worker processes of our own: their answers and what they print are read, and they are killed at their deadline.

A worker leads a session of its own, so that a call's own child processes die with it.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RewardError
from anabranch.rewards.answers import first_line
from anabranch.rewards.calls import Deliver, Limits
from anabranch.rewards.crew import Crew, CrewMember
from anabranch.rewards.output_log import OutputLog
from anabranch.rewards.plain_objects import from_bytes, to_bytes
from anabranch.rewards.worker import HEAD, IN_WORKER

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")
"""What a worker's libraries read to use one thread: the processors are shared out among the workers."""


class Worker(CrewMember):
    """One process."""

    def __init__(self, reference: bytes) -> None:
        super().__init__()
        ours, theirs = socket.socketpair()
        place = str(Path(__file__).parents[2])
        search = os.pathsep.join([place, *filter(None, [os.environ.get("PYTHONPATH")])])
        surroundings = {**os.environ, **dict.fromkeys(ONE_THREAD, "1"), IN_WORKER: "1", "PYTHONPATH": search}
        command = [sys.executable, "-P", "-m", "anabranch.rewards.worker", str(theirs.fileno()), str(os.getpid())]
        with theirs:
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=surroundings,
                bufsize=0,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        self.channel, self.output = ours, self.process.stdout
        os.set_blocking(self.output.fileno(), False)
        self.buffer = bytearray()
        self.send(reference)

    def send(self, objects: bytes) -> None:
        """Send one message: the reference to the function, then the objects of each call."""
        with contextlib.suppress(OSError):  # of a worker that died: its end of the socket says so too
            self.channel.sendall(HEAD.pack(len(objects)) + objects)

    def messages(self) -> list[Any] | None:
        """What has come since; None where the worker has closed its end."""
        part = b""
        with contextlib.suppress(OSError):
            part = self.channel.recv(1 << 20)
        if not part:
            return None
        self.buffer += part
        found = []
        while len(self.buffer) >= HEAD.size:
            (size,) = HEAD.unpack(self.buffer[: HEAD.size])
            if len(self.buffer) < HEAD.size + size:
                break
            found.append(from_bytes(bytes(self.buffer[HEAD.size : HEAD.size + size])))
            del self.buffer[: HEAD.size + size]
        return found

    def printed(self) -> bytes:
        """What it has printed since."""
        with contextlib.suppress(OSError):
            return self.output.read(1 << 16) or b""
        return b""

    def kill(self) -> tuple[str, bytes]:
        """End it, with all processes that it has started. Returns how it ended, in words, and its last output."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code, left = self.process.wait(), self.printed()
        self.channel.close()
        self.output.close()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}", left


class Workers(Crew):
    """Evaluates in worker processes."""

    def __init__(
        self,
        reference: Mapping[str, Any],
        deliver: Deliver,
        *,
        size: int,
        limits: Limits,
        recycle: int,
        most_memory: float | None,
        log: OutputLog,
    ) -> None:
        super().__init__(deliver, size=size, limits=limits, name="reward workers")
        self.reference = to_bytes(dict(reference))
        self.recycle, self.log = recycle, log
        self.most_memory = None if most_memory is None else most_memory * 1e9
        self.selector = selectors.DefaultSelector()
        self.wake_end, self.bell = socket.socketpair()
        self.wake_end.setblocking(False)
        self.selector.register(self.wake_end, selectors.EVENT_READ, None)
        self.thread.start()

    def require_working(self) -> None:
        """Raise RewardError where the function cannot be loaded by any worker, or their thread has ended."""
        if self.broken is not None:
            raise RewardError(
                f"A worker process cannot load the reward: {self.broken}. Mend it, or evaluate in this process, "
                "workers=0 (--reward.workers 0)."
            )

    def wake(self) -> None:
        with contextlib.suppress(OSError):
            self.bell.send(b"!")

    def started(self) -> Worker:
        worker = Worker(self.reference)
        self.selector.register(worker.channel, selectors.EVENT_READ, (worker, self._heard))
        self.selector.register(worker.output, selectors.EVENT_READ, (worker, self._printed))
        return worker

    def listen(self) -> None:
        deadlines = [member.deadline for member in self.members if member.deadline is not None]
        patience = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        for key, _ in self.selector.select(patience):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self.wake_end.recv(4096)
                continue
            worker, listener = key.data
            if worker in self.members:  # else it was ended by an answer that was heard just before
                listener(worker)

    def _printed(self, worker: Worker) -> None:
        printed = worker.printed()
        self.log.write(printed)
        if not printed:
            self.selector.unregister(worker.output)

    def _heard(self, worker: Worker) -> None:
        messages = worker.messages()
        if messages is None:
            how = self.lose(worker)
            at_start = f"died while they loaded it ({how}); {self.log.last_words}"
            self.died(worker, f"the worker process died ({how})", at_start=at_start)
            return
        for kind, *content in messages:
            if kind == "ready":
                self.is_ready(worker)
            elif kind == "broken":
                self.lose(worker)
                self.give_up(first_line(content[0]))
            else:
                answer, memory = content
                if worker.calls >= self.recycle or (self.most_memory is not None and memory > self.most_memory):
                    self.lose(worker)
                self.answer(worker, kind, answer)

    def end(self, member: Worker) -> str:
        self.selector.unregister(member.channel)
        if member.output.fileno() in self.selector.get_map():
            self.selector.unregister(member.output)
        how, left = member.kill()
        self.log.write(left)
        return how

    def dismissed(self) -> None:
        self.selector.close()
        self.bell.close()
        self.wake_end.close()
