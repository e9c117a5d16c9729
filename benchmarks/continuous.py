"""`python -m benchmarks.continuous [--quick]`: continuous spaces side by side with torchgfn, alternately in one run.

Two tasks by trajectory balance, batches of 128, 2 hidden layers of 128: the unit square with the reward of the
hypergrid, and a diffusion sampler of 100 moves on 25 normal distributions. Each library is a process of its own on the
same two cores, and one waits while the other works; torchgfn takes one thread where it is quicker with one. First
rounds of training in turn say what a step costs; then each trains for a minute, and the quicker one once more for as
many steps as the other took. Compilation is off the clock, and has a column of its own. Some nine minutes on two idle
cores, and the time to install torchgfn once; `--quick` shows in two whether everything works, and writes to a folder
that git ignores. On a busy machine the threads of a library wait for each other: only an idle one gives figures.
Writes `benchmarks/results/continuous.json` and `continuous.md`.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.continuous_table import as_markdown
from benchmarks.run import HERE, PEERS, RESULTS, cpu_name, install, python_of

TASKS = {"box": "the hypergrid reward on the unit square", "gaussians": "25 normal distributions, 100 moves"}
LONGEST_ANSWER = 420.0
"""Seconds after which a library counts as failed."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much is measured."""

    rounds: int = 5
    round_seconds: float = 3.0
    warm_seconds: float = 2.0
    wall_seconds: float = 60.0
    samples: int = 10_000


QUICK = Counts(rounds=2, round_seconds=1.0, warm_seconds=0.5, wall_seconds=6.0, samples=1_000)
UNENDING = 100_000
"""Steps of the training that is timed; it is never finished."""


class PeerError(Exception):
    """A library that gave no answer."""


class Process:
    """A library that answers commands."""

    def __init__(self, process: "subprocess.Popen[str]", errors: Any) -> None:
        self.process, self.errors = process, errors

    def ask(self, command: str, **given: Any) -> dict[str, Any]:
        """The answer to one command. Raises PeerError where there is none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        watch = threading.Timer(LONGEST_ANSWER, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(json.dumps({"do": command, "with": given}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()
            raise PeerError(f"no answer to {command}: {said[-1] if said else 'nothing said'}")
        return json.loads(line)


@contextmanager
def process_of(library: str, python: Path, threads: int) -> Iterator[Process]:
    """A library's process, which ends with the block."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": ""}
    # A program from a cache would be a compilation that costs nothing.
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    if library == "anabranch":
        environment["PYTHONPATH"] = str(HERE.parent / "src")
    command = [str(python), str(PEERS / f"{library}_continuous_peer.py")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=PEERS, text=True, env=environment, stderr=errors, **pipes)
        try:
            yield Process(process, errors)
        finally:
            process.kill()
            process.wait()


def pythons() -> dict[str, tuple[Path | None, str]]:
    """The interpreter of each library, with what the diffusion samplers of torchgfn import beside the library."""
    python, reason = python_of("torchgfn")
    if python is not None:
        done = python.parent.parent / ".installed-continuous"
        if not done.exists():
            reason = install(python, "torchgfn", ["-r", str(PEERS / "requirements-torchgfn-continuous.txt")])
            if reason:
                python = None
            else:
                done.touch()
    return {"anabranch": python_of("anabranch"), "torchgfn": (python, reason)}


def priced(peers: dict[str, Process], task: str, counts: Counts, seed: int) -> dict[str, dict[str, Any]]:
    """What a training step costs each library: rounds in turn, after compilation and a warm-up."""
    found: dict[str, dict[str, Any]] = {}
    for library, peer in peers.items():
        started = peer.ask("start", task=task, steps=UNENDING, seed=seed)
        peer.ask("train", steps=UNENDING, seconds=counts.warm_seconds)
        found[library] = {**started, "rounds_ms": []}
    for _ in range(counts.rounds):
        for library, peer in peers.items():
            answer = peer.ask("train", steps=UNENDING, seconds=counts.round_seconds)
            found[library]["rounds_ms"].append(1e3 * answer["seconds"] / answer["steps"])
    for library, one in found.items():
        one["ms"] = median(one["rounds_ms"])
        say(f"{task}  {library}  {one['ms']:.2f} ms a step, compiled in {one['compile_seconds']:.1f} s")
    return found


def finished(peer: Process, task: str, steps: int, seconds: float | None, counts: Counts, seed: int) -> dict[str, Any]:
    """One whole training, and what is left of it."""
    peer.ask("start", task=task, steps=steps, seed=seed)
    took = peer.ask("train", steps=steps, seconds=seconds)
    left = peer.ask("estimate", samples=counts.samples)
    say(f"{task}  {took['steps']} steps in {took['seconds']:.1f} s: ELBO {left['elbo']:.4f}, log Z {left['log_z']:.4f}")
    return {**took, **left}


def compared(peers: dict[str, Process], task: str, counts: Counts, seed: int) -> dict[str, Any]:
    """One task with one seed: the price of a step, a minute of each, and equal steps."""
    prices = priced(peers, task, counts, seed)
    wall: dict[str, Any] = {}
    for library, peer in peers.items():
        steps = max(1, int(1e3 * counts.wall_seconds / prices[library]["ms"]))
        wall[library] = finished(peer, task, steps, counts.wall_seconds, counts, seed)
    fewest = min(one["steps"] for one in wall.values())
    equal = {
        library: wall[library] if wall[library]["steps"] == fewest else finished(peer, task, fewest, None, counts, seed)
        for library, peer in peers.items()
    }
    return {"task": task, "seed": seed, "price": prices, "wall": wall, "equal": equal}


def main() -> None:
    """Measure both libraries, and write what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.continuous", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts, to see that it works")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each kind; default: 1")
    parser.add_argument("--threads", type=int, default=2, help="cores that both run on; default: 2")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results, of --quick a folder in .peers")
    given = parser.parse_args()
    if given.seeds < 1 or given.threads < 1:
        parser.error("--seeds and --threads must be positive")
    counts = QUICK if given.quick else Counts()
    out = given.out or (HERE.parent / ".peers" / "quick" if given.quick else RESULTS)
    load = os.getloadavg()[0]  # before an installation, which is load too
    found = pythons()
    cores = sorted(os.sched_getaffinity(0))[: given.threads]
    # The libraries inherit it: JAX has as many threads as there are cores that it may use.
    os.sched_setaffinity(0, cores)
    failed = {name: why for name, (python, why) in found.items() if python is None}
    report: dict[str, Any] = {"failed": failed, "versions": {}, "measured": []}
    with ExitStack() as stack:
        peers = {
            name: stack.enter_context(process_of(name, python, len(cores)))
            for name, (python, _) in found.items()
            if python
        }
        try:
            report["versions"] = {name: peer.ask("versions") for name, peer in peers.items()}
            for task, seed in product(given.tasks, range(given.seeds)):
                report["measured"].append(compared(peers, task, counts, seed))
        except PeerError as error:
            # Its process is gone; what was measured before stands.
            report["failed"]["the rest"] = str(error)
    report["counts"] = vars(counts)
    report["machine"] = {
        "cpu": cpu_name(),
        "cores": len(cores),
        "system": platform.platform(),
        "load": [load, os.getloadavg()[0]],  # of the last minute, before and after: a busy machine shows
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "continuous.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "continuous.md").write_text(as_markdown(report))
    print(as_markdown(report))


def say(line: str) -> None:
    """One line of progress."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
