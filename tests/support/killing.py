"""Kills the worker processes of this process now and then."""

import contextlib
import os
import signal
import threading
from pathlib import Path


@contextlib.contextmanager
def workers_killed(every):
    """A worker every so many seconds, while this is open; gives the list of those that were."""
    pids, stop = [], threading.Event()
    killer = threading.Thread(target=_kill, args=(pids, stop, every))
    killer.start()
    try:
        yield pids
    finally:
        stop.set()
        killer.join()


def _kill(pids, stop, every):
    while not stop.wait(every):
        found = processes_with("anabranch.rewards.worker")
        mine = [pid for pid in found if pid not in pids and parent_of(pid) == os.getpid()]
        if mine:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(mine[0], signal.SIGKILL)
            pids.append(mine[0])


def parent_of(pid):
    """The parent of a process; 0 of one that is gone."""
    try:
        return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
    except (OSError, ValueError):
        return 0


def processes_with(words):
    """The processes whose command line has these words."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if words.encode() in (place / "cmdline").read_bytes().replace(b"\0", b" "):
                found.append(int(place.name))
    return found
