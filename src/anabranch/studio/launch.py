"""The studio from a notebook: a server in a process of its own, and its address."""

import atexit
import html
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from anabranch.ground.arguments import require_instance
from anabranch.ground.errors import RunError
from anabranch.runs.run import Run
from anabranch.storage.directory import RunDirectory

START_SECONDS = 30.0
MARK = "the studio is at "


class Opened:
    """A studio that runs beside this process, until `stop` or the end of the process."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process, self.url = process, url
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the server; a second time does nothing."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def __repr__(self) -> str:
        return f"the studio is at {self.url}; .stop() ends it"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        address = html.escape(self.url, quote=True)
        return f'<p>the studio is at <a href="{address}" target="_blank" rel="noopener">{address}</a></p>'


def studio(run: Run | str | Path, *, port: int = 8000, browser: bool = False) -> Opened:
    """Open the page of a run, beside this process.

    Arguments:
        run: a run, or the path of its directory; a run that is kept nowhere is kept in a temporary folder.
        port: the first one to try.
        browser: whether to open it in the browser of the machine that this process runs on.

    Returns:
        An object with the address, `url`, and `stop()`; a notebook shows it as a link.

    Raises:
        RunError: where the run cannot be read, or the server does not start.
        ConfigError: for what is no run.

    Example:
        page = anabranch.studio(run)
        page.stop()
    """
    require_instance(run, Run | str | Path, argument="run", expected="a run, or the path of its directory")
    if isinstance(run, Run):
        place = run.directory
        if place is None or not place.exists():
            place = Path(tempfile.mkdtemp(prefix="anabranch-")) / "run"
            run.save(place)
    else:
        place = RunDirectory.open(run).path
    command = [sys.executable, "-m", "anabranch.cli", "studio", str(place), "--port", str(port)]
    if not browser:
        command.append("--no-browser")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    return Opened(process, _address(process))


def _address(process: "subprocess.Popen[str]") -> str:
    """The address that the server prints. Raises RunError with what it says in its place."""
    lines: list[str] = []
    assert process.stdout is not None
    output: Any = process.stdout

    def read() -> None:
        for line in output:
            lines.append(line.strip())

    threading.Thread(target=read, daemon=True).start()
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        for line in list(lines):
            if MARK in line:
                return line.partition(MARK)[2].split()[0]
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    raise RunError(f"The studio did not start: {' '.join(lines) or 'it said nothing'}.")
