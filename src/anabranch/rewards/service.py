"""One service for all evaluations of a reward: duplicates once, the cache before a call, one outcome an object.

Objects come in batches; a `Ticket` gives their outcomes in the order in which they were submitted, whatever the order
in which workers answer.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from anabranch.ground.errors import RewardError
from anabranch.rewards.cache import Cache
from anabranch.rewards.calls import Call, Evaluator, Job
from anabranch.rewards.outcomes import Outcome
from anabranch.rewards.plain_objects import to_bytes

MOST_KNOWN = 200_000
"""Outcomes that are held in memory; older ones are read from the cache again."""
WRITE_SECONDS, FREE_SECONDS = 0.01, 0.001
"""Outcomes are written together within so much time, where one takes less than the second: elsewhere at once."""
LISTENING_SECONDS = 0.25
"""How long a wait for outcomes lasts at most before it looks whether the workers can work at all."""


class Ticket:
    """The outcomes of a batch, as they come."""

    def __init__(self, encoded: list[bytes]) -> None:
        self.encoded = encoded
        self.outcomes: dict[bytes, Outcome] = {}
        self.missing: set[bytes] = set(encoded)

    @property
    def done(self) -> bool:
        """Whether all are there."""
        return not self.missing

    def got(self, encoded: bytes, outcome: Outcome) -> None:
        """Take an outcome."""
        self.outcomes[encoded] = outcome
        self.missing.discard(encoded)

    @property
    def in_order(self) -> list[Outcome]:
        """One outcome for each object, in the order in which they were submitted."""
        return [self.outcomes[one] for one in self.encoded]


class RewardService:
    """Evaluates objects by an evaluator, each of them once.

    `noisy` asks anew for each batch and keeps nothing; `group` is how many objects one call has.
    """

    def __init__(
        self,
        cache: Cache,
        start: Callable[[Callable[..., None]], Evaluator],
        *,
        group: int,
        noisy: bool,
        timeout: float | None,
    ) -> None:
        self.cache, self.start, self.group, self.noisy, self.timeout = cache, start, group, noisy, timeout
        self.evaluator: Evaluator | None = None
        self.known: dict[bytes, Outcome] = {}
        self.tickets: dict[Job, list[Ticket]] = {}
        self.jobs: dict[bytes, Job] = {}
        """The jobs that are under way."""
        self.unwritten: list[tuple[Job, Outcome]] = []
        self.written = 0.0
        self.condition = threading.Condition()
        self.evaluated = self.recalled = 0
        """Objects that were evaluated by this process, and those that the cache knew from another."""
        self.waited = 0.0
        """Seconds for which the trainer has waited."""
        self.open_batches: dict[int, tuple[list[Any], Any, Any, Ticket]] = {}
        """The objects, copies and tickets of a training's batches that it has not learned from, by their numbers."""
        self.staleness: list[int] = []
        """Steps between proposing and learning, of each batch since the last report."""
        self.failed: set[bytes] = set()
        """Objects without a usable reward."""
        self.surveys: dict[Any, Any] = {}
        """What random walks have found, remembered by who has walked."""

    def submit(self, encoded: list[bytes]) -> Ticket:
        """Begin to evaluate a batch of objects, as `encoded_objects` gives them."""
        ticket = Ticket(encoded)
        with self.condition:
            fresh = [one for one in dict.fromkeys(encoded) if not self._is_answered(one, ticket)]
        if not self.noisy:
            fresh = self._recalled(fresh, ticket)
        jobs = [Job(one) for one in fresh]
        with self.condition:
            for job in jobs:
                self.tickets[job] = [ticket]
                if not self.noisy:
                    self.jobs[job.encoded] = job
        self._begin([jobs[at : at + self.group] for at in range(0, len(jobs), self.group)])
        return ticket

    def unknown(self, encoded: list[bytes]) -> list[bytes]:
        """Those of some objects without an outcome."""
        missing = [one for one in encoded if one not in self.known]
        found = self.cache.found(missing)
        return [one for one in missing if one not in found]

    def _is_answered(self, encoded: bytes, ticket: Ticket) -> bool:
        """Whether an outcome is known, or on its way."""
        if self.noisy:
            return False
        if encoded in self.known:
            ticket.got(encoded, self.known[encoded])
            return True
        if encoded in self.jobs:
            self.tickets[self.jobs[encoded]].append(ticket)
            return True
        return False

    def _recalled(self, encoded: list[bytes], ticket: Ticket) -> list[bytes]:
        """Take what the cache has; returns what it has not."""
        found = self.cache.found(encoded) if encoded else {}
        stale = [one for one, outcome in found.items() if not self._holds(outcome)]
        self.cache.forget(stale)
        with self.condition:
            for one in found.keys() - set(stale):
                self._know(one, found[one])
                ticket.got(one, found[one])
                self.recalled += 1
        return [one for one in encoded if one in ticket.missing]

    def _holds(self, outcome: Outcome) -> bool:
        """Whether an outcome of another process is taken over: an error may have been of that day, a limit another."""
        if outcome.status == "timeout":
            return self.timeout is not None and self.timeout <= outcome.seconds
        return outcome.status in ("ok", "poison")

    def _begin(self, calls: list[Call]) -> None:
        if not calls:
            return
        if self.evaluator is None:
            self.evaluator = self.start(self._deliver)
        try:
            self.evaluator.submit(calls)
        except BaseException:  # Ctrl-C in a function that runs in this process: what has no outcome is asked for anew
            with self.condition:
                for job in [job for call in calls for job in call if job in self.tickets]:
                    del self.tickets[job]
                    self.jobs.pop(job.encoded, None)
                self._write()
            raise

    def _deliver(self, answers: list[tuple[Job, Outcome]]) -> None:
        """Record outcomes, and tell those who wait for them."""
        with self.condition:
            for job, outcome in answers:
                waiting = self.tickets.pop(job)
                self.jobs.pop(job.encoded, None)
                self.evaluated += 1
                if not self.noisy:
                    self._know(job.encoded, outcome)
                    self.unwritten.append((job, outcome))
                for ticket in waiting:
                    ticket.got(job.encoded, outcome)
            slow = any(outcome.seconds > FREE_SECONDS for _, outcome in answers)
            if slow or not self.tickets or time.monotonic() - self.written > WRITE_SECONDS:
                self._write()
            self.condition.notify_all()

    def _write(self) -> None:
        unwritten, self.unwritten = self.unwritten, []
        self.cache.keep(unwritten)
        self.written = time.monotonic()

    def _know(self, encoded: bytes, outcome: Outcome) -> None:
        if len(self.known) >= MOST_KNOWN:
            del self.known[next(iter(self.known))]
        self.known[encoded] = outcome

    def wait(self, tickets: Sequence[Ticket]) -> None:
        """Wait until one of some tickets is done. Raises RewardError where the function cannot be evaluated at all."""
        began = time.perf_counter()
        with self.condition:
            while not any(ticket.done for ticket in tickets):
                if self.evaluator is not None:
                    self.evaluator.require_working()
                self.condition.wait(LISTENING_SECONDS)
        self.waited += time.perf_counter() - began

    def outcomes(self, ticket: Ticket) -> list[Outcome]:
        """The outcomes of a ticket, when all are there."""
        self.wait([ticket])
        return ticket.in_order

    def repeated(self, encoded: list[bytes]) -> list[Outcome]:
        """Evaluate objects although they are known, and record nothing: to see whether a function repeats itself."""
        ticket, jobs = Ticket(encoded), [Job(one) for one in encoded]
        noisy, self.noisy = self.noisy, True
        try:
            with self.condition:
                self.tickets |= {job: [ticket] for job in jobs}
            self._begin([[job] for job in jobs])
            return self.outcomes(ticket)
        finally:
            self.noisy = noisy
            self.evaluated -= len(jobs)

    def rest(self) -> None:
        """End the workers; they start again when they are needed."""
        evaluator, self.evaluator = self.evaluator, None
        if evaluator is not None:
            evaluator.close()
        with self.condition:
            self.tickets.clear()
            self.jobs.clear()
            self.open_batches.clear()
            self._write()


def encoded_objects(objects: Sequence[Any], name: str) -> list[bytes]:
    """Plain objects as bytes. Raises RewardError for others."""
    try:
        return [to_bytes(one) for one in objects]
    except TypeError as error:
        raise RewardError(
            f"The reward {name} gets decoded objects, and {error}: write decode of the environment so."
        ) from None
