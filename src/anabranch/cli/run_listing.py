"""Runs on disk, in words: how far each came, what it reached, what it keeps, and who writes it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anabranch.cli.flags import parse
from anabranch.cli.seeds import mean_of
from anabranch.ground.errors import ConfigError, RunError
from anabranch.storage.directory import RunDirectory
from anabranch.storage.lock import writer_of

FOLDER = ("FOLDER", "where runs are kept")
WHERE = "runs"
COLUMNS = ("task", "objective", "state", "exact TV", "log Z")


def list_runs(arguments: Sequence[str]) -> int:
    """Name the runs under a folder, one a line."""
    folder = Path(parse("list runs", FOLDER, (), arguments or [WHERE]).positional)
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}: anabranch list runs FOLDER names the runs under it.")
    from anabranch.cli.tables import show_table

    rows = []
    for file in sorted(folder.rglob("run.json")):
        try:
            about = facts_of(RunDirectory.open(file.parent))
        except RunError as error:
            about = {"state": str(error).removeprefix(f"{file.parent}/")}
        rows.append((str(file.parent), *(about.get(key, "") for key in COLUMNS)))
    show_table(f"runs in {folder}", ("run", *COLUMNS), rows, left=4)
    print("anabranch resume RUN goes on with one that was stopped; anabranch show RUN tells more")
    return 0


def show_run(path: str) -> None:
    """Print what is known of a run without reading its arrays."""
    from anabranch.cli.tables import show_table

    directory = RunDirectory.open(path)
    config = directory.read_config()
    rows = list(facts_of(directory).items())
    rows.append(("checkpoints", _checkpoints(directory)))
    settings = {key: value for key, value in config.items() if key not in ("format", "task", "versions", "result")}
    rows += [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in settings.items()]
    rows.append(("trained by", ", ".join(f"{name} {number}" for name, number in config.get("versions", {}).items())))
    show_table(path, ("", ""), rows, left=2)
    print(f"anabranch evaluate {path} measures it; anabranch show {path} --json prints run.json")


def facts_of(directory: RunDirectory) -> dict[str, str]:
    """A run in a few words, by what they are about."""
    config, rows = directory.read_config(), directory.read_metrics()
    last = next((row for row in reversed(rows) if row.get("total_variation") is not None), {})
    env, objective = config.get("env"), config.get("objective")
    return {
        "task": str(config.get("task") or (env.get("class") if isinstance(env, dict) else env)),
        "objective": str(objective.get("name") if isinstance(objective, dict) else objective),
        "state": _state(directory, config),
        "exact TV": _number(last.get("total_variation")),
        "log Z": _number(rows[-1].get("log_z") if rows else None),
    }


def _state(directory: RunDirectory, config: dict[str, Any]) -> str:
    writer = writer_of(directory.path)
    steps, total = directory.checkpoints.steps(), config.get("steps", 0)
    done = steps[0] if steps else 0
    if writer is not None:
        return f"step {done:,} of {total:,}, trained by {writer}"
    if not steps:
        return "nothing learned"
    if done >= total:
        return f"{done:,} steps"
    return f"stopped at step {done:,} of {total:,}"


def _checkpoints(directory: RunDirectory) -> str:
    kept = directory.checkpoints
    steps = kept.steps()
    try:
        best = kept.read(steps[0], lambda name: False).progress.get("best") if steps else None
    except RunError:
        best = None
    words = [f"{step:,}{' (best)' if best is not None and best[1] == step else ''}" for step in steps]
    return f"of the steps {', '.join(words)}" if words else "none"


def _number(value: Any) -> str:
    """A number of the last row, over the seeds its mean."""
    mean = mean_of(value) if isinstance(value, list) else value
    return "-" if mean is None else f"{mean:.4f}"
