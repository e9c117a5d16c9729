"""`anabranch sweep TASK --over NAME=V1,V2`: every combination of some settings, as one table."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anabranch.cli.comparing import objective_names
from anabranch.cli.flags import Option, parse
from anabranch.cli.lanes import rows_of_lanes
from anabranch.cli.seeds import finite_json, name_of, seeds_of, seeds_text, spread_text, summary_of, write_table
from anabranch.cli.training import OPTIONS, POSITIONAL, read_choices
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import fields_of, parsed
from anabranch.training.settings import SETTINGS

if TYPE_CHECKING:
    from anabranch.training.sweep import Swept

OVER = Option(
    name="over",
    annotation=str,
    default=None,
    help="a setting and its values, such as optimizer.learning_rate=1e-3,3e-3 or batch=16,64; may be repeated",
    repeated=True,
)
OBJECTIVES = Option(
    name="objectives",
    annotation=str | None,
    default=None,
    help="in place of --objective: names with commas between, each swept with the task's settings for it",
)
WORKERS = Option(
    name="workers",
    annotation=str | None,
    default=None,
    help="train each combination in a process of its own: so many at once, or ray, the tasks of a cluster",
)
SEEDS = Option(name="seeds", annotation=int, default=3, help="so many seeds for each combination")
OUT = Option(name="out", annotation=str | None, default=None, help="a new folder for the runs and the table")
PLAIN = {
    name: str if one.kind == "part" else one.annotation
    for name, one in SETTINGS.items()
    if one.swept and one.kind != "record"
}


def sweep(arguments: Sequence[str]) -> int:
    """Train all combinations and print the loss (and exact distance) of each: of each objective the best loss first."""
    shared = (option for option in OPTIONS if option.name not in ("out", "checkpoint"))
    options = (OVER, OBJECTIVES, *shared, SEEDS, WORKERS, OUT)
    first = parse("sweep", POSITIONAL, options, arguments, partial=True)
    if not first.positional or {"-h", "--help"} & set(arguments):
        parse("sweep", POSITIONAL, options, arguments)
    several = first.options["objectives"]
    if several is not None and "objective" in first.named:
        raise ConfigError("sweep takes --objective NAME or --objectives NAME,NAME, not both.")
    names = [None] if several is None else objective_names(several)
    plans = [read_choices("sweep", first.positional, arguments, options, objective=name) for name in names]
    if not first.options["over"]:
        raise ConfigError("sweep needs at least one --over NAME=VALUE,VALUE.")
    axes = [dict(_axis(text, choices) for text in first.options["over"]) for _, _, choices in plans]

    from anabranch.storage.directory import require_new
    from anabranch.training.sweep import sweep as run_sweep

    seeds, task = seeds_of(first), plans[0][0]
    folder = None if first.options["out"] is None else require_new(first.options["out"])
    workers = first.options["workers"]
    if workers is not None and folder is None:
        raise ConfigError("sweep --workers keeps each combination as it is done: add --out FOLDER.")
    where = {"seed": seeds[0], "seeds": len(seeds), "callback": _announce if sys.stderr.isatty() else None}
    rows: list[dict[str, Any]] = []
    for (one, _, choices), over in zip(plans, axes, strict=True):
        name = choices["objective"].name
        if workers is not None and folder is not None:
            chosen = ["--objective", name] if several else []
            some = _by_workers(workers, [*_shared(arguments), *chosen], first.options["over"], folder, name)
        else:
            results = run_sweep(one.env, one.log_reward, over=over, **where, **choices)
            some = [_row(f"{name}-{number}", swept) for number, swept in enumerate(results, 1)]
            if folder is not None:
                for row, swept in zip(some, results, strict=True):
                    _keep(swept, folder / row["run"], task=task.name, seed=seeds[0])
        rows += sorted(some, key=lambda row: (bool(row.get("failed")), row.get("diverged", 0) > 0, _loss(row)))
    _show(rows, list(axes[0]), f"{task.name}: {', '.join(p[2]['objective'].name for p in plans)}, {seeds_text(seeds)}")
    if folder is not None:
        write_table(folder, {"task": task.name, "seeds": seeds, "rows": rows})
        print(f"runs and table kept in {folder}")
    return 1 if any(row.get("failed") for row in rows) else 0


def _shared(arguments: Sequence[str]) -> list[str]:
    """The words that the commands of all combinations share."""
    left, words = {"--over", "--out", "--workers", "--objectives"}, iter(arguments)
    kept = []
    for word in words:
        if word in left:
            next(words, None)
        elif word.partition("=")[0] not in left:
            kept.append(word)
    return ["sweep", *kept]


def _by_workers(workers: str, shared: list[str], axes: Sequence[str], folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of all combinations, each trained by a command of its own."""
    from anabranch.training.sweep import combinations

    over = {text.partition("=")[0]: text.partition("=")[2].split(",") for text in axes}
    commands = [
        [*shared, *(word for path, value in one.items() for word in ("--over", f"{path}={value}"))]
        for one in combinations(over)
    ]
    places = [folder / f"{name}-{number}" for number in range(1, len(commands) + 1)]
    return rows_of_lanes(commands, places, workers)


def _announce(swept: "Swept") -> None:
    settings = ", ".join(f"{name} {value}" for name, value in swept.settings.items())
    print(f"{settings}: loss {swept.mean_loss:.3g}", file=sys.stderr)


def _axis(text: str, choices: Mapping[str, Any]) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    where = f"--over {name}"
    words = [word.strip() for word in values.split(",") if word.strip()]
    if not equals or not words:
        raise ConfigError(f"--over takes NAME=VALUE,VALUE; given {text!r}.")
    group, _, field = name.rpartition(".")
    settings = {entry.name: entry.annotation for entry in fields_of(choices[group])} if choices.get(group) else PLAIN
    if (field or name) not in settings:
        raise ConfigError(f"{where} is no setting{f' of {group}' if group else ''}; it has {', '.join(settings)}.")
    return name, [parsed(word, settings[field or name], where) for word in words]


def _columns(swept: "Swept") -> dict[str, list[float | None]]:
    """Each number of a combination over the seeds."""
    distances = swept.total_variation or [None] * len(swept.loss)
    return {"loss": list(swept.loss), "total_variation": list(distances)}


def _keep(swept: "Swept", place: Path, *, task: str, seed: int) -> None:
    """Write the run directory of a combination."""
    from anabranch.runs.run import Run
    from anabranch.training.configuration import configuration

    setup, seconds = swept.setup, swept.row["seconds"]
    config = configuration(setup, seed=seed, name=task)
    Run(swept.policy, [swept.row], config, None, setup, setup.steps, seconds).save(place)


def _row(name: str, swept: "Swept") -> dict[str, Any]:
    """What the table, on the terminal and as JSON, has of a combination."""
    columns = _columns(swept)
    part = {"run": name, "objective": swept.setup.objective.name, "settings": swept.settings}
    return finite_json({**part, "diverged": swept.diverged, **summary_of(columns), "each": columns})


def _loss(row: Mapping[str, Any]) -> float:
    mean = row.get("mean", {}).get("loss")
    return math.inf if mean is None else mean


def _show(rows: Sequence[Mapping[str, Any]], names: list[str], title: str) -> None:
    from anabranch.cli.tables import show_table

    def shown(value: Any) -> str:
        return f"{value:g}" if isinstance(value, float) else str(value)

    table = []
    for row in rows:
        if row.get("failed"):
            table.append((row["run"], *("-" for _ in names), f"failed: {row['failed']}", "-"))
            continue
        columns = row["each"]
        loss = "diverged" if row["diverged"] else spread_text("loss", columns["loss"], ".3g")
        settings = (shown(row["settings"][name]) for name in names)
        table.append((row["run"], *settings, loss, spread_text("total_variation", columns["total_variation"], ".4f")))
    several = any(len(row["each"]["loss"]) > 1 for row in rows if not row.get("failed"))
    note = "mean ± half of the 95 % interval over the seeds" if several else ""
    heads = ("run", *names, name_of("loss"), name_of("total_variation"))
    show_table(title, heads, table, note=note)
