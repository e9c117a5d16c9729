"""`anabranch compare TASK`: several objectives on one task, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anabranch.cli.conditions import in_the_middle
from anabranch.cli.flags import Option, parse
from anabranch.cli.seeds import mean_of, name_of, seeds_of, seeds_text, spread_text, summary_of, write_table
from anabranch.cli.training import OPTIONS, POSITIONAL, SEEDS, free_directory, read_choices, short_name
from anabranch.ground.errors import ConfigError

OBJECTIVES = Option(name="objectives", annotation=str, default="fm,db,tb,subtb,pg", help="names, with commas between")
OUT = Option(
    name="out", annotation=str | None, default=None, help="a new folder for the runs, the table and the picture"
)
FORMS = {"total_variation": ".5f", "kl": ".2g", "log_z": ".4f", "log_z_exact": ".4f"}
"""The numbers of the table before the facts, and how they are written."""


def compare(arguments: Sequence[str]) -> int:
    """Train each objective with its task's settings, print one table, draw one picture."""
    options = (OBJECTIVES, *(option for option in OPTIONS if option.name not in ("objective", "out")), SEEDS, OUT)
    first = parse("compare", POSITIONAL, options, arguments, partial=True)
    if not first.positional or {"-h", "--help"} & set(arguments):
        parse("compare", POSITIONAL, options, arguments)
    names = objective_names(first.options["objectives"])
    plans = [read_choices("compare", first.positional, arguments, options, objective=name) for name in names]

    from anabranch.storage.directory import require_new
    from anabranch.training.compatibility import require_compatible
    from anabranch.training.setup import setup

    for task, _, choices in plans:
        settings = {name: value for name, value in choices.items() if name not in ("exact", "checkpoint")}
        require_compatible(setup(task.env, task.log_reward, **settings))
    task, seeds, count = plans[0][0], seeds_of(first), first.options["seeds"]
    folder = require_new(first.options["out"] or free_directory(f"compare-{short_name(task)}-{seeds[0]}"))
    where = {"seed": seeds[0], "seeds": count}
    rows = [_one(name, plan[0], where, plan[2], folder / name) for name, plan in zip(names, plans, strict=True)]
    _show(rows, f"{task.name}, {seeds_text(seeds)}{in_the_middle(plans[0][2].get('condition'))}")
    table = [_as_json(row, folder_name) for row, folder_name in zip(rows, names, strict=True)]
    write_table(folder, {"task": task.name, "seeds": seeds, "rows": table})
    try:
        from anabranch.plots import compare_figure

        compare_figure([_mean_row(row) for row in rows]).savefig(folder / "compare.png", dpi=150)
        kept = "runs, table and picture"
    except ImportError as missing:
        print(f"no picture: {missing}")
        kept = "runs and table"
    print(f"{kept} kept in {folder}")
    return 0


def objective_names(text: str) -> list[str]:
    """The names of --objectives. Raises ConfigError where there is none, or one twice."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"--objectives needs different names; given {text!r}.")
    return names


def _one(name: str, task: Any, seeds: Mapping[str, Any], choices: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """What is known of the run of one objective; `columns` has a list over the seeds for each number."""
    from anabranch.evaluation.evaluate import exact_summary
    from anabranch.runs.train import train as train_run

    run = train_run(task, out=out, name=task.name, **seeds, **choices)
    if run.interrupted:
        raise KeyboardInterrupt
    aim = {"exact": choices["exact"], "objective": run.setup.objective, **run.setup.beside_reward}
    alone = [one.in_the_middle() for one in run.each()]  # of a training under conditions
    results = [exact_summary(one.policy, task.env, one.setup.log_reward, facts=task.facts, **aim) for one in alone]
    columns = {key: [result[key] for result in results] for key in FORMS}
    columns |= {f"P({fact})": [result["facts"][fact] for result in results] for fact in task.facts}
    facts = tuple(task.facts)
    about = {"label": name, "seconds": run.seconds, "steps": run.steps, "history": run.history, "facts": facts}
    return {**about, "columns": columns}


def _as_json(row: Mapping[str, Any], run: str) -> dict[str, Any]:
    columns = row["columns"]
    about = {"objective": row["label"], "run": run, "steps": row["steps"], "seconds": row["seconds"]}
    return {**about, **summary_of(columns), "each": columns}


def _mean_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the picture: means over the seeds, also along the history."""
    columns = row["columns"]
    facts = {fact: mean_of(columns[f"P({fact})"]) for fact in row["facts"]}
    history = [
        {key: mean_of(value) if isinstance(value, list) else value for key, value in point.items()}
        for point in row["history"]
    ]
    numbers = {key: mean_of(columns[key]) for key in FORMS}
    return {"label": row["label"], "seconds": row["seconds"], "facts": facts, "history": history, **numbers}


def _show(rows: list[dict[str, Any]], title: str) -> None:
    from anabranch.cli.tables import show_table

    keys = list(rows[0]["columns"])
    forms = FORMS if len(rows[0]["columns"][keys[0]]) == 1 else {"kl": FORMS["kl"]}
    table = [
        (
            row["label"],
            *(spread_text(key, row["columns"][key], forms.get(key, ".4f")) for key in keys),
            f"{row['steps']:,}",
            f"{row['seconds']:.2f}",
        )
        for row in rows
    ]
    note = "mean ± half of the 95 % interval over the seeds" if len(rows[0]["columns"][keys[0]]) > 1 else ""
    show_table(title, ("objective", *map(name_of, keys), "steps", "seconds"), table, note=note)
