"""Ends a command within two seconds of a signal, also while JAX compiles; a second signal ends it at once."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

PATIENCE = 1.3
"""Seconds that a command has to end by itself: to finish a chunk of steps and to write its run directory."""
AGAIN = 0.05
"""Seconds until the main thread is interrupted once more."""
REPEATED = 0.2
"""Seconds after which a second Ctrl-C is meant as one: some terminals send a single one twice."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

SIGNALLED = tuple(128 + number for number in SIGNALS)
"""The exit codes of commands that a signal has ended."""
_HANGUP = getattr(signal, "SIGHUP", None)


class Heard:
    """The signal that a command was told to end by; Ctrl-C where it was interrupted without one."""

    number: int = signal.SIGINT

    @property
    def code(self) -> int:
        """The exit code: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number


@contextmanager
def obedient(last_words: Callable[[], str]) -> Iterator[Heard]:
    """Turn the signals into KeyboardInterrupt; a command that does not end in time is ended, with its last words.

    A signal handler waits for the main thread to run Python, which it does not while JAX compiles or computes. The
    system writes the signal into a socket at once, and a thread that reads there keeps the time. Does nothing
    outside the main thread, where Python allows no signal handlers.
    """
    signalled = Heard()
    if threading.current_thread() is not threading.main_thread():
        yield signalled
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    taken = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not taken.is_set() and not _in_callback(frame):
            taken.set()
            raise KeyboardInterrupt

    # What runs under nohup goes on when its terminal is closed.
    taught = [number for number in SIGNALS if number != _HANGUP or signal.getsignal(number) != signal.SIG_IGN]
    handlers = {number: signal.signal(number, interrupt) for number in taught}
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(heard, signalled, taken, ended, last_words), daemon=True)
    watcher.start()
    try:
        yield signalled
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        told.close()
        watcher.join()
        heard.close()


def leave(code: int) -> NoReturn:
    """End the process without its clean-up, which would wait for JAX's compiler, and fail where that was cut off."""
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _watch(
    heard: socket.socket,
    signalled: Heard,
    taken: threading.Event,
    ended: threading.Event,
    last_words: Callable[[], str],
) -> None:
    number = 0
    while number not in SIGNALS:
        number = (heard.recv(1) or bytes([signal.SIGINT]))[0]
    signalled.number = number
    began = time.monotonic()
    heard.setblocking(False)
    while not ended.wait(AGAIN):
        waited = time.monotonic() - began
        again = _numbers(heard) and waited > REPEATED
        if waited > PATIENCE or again:
            os.write(2, f"\nanabranch: {last_words()}\n".encode())
            os._exit(signalled.code)
        if not taken.is_set():
            signal.raise_signal(signal.SIGINT)
            _numbers(heard)  # this one does not count as a second


def _numbers(heard: socket.socket) -> bool:
    """Whether a signal came since it was asked last."""
    try:
        return any(number in SIGNALS for number in heard.recv(1024))
    except BlockingIOError:
        return False


def _in_callback(frame: FrameType | None) -> bool:
    """Whether Python runs inside a JAX program, which would turn the exception into an error of its own."""
    while frame is not None:
        if frame.f_code.co_filename.endswith(os.path.join("jax", "_src", "callback.py")):
            return True
        frame = frame.f_back
    return False
