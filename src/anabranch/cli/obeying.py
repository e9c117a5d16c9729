"""Ends a command within two seconds of Ctrl-C or SIGTERM, also while JAX compiles and no Python code runs."""

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
INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def obedient(last_words: Callable[[], str]) -> Iterator[None]:
    """Turn both signals into KeyboardInterrupt; a command that does not end in time is ended, with its last words.

    A signal handler waits for the main thread to run Python, which it does not while JAX compiles or computes. The
    system writes the signal into a socket at once, and a thread that reads there keeps the time. Does nothing
    outside the main thread, where Python allows no signal handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    taken = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not taken.is_set() and not _in_callback(frame):
            taken.set()
            raise KeyboardInterrupt

    handlers = {number: signal.signal(number, interrupt) for number in SIGNALS}
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(heard, taken, ended, last_words), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        told.close()
        watcher.join()
        heard.close()


def leave() -> NoReturn:
    """End the process without its clean-up, which would wait for JAX's compiler, and fail where that was cut off."""
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _watch(heard: socket.socket, taken: threading.Event, ended: threading.Event, last_words: Callable[[], str]) -> None:
    while not any(number in SIGNALS for number in heard.recv(1) or (signal.SIGINT,)):
        pass
    deadline = time.monotonic() + PATIENCE
    while not ended.wait(AGAIN):
        if time.monotonic() > deadline:
            os.write(2, f"\nanabranch: {last_words()}\n".encode())
            os._exit(INTERRUPTED)
        if not taken.is_set():
            signal.raise_signal(signal.SIGINT)


def _in_callback(frame: FrameType | None) -> bool:
    """Whether Python runs inside a JAX program, which would turn the exception into an error of its own."""
    while frame is not None:
        if frame.f_code.co_filename.endswith(os.path.join("jax", "_src", "callback.py")):
            return True
        frame = frame.f_back
    return False
