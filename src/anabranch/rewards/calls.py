"""Calls of a reward function: some objects each, with what happens to them when a call fails."""

import abc
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from anabranch.rewards.answers import Row, asked
from anabranch.rewards.outcomes import Outcome
from anabranch.rewards.plain_objects import from_bytes


@dataclasses.dataclass(eq=False)
class Job:
    """One object to be evaluated."""

    encoded: bytes
    attempts: int = 0
    """Calls of this object alone that gave no answer."""


Call = list[Job]
"""The objects of one call of the function."""
Deliver = Callable[[list[tuple[Job, Outcome]]], None]
"""Takes the outcomes of jobs, each job once; may be called from another thread."""
Failure = Literal["error", "timeout", "death"]


class Evaluator(abc.ABC):
    """Abstract: evaluates calls somewhere, and delivers exactly one outcome for each job."""

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver

    @abc.abstractmethod
    def submit(self, calls: Sequence[Call]) -> None:
        """Begin to evaluate; the outcomes are delivered later, or before this returns."""

    @abc.abstractmethod
    def require_working(self) -> None:
        """Raise RewardError where nothing can be evaluated at all."""

    @abc.abstractmethod
    def close(self) -> None:
        """End what was started; jobs without an outcome get none."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """How long a call may take, and how often an object is tried again."""

    timeout: float | None
    retries: int

    def after(self, call: Call, failure: Failure, message: str) -> tuple[list[Call], list[tuple[Job, Outcome]]]:
        """The calls to make in place of one that failed, and the outcomes that are final.

        The objects of a call of several are tried one by one, so that one of them harms none of the others.
        """
        if len(call) > 1:
            return [[job] for job in call], []
        (job,) = call
        job.attempts += 1
        if failure == "error":
            return [], [(job, Outcome("failed", message=message, attempts=job.attempts))]
        if job.attempts <= self.retries:
            return [call], []
        if failure == "timeout":
            limit = self.timeout or 0.0
            return [], [(job, Outcome("timeout", message=message, seconds=limit, attempts=job.attempts))]
        return [], [(job, Outcome("poison", message=message, attempts=job.attempts))]


def answered(call: Call, rows: Sequence[Row], seconds: float) -> list[tuple[Job, Outcome]]:
    """The outcomes of a call that gave a row for each object."""
    each = seconds / len(call)
    pairs = zip(call, rows, strict=True)
    return [(job, Outcome("ok", tuple(row), seconds=each, attempts=job.attempts + 1)) for job, row in pairs]


class Inline(Evaluator):
    """Evaluates in this process, one call after another: no limit of time, no protection from a crash."""

    def __init__(self, function: Callable[[list[Any]], Any], deliver: Deliver) -> None:
        super().__init__(deliver)
        self.function = function
        self.limits = Limits(None, 0)

    def submit(self, calls: Sequence[Call]) -> None:
        waiting = list(reversed(calls))
        while waiting:
            call = waiting.pop()
            began = time.perf_counter()
            rows, message = asked(self.function, [from_bytes(job.encoded) for job in call])
            if rows is not None:
                self.deliver(answered(call, rows, time.perf_counter() - began))
                continue
            again, final = self.limits.after(call, "error", message)
            waiting.extend(reversed(again))
            self.deliver(final)

    def require_working(self) -> None:
        """It always can."""

    def close(self) -> None:
        """Nothing was started."""
