"""What the peers' adapters share: one benchmark row in, one JSON object out.

Each adapter runs under its own library's Python, so this file needs nothing but NumPy. A row is a flat JSON
object whose keys are the fields of `Row`. Lines before the last are progress (one JSON object a checkpoint).
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement: a space, an objective, and how it is trained and read."""

    space: Literal["hypergrid", "ising", "bits"]
    mode: Literal["time", "long", "tv"] = "time"
    objective: Literal["tb", "db", "subtb"] = "tb"
    dim: int = 2  # hypergrid
    side: int = 8  # hypergrid and ising (a torus of side x side spins)
    r0: float = 0.1
    r1: float = 0.5
    r2: float = 2.0
    coupling: float = 0.4406868  # ising: log R = coupling * sum over edges, each once
    length: int = 120  # bits
    word: int = 8
    modes: int = 60
    beta: float = 3.0
    encoding: Literal["raw", "onehot"] = "raw"  # bits: what the network sees of a slot
    batch: int = 16
    lr: float = 1e-3
    log_z_lr: float = 0.1
    lam: float = 0.9
    hidden: int = 256
    epsilon: float = 0.0  # chance a step of a uniform legal action
    reuse: bool | None = None  # torchgfn: keep the sampler's log-probabilities (None: where that is valid)
    steps: int = 1000
    seed: int = 0
    seconds: float | None = None  # time, long: stop the timed loop once this much is spent
    pretrain: int = 100_000  # long: untimed steps, at most
    pretrain_seconds: float = 120.0
    pretrain_batch: int | None = None
    min_rows: float | None = None  # long: enough once a chunk's mean rows reach this
    every: int = 100  # tv: steps a checkpoint; long: steps between looks at the mean rows
    limit_seconds: float = 600.0  # tv: training time
    out: str = "."  # tv: where the .npy files go
    wait: bool = False  # tv: after each checkpoint wait for a line on stdin; any but "go" ends the run

    @classmethod
    def parse(cls, text: str) -> Row:
        given = json.loads(text)
        unknown = sorted(set(given) - {field.name for field in fields(cls)})
        if unknown:
            raise SystemExit(f"unknown fields in the row: {', '.join(unknown)}")
        return cls(**given)


class Peer(Protocol):
    """A library that has built one row's environment, policy and optimiser."""

    packages: tuple[str, ...]
    threads: int
    note: str

    def warm_up(self) -> float:
        """Compile and touch everything; leave the parameters as they were. Seconds of compilation."""
        ...

    def set_batch(self, batch: int) -> None:
        """Train with another batch size from here on."""
        ...

    def train(self, steps: int) -> tuple[float, float]:
        """Seconds for so many training steps, and the sum over them of the batch's mean rows."""
        ...

    def log_reward(self, objects: np.ndarray) -> np.ndarray:
        """The library's own log-reward of finished objects (coordinates, or spins in {0, 1})."""
        ...

    def log_probs(self, objects: np.ndarray) -> np.ndarray:
        """Log P_F of every action at every state, STOP last; -inf where illegal."""
        ...


def grid_states(row: Row) -> np.ndarray:
    """Every coordinate of the hypergrid in C order, int32 [side**dim, dim]."""
    axes = np.meshgrid(*[np.arange(row.side, dtype=np.int32)] * row.dim, indexing="ij")
    return np.stack(axes, -1).reshape(-1, row.dim)


def grid_log_reward(row: Row, states: np.ndarray) -> np.ndarray:
    """The reward of `benchmarks` with its thresholds in integers, so that no rounding can move a point."""
    span = row.side - 1
    outer = np.abs(4 * states - 2 * span) > span
    offset = np.abs(10 * states - 5 * span)
    band = (offset > 3 * span) & (offset < 4 * span)
    return np.log(row.r0 + row.r1 * outer.all(-1) + row.r2 * band.all(-1))


def ising_log_reward(row: Row, spins: np.ndarray) -> np.ndarray:
    """Coupling times the sum over the torus edges, each once, of the products of neighbouring spins."""
    signs = (2.0 * spins - 1.0).reshape(-1, row.side, row.side)
    edges = signs * np.roll(signs, 1, 1) + signs * np.roll(signs, 1, 2)
    return row.coupling * edges.sum((1, 2))


def check_reward(row: Row, peer: Peer) -> dict[str, Any]:
    """How many objects the library rewards differently from the reference, and its own exact log Z."""
    if row.space == "bits":
        return {"log_z_exact": None, "reward_checked": 0, "reward_differs": None}
    if row.space == "hypergrid":
        objects = grid_states(row)
        reference = grid_log_reward(row, objects)
    else:
        objects = np.random.default_rng(0).integers(0, 2, (256, row.side**2))
        reference = ising_log_reward(row, objects)
    own = np.asarray(peer.log_reward(objects), np.float64)
    differs = int((~np.isclose(own, reference, rtol=1e-4, atol=1e-4)).sum())
    log_z = float(np.log(np.exp(own).sum())) if row.space == "hypergrid" else None
    return {"log_z_exact": log_z, "reward_checked": len(objects), "reward_differs": differs}


def timed(row: Row, peer: Peer) -> dict[str, Any]:
    """Time `steps` training steps; with a cap in seconds, in tenths, so that the cap can be obeyed."""
    chunk = row.steps if row.seconds is None else max(1, row.steps // 10)
    seconds = rows = 0.0
    done = 0
    while done < row.steps and (row.seconds is None or seconds < row.seconds):
        size = min(chunk, row.steps - done)
        spent, length = peer.train(size)
        seconds, rows, done = seconds + spent, rows + length, done + size
    return {
        "steps": done,
        "seconds": seconds,
        "ms_per_iteration": 1e3 * seconds / done,
        "mean_rows": rows / done,
        "us_per_row": 1e6 * seconds / (rows * row.batch),
    }


def lengthen(row: Row, peer: Peer) -> dict[str, Any]:
    """Train, untimed, until trajectories are long enough or the allowance of steps or seconds is spent."""
    start = time.perf_counter()
    done, rows = 0, 0.0
    peer.set_batch(row.pretrain_batch or row.batch)
    while done < row.pretrain and time.perf_counter() - start < row.pretrain_seconds:
        size = min(row.every, row.pretrain - done)
        rows = peer.train(size)[1] / size
        done += size
        if row.min_rows is not None and rows >= row.min_rows:
            break
    peer.set_batch(row.batch)
    spent = time.perf_counter() - start
    return {"pretrain_steps": done, "pretrain_rows": rows, "pretrain_seconds": spent}


def run_time(row: Row, peer: Peer) -> dict[str, Any]:
    return timed(row, peer)


def run_long(row: Row, peer: Peer) -> dict[str, Any]:
    return lengthen(row, peer) | timed(row, peer)


def run_tv(row: Row, peer: Peer) -> dict[str, Any]:
    """Train in chunks; after each, write log P_F on all states. Only the training is on the clock."""
    if row.space != "hypergrid":
        raise SystemExit("mode tv needs a space that can be enumerated: hypergrid")
    folder = Path(row.out)
    folder.mkdir(parents=True, exist_ok=True)
    states = grid_states(row)
    checkpoints: list[dict[str, Any]] = []
    step, seconds, rows = 0, 0.0, 0.0
    while seconds < row.limit_seconds:
        spent, length = peer.train(row.every)
        step, seconds, rows = step + row.every, seconds + spent, rows + length
        file = folder / f"{step:08d}.npy"
        np.save(file, np.asarray(peer.log_probs(states), np.float32))
        checkpoints.append({"step": step, "seconds": seconds, "file": str(file)})
        print(json.dumps(checkpoints[-1]), flush=True)
        if row.wait and sys.stdin.readline().strip() != "go":
            break
    return {"steps": step, "seconds": seconds, "mean_rows": rows / step, "checkpoints": checkpoints}


def main(library: str, build: Callable[[Row], Peer]) -> None:
    """Parse argv[1], build, warm up, run, and print the answer."""
    row = Row.parse(sys.argv[1])
    load = os.getloadavg()[0]
    peer = build(row)
    answer: dict[str, Any] = {"library": library, "row": asdict(row), "note": peer.note}
    answer |= check_reward(row, peer)
    answer["compile_seconds"] = peer.warm_up()
    answer |= {"time": run_time, "long": run_long, "tv": run_tv}[row.mode](row, peer)
    versions = {name: version(name) for name in peer.packages}
    answer["versions"] = {"python": platform.python_version()} | versions
    answer["load"] = [load, os.getloadavg()[0]]  # of the last minute, before and after: a busy machine shows
    answer["threads"] = peer.threads
    answer["cores"] = len(os.sched_getaffinity(0))
    print(json.dumps(answer), flush=True)
