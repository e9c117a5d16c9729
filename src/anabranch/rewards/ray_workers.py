"""Workers on a Ray cluster: an actor for each processor, with the same deadlines and the same single outcome.

Actors get the function by Ray's own means, so that one of a notebook works too; objects and answers travel as the bytes
that our own workers exchange.
"""

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from anabranch.ground.errors import RewardError
from anabranch.ground.extras import of_extra
from anabranch.rewards.calls import Deliver, Limits
from anabranch.rewards.crew import Crew, CrewMember
from anabranch.rewards.plain_objects import from_bytes
from anabranch.rewards.reward_settings import RAY
from anabranch.rewards.worker import answered as answer_of

PATIENCE = 0.1
"""Seconds between two looks at deadlines."""


class Caller:
    """What an actor is: it holds the function, and answers calls."""

    def __init__(self, function: Callable[[list[Any]], Any]) -> None:
        self.function = function

    def ready(self) -> bool:
        """Answers when the actor is there."""
        return True

    def call(self, encoded: bytes) -> bytes:
        """The answer of the function for encoded objects."""
        return answer_of(self.function, from_bytes(encoded))


class Actor(CrewMember):
    """One actor, and what it was asked for."""

    def __init__(self, kind: Any, function: Any) -> None:
        super().__init__()
        self.handle = kind.remote(function)
        self.answer = self.handle.ready.remote()

    def send(self, objects: bytes) -> None:
        """Call the actor."""
        self.answer = self.handle.call.remote(objects)


class RayWorkers(Crew):
    """Evaluates on a Ray cluster."""

    def __init__(self, function: Any, deliver: Deliver, *, address: str, limits: Limits) -> None:
        self.ray = joined_ray(None if address == RAY else address)
        size = max(1, int(self.ray.cluster_resources().get("CPU", 1)))
        super().__init__(deliver, size=size, limits=limits, name="reward actors")
        # A cluster that was joined before need not know where this process finds its files.
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, "runtime_env": environment()}
        self.kind = self.ray.remote(**options)(Caller)
        self.function = self.ray.put(function)
        self.bell = threading.Event()
        self.thread.start()

    def require_working(self) -> None:
        """Raise RewardError where no actor can be had, or their thread has ended."""
        if self.broken is not None:
            raise RewardError(f"The Ray cluster cannot evaluate the reward: {self.broken}.")

    def wake(self) -> None:
        self.bell.set()

    def started(self) -> Actor:
        return Actor(self.kind, self.function)

    def listen(self) -> None:
        busy = {actor.answer: actor for actor in self.members if actor.call is not None or not actor.ready}
        if not busy:
            self.bell.wait(PATIENCE)
            self.bell.clear()
            return
        done, _ = self.ray.wait(list(busy), num_returns=len(busy), timeout=0.0)
        if not done:
            done, _ = self.ray.wait(list(busy), num_returns=1, timeout=PATIENCE)
        for answer in done:
            self._heard(busy[answer])

    def _heard(self, actor: Actor) -> None:
        try:
            answer = self.ray.get(actor.answer)
        except Exception as error:  # of Ray: those of the function come as text
            self.lose(actor)
            words = f"the Ray worker was lost, {type(error).__name__}: {' '.join(str(error).split())[-300:]}"
            self.died(actor, words, at_start=f"could not be started ({words})")
            return
        if actor.call is None:
            self.is_ready(actor)
            return
        kind, content, _ = from_bytes(answer)
        self.answer(actor, kind, content)

    def end(self, member: Actor) -> str:
        with contextlib.suppress(Exception):
            self.ray.kill(member.handle, no_restart=True)
        return "killed"

    def dismissed(self) -> None:
        """Nothing but the actors was held."""


def joined_ray(address: str | None = None) -> Any:
    """The module `ray`, connected to a cluster: of that address, that RAY_ADDRESS names, or one on this machine.

    Raises ImportError, naming the extra, where it is not installed.
    """
    ray = of_extra("ray", extra="ray", needs="Work on a cluster needs Ray")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")  # it starts other programs, not copies
        options: dict[str, Any] = {"log_to_driver": False, "include_dashboard": False}
        if address is not None:
            options["address"] = address
            del options["include_dashboard"]
        if not ray.is_initialized():
            ray.init(runtime_env=environment(), **options)
    return ray


def environment() -> dict[str, Any]:
    """The environment of a worker of the cluster, in which it finds the files that this process finds."""
    search = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    return {"env_vars": {"PYTHONPATH": search}}
