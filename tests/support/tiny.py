"""Runs so small that a test can afford them; equal settings share one compilation in a process."""

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import anabranch as ab
from anabranch.cli import main

MY_SPACES = str(Path(__file__).parent / "my_spaces.py")
STEPS = 40
FLAGS = ("--steps", str(STEPS), "--policy.width", "16")


def train_faces(**changes: Any) -> ab.Run:
    """What `anabranch train faces` does with FLAGS."""
    task = ab.make("faces")
    options = {"objective": "tb", "explore": ab.Explore(epsilon=0.1), "optimizer": ab.Adam(learning_rate=3e-3)}
    size = {"policy": ab.MLP(width=16), "steps": STEPS, "batch": 16, "name": "faces"}
    return ab.train(task.env, task.log_reward, **{**options, **size, **changes})


def tree(place: Path) -> dict[str, bytes]:
    """Everything under a folder: the bytes of each file, by its path."""
    return {str(file.relative_to(place)): file.read_bytes() if file.is_file() else b"" for file in place.rglob("*")}


PROGRESS = re.compile(r"^[a-z-]+  (annealing|preparing|compiling|listing|exact answer|step)\b.*\n", re.MULTILINE)
"""What a busy machine's trainings say while they take longer than two seconds."""


def answer(*arguments: object) -> tuple[int, str, str]:
    """Exit code, output and errors of one command, without the lines of its progress."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), PROGRESS.sub("", err.getvalue())


def fine(given: tuple[int, str, str]) -> str:
    """The output of a command that ended well and said nothing of errors."""
    code, out, err = given
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "\r" not in out
    return out


def one_object(text: str) -> Any:
    """The one JSON object of an output, which must be JSON to everybody: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    (line,) = text.splitlines()
    return json.loads(line, parse_constant=refuse)


def printed_by(program: str) -> Any:
    """The JSON that a program beside this file prints: it runs without the checks of types that the tests install."""
    command = [sys.executable, str(Path(__file__).parent / program)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
