"""A worker process: loads one function, and answers calls until the trainer closes its end of the socket.

It imports nothing but the standard library and the user's own file, so that it starts fast.
"""

import ctypes
import importlib
import importlib.util
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

from anabranch.rewards.answers import asked, error_text
from anabranch.rewards.plain_objects import from_bytes, to_bytes

HEAD = struct.Struct("<Q")
PR_SET_PDEATHSIG = 1
IN_WORKER = "ANABRANCH_WORKER"
"""The variable that is set in the environment of a worker."""
FILE_MODULE = "anabranch_worker_file"


def main(arguments: list[str]) -> None:
    """Serve the socket of the given number."""
    die_with_parent(int(arguments[1]))
    channel = socket.socket(fileno=int(arguments[0]))
    for number in (signal.SIGINT, signal.SIGHUP):  # the trainer decides when a worker ends
        signal.signal(number, signal.SIG_IGN)
    try:
        function = loaded(from_bytes(received(channel)))
    except BaseException as error:
        send(channel, to_bytes(("broken", error_text(error))))
        return
    send(channel, to_bytes(("ready",)))
    while True:
        try:
            call = received(channel)
        except EOFError:
            return
        answer = answered(function, from_bytes(call))
        sys.stdout.flush()
        sys.stderr.flush()
        send(channel, answer)


def answered(function: Callable[[list[Any]], Any], objects: list[Any]) -> bytes:
    """The rows of some objects or the text of an error, with the memory that the process takes, in bytes."""
    rows, message = asked(function, objects)
    return to_bytes(("error", message, memory()) if rows is None else ("rows", rows, memory()))


def die_with_parent(parent: int) -> None:
    """End this process when the trainer ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before this line
        os._exit(1)


def memory() -> int:
    """The bytes that this process holds in memory; 0 where that cannot be read."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def loaded(reference: Mapping[str, Any]) -> Callable[[list[Any]], Any]:
    """The function that a reference names, from its module or its file; a record is made with its fields."""
    sys.path[:] = reference["path"]
    os.chdir(reference["folder"])
    if reference["file"]:
        spec = importlib.util.spec_from_file_location(FILE_MODULE, reference["file"])
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[FILE_MODULE] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(reference["module"])
    found: Any = module
    for part in reference["name"].split("."):
        found = getattr(found, part)
    found = getattr(found, "function", found)  # of one that was wrapped where it was defined
    return found if reference["fields"] is None else found(**reference["fields"])


def received(channel: socket.socket) -> bytes:
    """The next message. Raises EOFError where the other end is closed."""
    (size,) = HEAD.unpack(_exactly(channel, HEAD.size))
    return _exactly(channel, size)


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def send(channel: socket.socket, message: bytes) -> None:
    """Send one message."""
    channel.sendall(HEAD.pack(len(message)) + message)


if __name__ == "__main__":
    main(sys.argv[1:])
