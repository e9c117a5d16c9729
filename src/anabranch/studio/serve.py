"""Starts the server of the page on a free port, and ends with it all that it has started."""

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anabranch.ground.errors import ConfigError, RunError
from anabranch.ground.extras import of_extra
from anabranch.studio.guards import LOOPBACK, Guard, is_loopback

LAST_PORT = 65_535
TRIED = 20
"""Ports that are tried one after another."""
NEEDS = {"extra": "studio", "needs": "The studio needs Starlette and uvicorn, which are not installed"}


def serve(
    root: Path,
    *,
    run: str | None = None,
    task: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    browser: bool = True,
    say: Callable[[str], None],
) -> None:
    """Serve the runs below a folder until Ctrl-C.

    Arguments:
        root: the folder of the runs.
        run: the name of the one to open first; where it was started from a page, its training goes on.
        task: a task of which a training is started, to play with.
        host: where to listen; another than this machine makes a token, which is printed once.
        port: the first one to try.
        browser: whether to open the page in the user's browser.
        say: what is told the address, in a sentence.

    Raises:
        ConfigError: where no port is free, or the host is none of this machine.
        ImportError: without the extra, which it names.
    """
    for module in ("starlette", "uvicorn"):
        of_extra(module, **NEEDS)
    import uvicorn

    from anabranch.studio.running import Studio
    from anabranch.studio.server import application

    listening, said = _listening(host, port)
    studio = Studio(root)
    try:
        name = run
        if task is not None:
            root.mkdir(parents=True, exist_ok=True)
            name = studio.start(task)
        elif run is not None and (place := studio.runs.path(run)) is not None:
            with contextlib.suppress(RunError):
                studio.steer(place)
        free = listening.getsockname()[1]
        token = None if is_loopback(host) else secrets.token_urlsafe(24)
        shown = f"[{host}]" if ":" in host else host
        hosts = frozenset(f"{one}:{free}" for one in (*LOOPBACK, shown))
        query = "&".join(f"{key}={quote(value)}" for key, value in (("run", name), ("token", token)) if value)
        address = f"http://{shown}:{free}/{'?' * bool(query)}{query}"
        say(f"{said}the studio is at {address}  (Ctrl-C ends it)")
        if name is not None and task is not None:
            studio.trainers[root.resolve() / name].ready()
        guarded: Any = Guard(application(studio), hosts, token)
        config = uvicorn.Config(guarded, log_level="warning", access_log=False, timeout_graceful_shutdown=1, ws="none")
        asyncio.run(_run(uvicorn.Server(config), listening, address if browser and sys.stdout.isatty() else None))
    finally:
        studio.close()
        listening.close()


async def _run(server: Any, listening: socket.socket, opened: str | None) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, end)
    server.capture_signals = contextlib.nullcontext
    if opened is not None:
        loop.call_later(0.2, webbrowser.open, opened)
    await server.serve(sockets=[listening])


def _listening(host: str, port: int) -> tuple[socket.socket, str]:
    """A socket on that port, or on the next free one, and what to say of it. Raises ConfigError where none is free."""
    if port > LAST_PORT:
        raise ConfigError(f"--port is a number from 0 to {LAST_PORT}; given {port}.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken: OSError | None = None
    for one in range(port, min(port + TRIED, LAST_PORT + 1)) if port else (0,):
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, one))
            found.listen(128)
        except OSError as error:
            found.close()
            taken = error
            if isinstance(error, socket.gaierror):
                break
            continue
        return found, "" if one == port else f"port {port} is taken; "
    raise ConfigError(f"No port from {port} on is free at {host} ({taken}): choose another, --port or --host.")
