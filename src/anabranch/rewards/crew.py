"""Workers of any kind, to whom one thread of the trainer hands out calls.

A worker works at one call at a time, and each call has a deadline. Where a worker hangs or dies it is replaced, and
`Limits` decides what becomes of its call. A subclass knows how a worker is started, heard and ended.
"""

import abc
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from anabranch.rewards.calls import Call, Deliver, Evaluator, Failure, Limits, answered
from anabranch.rewards.plain_objects import from_bytes, to_bytes

START_SECONDS = 120.0
"""Within which a worker must be ready."""
MOST_FAILED_STARTS = 3
"""Workers in a row that may die before they are ready."""


class CrewMember(abc.ABC):
    """Abstract: one worker, and the call that it works at."""

    def __init__(self) -> None:
        self.call: Call | None = None
        self.ready, self.calls = False, 0
        self.began = time.monotonic()
        self.deadline: float | None = self.began + START_SECONDS

    def give(self, call: Call, timeout: float | None) -> None:
        """Hand over a call."""
        self.call, self.began, self.calls = call, time.monotonic(), self.calls + 1
        self.deadline = None if timeout is None else self.began + timeout
        self.send(to_bytes([from_bytes(job.encoded) for job in call]))

    @abc.abstractmethod
    def send(self, objects: bytes) -> None:
        """Send the objects of a call."""


class Crew(Evaluator):
    """Abstract: evaluates by workers; `hands_out` is the thread that owns them."""

    def __init__(self, deliver: Deliver, *, size: int, limits: Limits, name: str) -> None:
        super().__init__(deliver)
        self.size, self.limits = size, limits
        self.queue: deque[Call] = deque()
        self.members: list[Any] = []
        self.failed_starts = 0
        self.broken: str | None = None
        """Why no worker can be started at all."""
        self.lock = threading.Lock()
        self.closing = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def submit(self, calls: Sequence[Call]) -> None:
        with self.lock:
            self.queue.extend(calls)
        self.wake()

    def close(self) -> None:
        """End all workers; calls without an answer get none."""
        self.closing = True
        self.wake()
        self.thread.join()

    @abc.abstractmethod
    def wake(self) -> None:
        """Let the thread look at the queue."""

    @abc.abstractmethod
    def started(self) -> CrewMember:
        """A new worker, on its way."""

    @abc.abstractmethod
    def listen(self) -> None:
        """Wait for what workers say, until the next deadline at the latest, and pass it on."""

    @abc.abstractmethod
    def end(self, member: Any) -> str:
        """End a worker. Returns how it ended, in words."""

    @abc.abstractmethod
    def dismissed(self) -> None:
        """Free what the crew holds beside its workers, when the thread ends."""

    def _run(self) -> None:
        try:
            while not self.closing:
                self._hand_out()
                self.listen()
                self._end_late()
        except Exception as error:  # a fault of ours must not leave the trainer waiting for ever
            self.give_up(f"their thread ended, {type(error).__name__}: {error}")
        finally:
            for member in list(self.members):
                self.lose(member)
            self.dismissed()

    def _hand_out(self) -> None:
        """Give waiting calls to idle workers, and start workers for those that are left."""
        idle = [member for member in self.members if member.ready and member.call is None]
        starting = sum(not member.ready for member in self.members)
        with self.lock:
            for member in idle[: len(self.queue)]:
                member.give(self.queue.popleft(), self.limits.timeout)
            wanted = min(len(self.queue) - starting, self.size - len(self.members))
        for _ in range(0 if self.broken else max(0, wanted)):
            self.members.append(self.started())

    def lose(self, member: Any) -> str:
        """Take a worker off the list, and end it."""
        self.members.remove(member)
        return self.end(member)

    def is_ready(self, member: CrewMember) -> None:
        """A worker has started."""
        member.ready, member.deadline, self.failed_starts = True, None, 0

    def answer(self, member: CrewMember, kind: str, content: Any) -> None:
        """A worker has answered its call: with rows, or with the text of an error."""
        call, member.call, member.deadline = member.call, None, None
        assert call is not None
        if kind == "rows":
            self.deliver(answered(call, content, time.monotonic() - member.began))
        else:
            self._failed(call, "error", content)

    def died(self, member: CrewMember, words: str, *, at_start: str) -> None:
        """A worker is gone: `words` say how, of one that has not begun together with `at_start`."""
        if member.call is not None:
            self._failed(member.call, "death", words)
        elif not member.ready:
            self.failed_starts += 1
            if self.failed_starts >= MOST_FAILED_STARTS:
                self.give_up(f"{self.failed_starts} in a row {at_start}")

    def give_up(self, why: str) -> None:
        """No worker can be had: those who wait are told."""
        self.broken = why
        self.deliver([])

    def _failed(self, call: Call, failure: Failure, message: str) -> None:
        again, final = self.limits.after(call, failure, message)
        with self.lock:
            self.queue.extendleft(reversed(again))
        self.deliver(final)

    def _end_late(self) -> None:
        now = time.monotonic()
        for member in [one for one in self.members if one.deadline is not None and one.deadline <= now]:
            self.lose(member)
            if member.call is not None:
                self._failed(member.call, "timeout", f"no answer within {self.limits.timeout:g} s")
            else:
                self.give_up(f"none was ready within {START_SECONDS:g} s")
