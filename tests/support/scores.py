"""Reward functions that worker processes load: good ones, and those that fail in every way.

Each call leaves a line in the file that SCORES_LOG names: the process, and the objects.
"""

import ctypes
import os
import signal
import sys
import time

LOG = "SCORES_LOG"


def encoded(objects):
    from anabranch.rewards.plain_objects import to_bytes

    return [to_bytes(item) for item in objects]


def noted(objects):
    place = os.environ.get(LOG)
    if place:
        with open(place, "a") as file:
            file.write("".join(f"{os.getpid()} {item!r}\n" for item in objects))


def calls(place):
    """The objects that were evaluated, in the order of their calls."""
    return [line.split(" ", 1)[1] for line in open(place).read().splitlines()] if os.path.exists(place) else []


def values(objects):
    """1 + the sum of the numbers of each object."""
    noted(objects)
    return [1.0 + sum(item) for item in objects]


def slow(objects):
    time.sleep(0.05 * len(objects))
    return values(objects)


def ten_milliseconds(objects):
    time.sleep(0.01 * len(objects))
    return values(objects)


def columns(objects):
    noted(objects)
    return [(1.0 + sum(item), 2.0) for item in objects]


def is_bad(item):
    return sum(item) == 3


def raises(objects):
    noted(objects)
    if any(map(is_bad, objects)):
        raise ValueError(f"no number for {objects}")
    return [1.0 + sum(item) for item in objects]


def hangs(objects):
    noted(objects)
    if any(map(is_bad, objects)):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # as C code that hears no signal
        while True:
            pass
    return [1.0 + sum(item) for item in objects]


def crashes(objects):
    noted(objects)
    if any(map(is_bad, objects)):
        ctypes.string_at(0)
    return [1.0 + sum(item) for item in objects]


def leaves(objects):
    noted(objects)
    if any(map(is_bad, objects)):
        os._exit(3)
    return [1.0 + sum(item) for item in objects]


def misbehaves(objects):
    """Prints without end, also from C, and changes what a process has."""
    import random

    os.chdir("/")
    random.seed(0)
    os.environ["OMP_NUM_THREADS"] = "64"
    print("from Python " * 20_000)
    libc = ctypes.CDLL(None)
    libc.puts(b"from C " * 20_000)
    libc.fflush(None)
    print("from stderr " * 20_000, file=sys.stderr)
    return [1.0 + sum(item) for item in objects]


LEAKED = []


def leaks(objects):
    noted(objects)
    LEAKED.append(bytearray(50_000_000))
    return [1.0 + sum(item) for item in objects]


def threads(objects):
    return [float(os.environ["OMP_NUM_THREADS"]) for _ in objects]


class TwoArgumentsError(Exception):
    """Cannot be made from its message alone, holds what cannot be sent, and fails to print."""

    def __init__(self, one, other):
        super().__init__(one)
        self.other = other

    def __str__(self):
        raise RuntimeError("no words")


def raises_strangely(objects):
    if any(map(is_bad, objects)):
        raise TwoArgumentsError(1, lambda: 0)
    return [1.0 + sum(item) for item in objects]


def exits(objects):
    if any(map(is_bad, objects)):
        raise SystemExit("out")
    return [1.0 + sum(item) for item in objects]
