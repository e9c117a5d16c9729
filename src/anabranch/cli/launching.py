"""`anabranch launch -n N -- train ...`: several processes train one run; where one dies, all are started again."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from anabranch.cli.flags import Option, parse
from anabranch.cli.peers import COORDINATOR, DEVICE, NUMBER, PROCESSES, RESTARTED
from anabranch.cli.training import free_directory
from anabranch.ground.errors import ConfigError
from anabranch.storage.files import steps_in

COUNT = Option(name="n", annotation=int, default=2, help="processes, each with a device of its own", least=1)
RESTARTS = Option(name="restarts", annotation=int, default=3, help="how often all are started again", least=0)
PROGRAM = "from anabranch.cli import main; raise SystemExit(main())"
POLLED, PATIENCE = 0.05, 1.0
"""Seconds between two looks at the processes, and that they have to end by themselves when told to."""
FINAL = frozenset({2, 3, 4, 129, 130, 143})
"""Exit codes of a refusal or an interruption, after which nothing is started again."""


def launch(arguments: Sequence[str]) -> int:
    """Start the processes, and start all again from the last checkpoint where one has died."""
    words = list(arguments)
    own, command = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    flags = parse("launch", None, (COUNT, RESTARTS), ["--n" if word == "-n" else word for word in own])
    if not command or command[0] not in ("train", "resume"):
        raise ConfigError("launch takes a training after two dashes: anabranch launch -n 2 -- train faces --out RUN.")
    command, out = _with_out(command)
    restarts, begun = flags.options["restarts"], False
    while True:
        with tempfile.TemporaryDirectory(prefix="anabranch-launch-") as folder:
            code, words_of_end = _together(command, flags.options["n"], Path(folder), again=begun)
        if code == 0 or code in FINAL or restarts == 0:
            if code:
                print(f"anabranch: {words_of_end}", file=sys.stderr)
            return code if code >= 0 else 128 - code
        restarts, begun = restarts - 1, True
        steps = steps_in(out / "checkpoints")
        where = f"from step {steps[0]:,}" if steps else "from the beginning"
        print(f"anabranch: {words_of_end} All are started again, {where}.", file=sys.stderr)


def _with_out(command: list[str]) -> tuple[list[str], Path]:
    """The command with the directory that its run is kept in, which all processes must know."""
    if command[0] == "resume":
        place = next((word for word in command[1:] if not word.startswith("-")), "")
        return command, Path(place)
    for number, word in enumerate(command):
        if word.startswith("--out="):
            return command, Path(word.partition("=")[2])
        if word == "--out" and number + 1 < len(command):
            return command, Path(command[number + 1])
    out = free_directory("launched")
    return [*command, "--out", str(out)], out


def _together(command: list[str], count: int, folder: Path, *, again: bool) -> tuple[int, str]:
    """Run the processes until all have ended well, or one has not: its exit code, and what it was."""
    port = _free_port()
    peers = [_started(command, number, count, port, folder, again=again) for number in range(count)]
    try:
        while True:
            codes = [peer.poll() for peer in peers]
            if all(code == 0 for code in codes):
                return 0, ""
            ended = [(code, number) for number, code in enumerate(codes) if code]
            if ended:
                # One that was killed comes first: the others end because of it.
                code, number = min(ended)
                return code, f"process {number} of {count} ended with {_spoken(code)}.{_last_line(folder, number)}"
            time.sleep(POLLED)
    except KeyboardInterrupt:
        for peer in peers:
            peer.terminate()
        _wait(peers)
        raise
    finally:
        for peer in peers:
            peer.kill()
            peer.wait()


def _started(
    command: list[str], number: int, count: int, port: int, folder: Path, *, again: bool
) -> subprocess.Popen[bytes]:
    about = {COORDINATOR: f"127.0.0.1:{port}", PROCESSES: str(count), NUMBER: str(number), DEVICE: str(number)}
    environment = {**os.environ, **about, **({RESTARTED: "1"} if again else {})}
    words = [sys.executable, "-c", PROGRAM, *command]
    if number == 0:
        return subprocess.Popen(words, env=environment, start_new_session=True)
    # The first tells of the run; what the others say is read where they fail.
    with (folder / str(number)).open("wb") as log:
        return subprocess.Popen(words, env=environment, start_new_session=True, stdout=log, stderr=log)


def _wait(peers: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and any(peer.poll() is None for peer in peers):
        time.sleep(POLLED)


def _spoken(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _last_line(folder: Path, number: int) -> str:
    log = folder / str(number)
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return f" It said: {lines[-1]}" if lines else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
