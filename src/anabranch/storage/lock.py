"""One process at a time writes a run: a lock that names its process, and ends with it."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RunError

try:
    import fcntl
except ImportError:  # Windows has no such locks: there a run is not locked
    fcntl = None

LOCK = "lock"
TRIES, PAUSE = 5, 0.02
"""How often a lock is tried, and the seconds between: one who only looks whether there is a writer holds it too."""


class RunLock:
    """A lock that is held: the system frees it when the process ends, however it ends."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.handle: int | None = handle

    @classmethod
    def take(cls, folder: Path) -> "RunLock":
        """Lock a run directory. Raises RunError, naming the process that writes it, where there is one.

        A file that a killed process left behind is taken over.
        """
        path = folder / LOCK
        while True:
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
            except OSError as error:
                words = "is a link" if path.is_symlink() else f"cannot be written ({error.strerror})"
                raise RunError(f"{path} {words}: it must be a file that this process may write.") from error
            if not _locked_soon(handle):
                owner = _owner(path)
                os.close(handle)
                raise RunError(f"{folder} is being written by {owner}: wait for it, or end that process.")
            # The process before may have removed the file between the two calls above; then this lock is of no name.
            if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
                break
            os.close(handle)
        about = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        os.ftruncate(handle, 0)
        os.write(handle, (json.dumps(about) + "\n").encode())
        return cls(path, handle)

    def release(self) -> None:
        """Remove the lock; a second time does nothing."""
        handle, self.handle = self.handle, None
        if handle is not None:
            self.path.unlink(missing_ok=True)
            os.close(handle)


def writer_of(folder: Path) -> str | None:
    """The process that writes a run at present, in words; None where there is none."""
    path = folder / LOCK
    if fcntl is None or not path.is_file():
        return None
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # its writer has ended just now
        return None
    try:
        return None if _locked(handle, shared=True) else _owner(path)
    finally:
        os.close(handle)


def _locked_soon(handle: int) -> bool:
    """Whether the lock was taken, at once or after those who only looked."""
    for _ in range(TRIES):
        if _locked(handle):
            return True
        time.sleep(PAUSE)
    return _locked(handle)


def _locked(handle: int, *, shared: bool = False) -> bool:
    """Whether the lock was taken; so too where the file system has no locks. Shared locks do not exclude each other."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _owner(path: Path) -> str:
    try:
        about: Any = json.loads(path.read_text(encoding="utf-8"))
        return f"process {about['pid']} on {about['host']}, since {about['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
