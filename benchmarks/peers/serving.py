"""What the peers of the continuous comparison share: a process that trains when it is told to, and waits otherwise.

A command is one JSON object a line on stdin, and its answer one on stdout. `start` builds a training and compiles what
is compiled, `train` takes steps or seconds of it, `estimate` says what is left of it. Each peer runs under its own
library's Python, so this file needs nothing but NumPy.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, Protocol

CHUNK_SECONDS = 0.25
"""Of training between two looks at the clock."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training by trajectory balance, whose learning rates fall to 0 along a cosine over `steps` steps."""

    task: Literal["box", "gaussians"]
    steps: int
    seed: int = 0
    batch: int = 128
    hidden: int = 128
    lr: float = 1e-3
    log_z_lr: float = 0.1
    least: float = 0.25  # box: what a move adds to every coordinate at least
    r0: float = 0.1
    r1: float = 0.5
    r2: float = 2.0
    moves: int = 100  # diffusion
    scale: float = 5.0  # diffusion: standard deviation of a coordinate at the end, before anything is learned


class Trainer(Protocol):
    """A library that trains one sampler at a time."""

    packages: tuple[str, ...]

    def start(self, training: Training) -> dict[str, float]:
        """Build everything anew and compile it. Seconds of compilation, and how many threads there are."""
        ...

    def train(self, count: int) -> None:
        """Take so many steps, and wait until they are done."""
        ...

    def estimate(self, samples: int) -> dict[str, float | None]:
        """The learned log Z, and what fresh trajectories say, in nats."""
        ...


def trained(trainer: Trainer, *, steps: int, seconds: float | None) -> dict[str, float]:
    """Train for so many steps at most, or until so many seconds are spent."""
    began = time.perf_counter()
    done, spent, chunk = 0, 0.0, 1
    while done < steps and (seconds is None or spent < seconds):
        size = min(chunk, steps - done)
        trainer.train(size)
        done, before, spent = done + size, spent, time.perf_counter() - began
        chunk = max(1, int(CHUNK_SECONDS * size / max(spent - before, 1e-6)))
    return {"steps": done, "seconds": spent}


def serve(trainer: Trainer) -> None:
    """Answer commands until there are no more."""
    commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "start": lambda given: trainer.start(Training(**given)),
        "train": lambda given: trained(trainer, steps=given["steps"], seconds=given.get("seconds")),
        "estimate": lambda given: trainer.estimate(given["samples"]),
        "versions": lambda given: (
            {name: version(name) for name in trainer.packages} | {"python": platform.python_version()}
        ),
    }
    # Libraries print on stdout what they like; the answers have it for themselves.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(commands[command["do"]](command.get("with", {}))), file=answers, flush=True)
