"""`python -m benchmarks.run [ROW ...]`: our rows and the peers', alternately, each in an environment of its own.

Writes `benchmarks/results/rows.json` (everything measured) and `rows.md` (the table). A peer that cannot be
installed, or a row that fails, is written down as such, and the others run. With `--before FOLDER`, a checkout of an
older version of this library (`git worktree add FOLDER COMMIT`), that one is measured too.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from benchmarks.rows import ROWS
from benchmarks.table import BEFORE, as_markdown

HERE = Path(__file__).parent
PEERS = HERE / "peers"
ENVIRONMENTS = HERE.parent / ".peers"
RESULTS = HERE / "results"
LIBRARIES = ("anabranch", "gfnx", "torchgfn")
TORCH = "torch==2.13.0"


def python_of(library: str) -> tuple[Path | None, str]:
    """The interpreter of a library's own environment, made if need be; None and the reason where that fails."""
    if library in ("anabranch", BEFORE):
        return Path(sys.executable), ""
    place = ENVIRONMENTS / library
    python = place / "bin" / "python"
    done = place / ".installed"
    if done.exists():
        return python, ""
    venv.create(place, with_pip=True, clear=True)
    steps = [[TORCH]] if library == "torchgfn" else []
    for step in [*steps, ["-r", str(PEERS / f"requirements-{library}.txt")]]:
        if reason := install(python, library, step):
            return None, reason
    done.touch()
    return python, ""


def install(python: Path, library: str, what: list[str]) -> str:
    """Install something into a library's own environment; the reason where that fails, and nothing elsewhere."""
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *what]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{library} could not be installed: {found.stderr.strip().splitlines()[-1:]}" if found.returncode else ""


def measure(library: str, python: Path, row: dict[str, Any], *, checkout: Path = HERE.parent) -> dict[str, Any]:
    """One measurement in a process of its own, with the adapter of a checkout, and the library of that checkout."""
    peers = checkout / "benchmarks" / "peers"
    adapter = f"{'anabranch' if library == BEFORE else library}_peer.py"
    command = [str(python), str(peers / adapter), json.dumps(row)]
    place: dict[str, Any] = {"cwd": peers, "env": {**os.environ, "PYTHONPATH": str(checkout / "src")}}
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, **place)
    except subprocess.TimeoutExpired:
        return {"library": library, "failed": "no answer in 900 s"}
    if found.returncode:
        return {"library": library, "failed": (found.stderr.strip().splitlines() or ["no output"])[-1]}
    return {**json.loads(found.stdout.strip().splitlines()[-1]), "library": library}


def main() -> None:
    """Run the rows named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="a checkout of an older version, measured too")
    given = parser.parse_args()
    unknown = [name for name in given.rows if name not in ROWS]
    if unknown or given.repeats < 1:
        parser.error(f"no row named {unknown[0]}" if unknown else "--repeats must be positive")
    if given.before is not None and not (given.before / "benchmarks" / "peers" / "anabranch_peer.py").is_file():
        parser.error(f"{given.before} is no checkout of this library: git worktree add {given.before} COMMIT makes one")
    checkouts: dict[str, Path] = dict.fromkeys(LIBRARIES, HERE.parent)
    if given.before is not None:
        checkouts[BEFORE] = given.before.resolve()
    pythons = {library: python_of(library) for library in checkouts}
    measured: dict[str, list[dict[str, Any]]] = {}
    machine = {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "system": platform.platform()}
    for name in given.rows or ROWS:
        measured[name] = []
        for repeat in range(given.repeats):
            for library, checkout in checkouts.items():
                python, reason = pythons[library]
                row = {**ROWS[name], "seed": repeat}
                if python is None:
                    answer = {"library": library, "failed": reason}
                else:
                    answer = measure(library, python, row, checkout=checkout)
                measured[name].append(answer)
                speed = answer.get("ms_per_iteration")
                print(f"{name}  {library}  {answer.get('failed') or f'{speed:.3f} ms'}", flush=True)
        given.out.mkdir(exist_ok=True)
        (given.out / "rows.json").write_text(json.dumps({"machine": machine, "rows": measured}, indent=1) + "\n")
        (given.out / "rows.md").write_text(as_markdown(machine, measured))
    print(as_markdown(machine, measured))


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
