"""The combinations of a sweep as commands of their own: in processes of this machine, or as tasks of a Ray cluster.

Each writes its run and its row of the table into a folder; one that fails is tried again, and one that fails in the end
is a row that says so. What travels is the words of a command line.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from anabranch.ground.errors import ConfigError
from anabranch.rewards.ray_workers import joined_ray

ATTEMPTS = 3
PROGRAM = "from anabranch.cli import main; raise SystemExit(main())"
Work = Callable[[list[str]], tuple[int, str]]
"""Runs one command and gives its exit code and its last words."""


def rows_of_lanes(commands: Sequence[list[str]], places: Sequence[Path], workers: str) -> list[dict[str, Any]]:
    """The rows of the tables of all commands; each leaves its run in its place.

    Raises ConfigError where there are no such workers.
    """
    run_all = _by_ray if workers == "ray" else _by_processes(workers)
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
    return run_all(commands, places)


def _by_processes(workers: str) -> Callable[[Sequence[list[str]], Sequence[Path]], list[dict[str, Any]]]:
    if not workers.isdecimal() or int(workers) < 1:
        raise ConfigError(f"--workers is a number of processes, or ray; given {workers!r}.")

    def run_all(commands: Sequence[list[str]], places: Sequence[Path]) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(int(workers)) as pool:
            return list(pool.map(lambda command, place: attempted(command, place, _in_process), commands, places))

    return run_all


def _in_process(command: list[str]) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *command], capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    return done.returncode, lines[-1] if lines else f"exit code {done.returncode}"


def _by_ray(commands: Sequence[list[str]], places: Sequence[Path]) -> list[dict[str, Any]]:
    ray = joined_ray()
    task = ray.remote(max_retries=0)(_in_worker)

    def begun(number: int, attempt: int) -> Any:
        return task.remote(commands[number], str(_draft(places[number], attempt)))

    waiting = {begun(number, 1): (number, 1) for number in range(len(commands))}
    rows: dict[int, dict[str, Any]] = {}
    while waiting:
        (ready,), _ = ray.wait(list(waiting))
        number, attempt = waiting.pop(ready)
        place = places[number]
        try:
            code, words = ray.get(ready)
        except ray.exceptions.RayError as error:  # the worker was lost
            code, words = -1, type(error).__name__
        row = _row(code, words, _draft(place, attempt), place)
        if row.get("failed") and _may_help(code) and attempt < ATTEMPTS:
            waiting[begun(number, attempt + 1)] = (number, attempt + 1)
        else:
            rows[number] = row
    ray.shutdown()
    return [rows[number] for number in range(len(commands))]


def _in_worker(command: list[str], out: str) -> tuple[int, str]:
    from anabranch.cli import main

    return main([*command, "--out", out]), ""


def attempted(command: list[str], place: Path, work: Work) -> dict[str, Any]:
    """The row of one command, tried again where it fails for a reason that may pass."""
    row: dict[str, Any] = {}
    for attempt in range(1, ATTEMPTS + 1):
        draft = _draft(place, attempt)
        code, words = work([*command, "--out", str(draft)])
        row = _row(code, words, draft, place)
        if not row.get("failed") or not _may_help(code):
            break
    return row


def _draft(place: Path, attempt: int) -> Path:
    """Where an attempt writes: a process that was given up may still write there."""
    return place.with_name(f".{place.name}.{os.getpid()}.{attempt}")


def _may_help(code: int) -> bool:
    """Whether to try again: not after a refusal."""
    return code not in (1, 2, 3, 4)


def _row(code: int, words: str, draft: Path, place: Path) -> dict[str, Any]:
    """The row of a command that has ended, its run moved to its place."""
    if code:
        shutil.rmtree(draft, ignore_errors=True)
        return {"run": place.name, "failed": words or f"exit code {code}"}
    (row,) = json.loads((draft / "table.json").read_text())["rows"]
    (draft / row["run"]).rename(place)
    shutil.rmtree(draft)
    return {**row, "run": place.name}
